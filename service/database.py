"""The database of keys and searches: SQLite in a data folder, or PostgreSQL by URL."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from models.errors import ConfigurationInvalid
from service.tables import SchemaVersion, Search, Secret, Table

Migration = Callable[[Connection], None]

# The one at place n turns version n + 1 into version n + 2.
MIGRATIONS: tuple[Migration, ...] = ()

QUERY_SECRET = "query"  # noqa: S105 - the name of a secret
BUSY_TIMEOUT_S = 10
_LOCK_NUMBER = 0x64657363727931  # any number that no other program takes for its lock


class Database:
    """An opened database whose tables are there and of this program's version."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = sessionmaker(engine, expire_on_commit=False)

    @property
    def shown(self) -> str:
        """Where it is, without a password."""
        return _shown(self._engine.url)

    @property
    def file(self) -> Path | None:
        """The file of SQLite; None where a server holds the data."""
        return _file(self._engine.url)

    def reading(self) -> Session:
        """Return a session for a ``with`` block that only reads."""
        return self._sessions()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that is committed at the end of the block, or rolled back."""
        with self._sessions.begin() as session:
            yield session

    def secret(self) -> bytes:
        """Return what queries are hashed with: 32 random bytes made with the database."""
        with self.reading() as session:
            value = session.scalars(select(Secret.value).filter_by(name=QUERY_SECRET)).one()
        return bytes.fromhex(value)

    def forget_removed(self) -> None:
        """Let nothing that was deleted or replaced be left in the files."""
        with self._engine.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            if self.file is None:
                outside.exec_driver_sql(f"VACUUM {Search.__tablename__}")
            else:  # pages are overwritten by secure_delete; older copies are in the log
                outside.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_database(url: str, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
    """Open a database, and make its tables where there are none.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql+psycopg://…``.
        migrations: What brings older tables up to date.

    Raises:
        ConfigurationInvalid: If it cannot be opened, or was written by a newer Descry.
    """
    address = _address(url)
    try:
        file = _file(address)
        if file is not None:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600)  # it tells who searched for whom, and holds the secret
        engine = _engine(address)
        try:
            with _alone(engine) as connection:
                _prepare(connection, migrations, _shown(address))
        except BaseException:
            engine.dispose()
            raise
    except ImportError as error:
        raise ConfigurationInvalid(
            f"database {_shown(address)} needs psycopg: pip install 'descry[postgres]'"
        ) from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise ConfigurationInvalid(
            f"database {_shown(address)} cannot be used: {reason}; name another folder with "
            "--data, or a PostgreSQL server with --database"
        ) from error
    return Database(engine)


def sqlite_url(file: Path) -> str:
    """Return the URL of a file."""
    address = URL.create("sqlite", database=str(file.absolute()))
    return address.render_as_string(hide_password=False)


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ConfigurationInvalid(
            "the database is no URL: write postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from error
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ConfigurationInvalid(
            f"databases of the kind {address.drivername!r} are not known: use "
            "sqlite:///PATH or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        )
    if address.drivername == "sqlite" and address.database in (None, "", ":memory:"):
        raise ConfigurationInvalid(
            "an SQLite database in memory would forget its keys: name a file, sqlite:///PATH"
        )
    return address


def _file(address: URL) -> Path | None:
    return Path(address.database or "") if address.drivername == "sqlite" else None


def _shown(address: URL) -> str:
    return address.render_as_string(hide_password=True)


def _engine(address: URL) -> Engine:
    # Parameters hold descriptions of people: they must not stand in messages of errors.
    if address.drivername != "sqlite":
        return create_engine(address, hide_parameters=True, pool_pre_ping=True)
    timeout = {"timeout": BUSY_TIMEOUT_S}
    engine = create_engine(address, hide_parameters=True, connect_args=timeout)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Open a transaction beside which no other program prepares the database."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
            yield connection
        return
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _prepare(connection: Connection, migrations: Sequence[Migration], shown: str) -> None:
    newest = len(migrations) + 1
    if not inspect(connection).has_table(SchemaVersion.__tablename__):
        Table.metadata.create_all(connection)
        connection.execute(insert(SchemaVersion).values(version=newest))
        connection.execute(insert(Secret).values(name=QUERY_SECRET, value=secrets.token_hex(32)))
        return
    version = connection.scalars(select(SchemaVersion.version)).one()
    if version > newest:
        raise ConfigurationInvalid(
            f"database {shown} was written by a newer Descry (schema {version}, this one knows "
            f"{newest}): use that one, or another --data folder"
        )
    for migrate in migrations[version - 1 :]:
        migrate(connection)
    connection.execute(update(SchemaVersion).values(version=newest))
