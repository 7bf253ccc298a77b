"""API keys in the database."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import select, update

from models.errors import ConfigurationInvalid
from service.access.granted import SCOPES, Scope
from service.access.keys import StoredKey, hash_of, new_key
from service.database import Database
from service.tables import ApiKey

NAME_LENGTH = 100


class KeyStore:
    """Makes, lists and revokes keys; none is ever deleted, so that audit rows stay readable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        scopes: Iterable[Scope],
        cameras: Iterable[str] | None = None,
        expires: datetime | None = None,
    ) -> tuple[StoredKey, str]:
        """Store a new key; return what is known of it, and the key itself, this one time.

        Raises:
            ConfigurationInvalid: If the name is empty or too long, there is no scope, the list of
                cameras is empty, or the key would have expired already.
        """
        now = datetime.now(UTC)
        granted = frozenset(scopes)
        seen = None if cameras is None else frozenset(cameras)
        if not name.strip() or len(name) > NAME_LENGTH:
            raise ConfigurationInvalid(
                f"name {name[:NAME_LENGTH]!r}: give the key a name of 1 to {NAME_LENGTH} characters"
            )
        if not granted:
            raise ConfigurationInvalid(f"a key needs a scope: {', '.join(SCOPES)}")
        if seen is not None and not seen:
            raise ConfigurationInvalid("no camera is named: such a key could see nothing")
        if expires is not None and expires <= now:
            raise ConfigurationInvalid(f"a key that expired at {expires} could open nothing")
        key_id, text = new_key()
        key = StoredKey(key_id, name.strip(), hash_of(text), granted, seen, now, expires)
        with self._database.writing() as session:
            session.add(_row(key))
        return key, text

    def all(self) -> list[StoredKey]:
        """Return all keys, oldest first, those that are revoked or expired too."""
        with self._database.reading() as session:
            rows = session.scalars(select(ApiKey).order_by(ApiKey.created, ApiKey.id))
            return [_key(row) for row in rows]

    def revoke(self, key_id: str) -> StoredKey:
        """Let a key open nothing any more.

        Raises:
            ConfigurationInvalid: If there is no such key.
        """
        with self._database.writing() as session:
            row = session.get(ApiKey, key_id)
            if row is None:
                raise ConfigurationInvalid(
                    f"no key has the id {key_id!r}; python -m service keys list names them"
                )
            row.revoked = row.revoked or datetime.now(UTC)
            return _key(row)

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """Write down when keys were used last, by their id."""
        with self._database.writing() as session:
            for key_id, moment in uses.items():
                session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used=moment))


def _row(key: StoredKey) -> ApiKey:
    return ApiKey(
        id=key.id,
        name=key.name,
        sha256=key.sha256,
        scopes=" ".join(sorted(key.scopes)),
        cameras=None if key.cameras is None else json.dumps(sorted(key.cameras)),
        created=key.created,
        expires=key.expires,
    )


def _key(row: ApiKey) -> StoredKey:
    named = row.scopes.split()
    return StoredKey(
        id=row.id,
        name=row.name,
        sha256=row.sha256,
        scopes=frozenset(scope for scope in SCOPES if scope in named),
        cameras=None if row.cameras is None else frozenset(json.loads(row.cameras)),
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
        revoked=row.revoked,
    )
