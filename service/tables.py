"""The tables of the service's database."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Float, Integer, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """A moment, in UTC on both sides; SQLite forgets the zone, so it is put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return what is stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Return what was stored."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """What all tables are declared with."""

    type_annotation_map = {datetime: UtcTime}  # noqa: RUF012 - SQLAlchemy reads it from the class


class SchemaVersion(Table):
    """Which version the tables have: one row."""

    __tablename__ = "schema_version"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Secret(Table):
    """What only this database knows, by its use."""

    __tablename__ = "secrets"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))


class ApiKey(Table):
    """One API key, without the key itself.

    ``sha256`` is of the whole key. ``scopes`` are parted by spaces; ``cameras`` is a JSON list,
    NULL for all.
    """

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(String(100))
    cameras: Mapped[str | None] = mapped_column(Text)
    created: Mapped[datetime]
    expires: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class Search(Table):
    """One search: who asked what from where and why, and which crops they were given.

    ``query`` is the text or its HMAC, told apart by what it begins with; ``filters`` is a JSON
    object, ``returned`` a JSON list of crop ids, best first.
    """

    __tablename__ = "searches"
    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    time: Mapped[datetime] = mapped_column(index=True)
    query_id: Mapped[str] = mapped_column(String(36))
    request_id: Mapped[str] = mapped_column(String(36))
    key_id: Mapped[str | None] = mapped_column(String(16))
    client: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str | None] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    filters: Mapped[str] = mapped_column(Text)
    generation: Mapped[int]
    returned: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(20))
    duration_ms: Mapped[float] = mapped_column(Float)
