"""The database: made on first use, private, refused where it cannot be used."""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from models.errors import ConfigurationInvalid
from service.database import Database, open_database, sqlite_url
from service.tables import SchemaVersion


def version(database: Database) -> int:
    with database.reading() as session:
        return session.scalars(select(SchemaVersion.version)).one()


def test_it_is_made_on_first_use_and_keeps_its_secret(any_url: str) -> None:
    with closing(open_database(any_url)) as first:
        secret = first.secret()
        assert len(secret) == 32
        assert version(first) == 1
    with closing(open_database(any_url)) as again:
        assert again.secret() == secret


def test_two_databases_have_two_secrets(tmp_path: Path) -> None:
    secrets = set()
    for name in ("one", "two"):
        with closing(open_database(sqlite_url(tmp_path / name / "descry.db"))) as opened:
            secrets.add(opened.secret())
    assert len(secrets) == 2


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    file = tmp_path / "data" / "descry.db"
    with closing(open_database(sqlite_url(file))) as opened:
        opened.secret()
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


def test_sqlite_writes_ahead_and_overwrites_what_is_deleted(database: Database) -> None:
    with database.reading() as session:
        found = [
            session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "secure_delete")
        ]
    assert found == ["wal", 2, 1]


def test_programs_that_start_at_once_make_one_database(any_url: str) -> None:
    secrets: list[bytes] = []

    def start() -> None:
        with closing(open_database(any_url)) as opened:
            secrets.append(opened.secret())

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(secrets) == 6
    assert len(set(secrets)) == 1


def add_a_column(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE api_keys ADD COLUMN note VARCHAR(20)")


def test_older_tables_are_brought_up_to_date_once(any_url: str) -> None:
    open_database(any_url).close()
    for _ in range(2):
        with closing(open_database(any_url, (add_a_column,))) as opened:
            assert version(opened) == 2
            with opened.reading() as session:
                session.execute(text("SELECT note FROM api_keys"))


def test_tables_of_a_newer_program_are_refused_and_left_alone(any_url: str) -> None:
    open_database(any_url, (add_a_column,)).close()
    with pytest.raises(ConfigurationInvalid, match=r"newer Descry \(schema 2, this one knows 1\)"):
        open_database(any_url)
    with closing(open_database(any_url, (add_a_column,))) as opened:
        assert version(opened) == 2


def break_down(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE api_keys ADD COLUMN half VARCHAR(20)")
    connection.exec_driver_sql("ALTER TABLE no_such_table ADD COLUMN other VARCHAR(20)")


def test_a_change_of_tables_that_fails_changes_nothing(any_url: str) -> None:
    open_database(any_url).close()
    with pytest.raises(ConfigurationInvalid, match="no_such_table"):
        open_database(any_url, (break_down,))
    with closing(open_database(any_url)) as opened:
        assert version(opened) == 1
        with opened.reading() as session:
            session.execute(text("SELECT id FROM api_keys"))
            with pytest.raises(Exception, match="half"):
                session.execute(text("SELECT half FROM api_keys"))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "descry.db"
    file.write_text("these are not the rows you are looking for, " * 50)
    with pytest.raises(ConfigurationInvalid, match=r"descry\.db cannot be used: file is not a"):
        open_database(sqlite_url(file))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationInvalid, match="--data"):
        open_database(sqlite_url(tmp_path / "file" / "descry.db"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no URL"),
        ("descry.db", "no URL"),
        ("mysql://user:secret@host/name", "'mysql' are not known"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_other_databases_are_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=said) as raised:
        open_database(url)
    assert "secret" not in str(raised.value)


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://user:hidden@/name?host={tmp_path}"
    with pytest.raises(ConfigurationInvalid, match=r"postgresql\+psycopg://user:\*\*\*@") as raised:
        open_database(url)
    assert "hidden" not in str(raised.value)


def test_values_are_kept_out_of_messages(any_database: Database) -> None:
    with (
        any_database.reading() as session,
        pytest.raises(Exception, match="SQL parameters hidden"),
    ):
        session.execute(text("SELECT nothing FROM api_keys WHERE id = :id"), {"id": "woman"})


def test_the_file_is_an_ordinary_sqlite_database(database: Database) -> None:
    assert database.file is not None
    with closing(sqlite3.connect(database.file)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert {"schema_version", "secrets", "api_keys", "searches"} <= names
