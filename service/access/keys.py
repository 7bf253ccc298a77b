"""API keys: how one is made, written down, and recognised."""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import Headers

from service.access.granted import Scope

PREFIX = "descry"
_ID_BYTES = 4
_NOBODY = "0" * 64  # what the hash of a key of unknown id is compared with


@dataclass(frozen=True)
class StoredKey:
    """What is known of a key; ``cameras`` is None where it may see all."""

    id: str
    name: str
    sha256: str
    scopes: frozenset[Scope]
    cameras: frozenset[str] | None
    created: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def new_key() -> tuple[str, str]:
    """Return the id of a new key, and the key: ``descry_ID_`` and 43 random characters."""
    key_id = secrets.token_hex(_ID_BYTES)
    return key_id, f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """Return the SHA-256 of a key: 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def id_in(key: str) -> str:
    """Return the id that a key names; empty where it is no key of ours."""
    prefix, _, rest = key.partition("_")
    key_id, separator, _ = rest.partition("_")
    return key_id if prefix == PREFIX and separator else ""


def is_key(given: str, stored: StoredKey | None) -> bool:
    """Tell whether ``given`` is the stored key, in a time that does not tell how nearly."""
    expected = _NOBODY if stored is None else stored.sha256
    return hmac.compare_digest(hash_of(given), expected) and stored is not None


def presented_key(headers: Headers) -> str | None:
    """Return the key a request brings: Bearer, the password of Basic, or X-API-Key.

    Basic is what a browser asks its user for, and sends with every image of the page.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    if scheme.lower() == "basic":
        return _password(given)
    return headers.get("x-api-key") or None


def _password(given: str) -> str | None:
    try:
        decoded = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded.partition(":")[2] or None
