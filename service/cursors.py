"""Cursors: where a page ended, signed, so that the next one can go on there and nowhere else.

A cursor belongs to one query (what was asked, what the caller may see) and one generation of one
index. It holds how many crops were shown and a digest of which ones. The next page makes the same
ranking again and goes on only if its beginning holds exactly those crops: then no crop comes
twice and none is left out, whatever made the order. If it does not, the cursor has expired.
Cursors are signed with HMAC-SHA256 (RFC 2104), not encrypted: they hold no text and no id.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable

from pydantic import Field, ValidationError

from indexer.gallery import Filters
from indexer.manifest import IndexManifest
from models.errors import DescryError
from models.schema import Schema
from service.queries import QueryRefused, SearchOptions

TTL_S = 900.0
_SIGNATURE_BYTES = 32
_DIGEST_BYTES = 16
# What may change from page to page without changing the ranking.
_NOT_ASKED = {"cursor": True, "limit": True, "explain": True, "purpose": True}


class CursorExpired(DescryError):
    """A cursor's time is over, or the ranking it belongs to is no longer there."""


class Cursor(Schema):
    """Where to go on.

    ``generation`` and ``query`` are digests. ``position`` crops were shown, ``shown`` is their
    digest. ``depth`` is how many crops the first page had the gallery look for, ``reranked``
    whether its second stage was applied: both decide the order of what follows.
    """

    generation: str
    query: str
    position: int = Field(ge=1)
    shown: str
    depth: int = Field(ge=1)
    reranked: bool
    expires_at: int


class CursorSigner:
    """Writes cursors and reads them again."""

    def __init__(
        self,
        secret: bytes | None = None,
        ttl_s: float = TTL_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take a secret that several processes share, or make one that lives as long as this."""
        self._secret = secrets.token_bytes(_SIGNATURE_BYTES) if secret is None else secret
        self._ttl_s = ttl_s
        self._clock = clock

    def expiry(self) -> int:
        """Return when a cursor made now expires, in seconds since 1970."""
        return int(self._clock() + self._ttl_s)

    def write(self, cursor: Cursor) -> str:
        """Return the cursor as URL-safe text."""
        content = json.dumps(list(cursor.model_dump().values()), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(content) + content).rstrip(b"=").decode()

    def read(self, token: str) -> Cursor:
        """Return the cursor that a text is.

        Raises:
            QueryRefused: If this service did not write it, or it was changed since.
            CursorExpired: If its time is over.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (NotBase64, ValueError) as error:
            raise QueryRefused("cursor", _NOT_OURS) from error
        signature, content = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(content)):
            raise QueryRefused("cursor", _NOT_OURS)
        try:
            fields = dict(zip(Cursor.model_fields, json.loads(content), strict=True))
            cursor = Cursor.model_validate(fields)
        except (ValueError, TypeError, ValidationError) as error:
            # Signed by another version of this program that shares the secret.
            raise QueryRefused("cursor", _NOT_OURS) from error
        if self._clock() >= cursor.expires_at:
            raise CursorExpired("the cursor has expired: search again from the first page")
        return cursor

    def _sign(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, "sha256")


_NOT_OURS = "the cursor is none of this service, or was changed: send next_cursor as it came"


def generation_digest(manifest: IndexManifest) -> str:
    """Return what tells a generation of an index from every other one."""
    told = [manifest.name, str(manifest.generation), manifest.created_at.isoformat()]
    return _digest("\n".join([*told, manifest.model.fingerprint]))


def query_digest(request: SearchOptions, filters: Filters, image_sha256: str) -> str:
    """Return what tells a query from every other one; pages of one query may differ in size.

    Args:
        request: What was asked.
        filters: What may answer: the request's conditions and the caller's.
        image_sha256: Of the picture's bytes, empty where there is none.
    """
    asked = request.model_dump_json(exclude={**_NOT_ASKED, "rerank": {"deadline_ms"}})
    return _digest("\n".join([asked, filters.model_dump_json(), image_sha256]))


def shown_digest(crop_ids: Iterable[str]) -> str:
    """Return a digest of a set of crops, whatever their order."""
    return _digest("\n".join(sorted(crop_ids)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[: 2 * _DIGEST_BYTES]
