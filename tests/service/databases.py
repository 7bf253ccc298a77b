"""Databases to test with: a new SQLite file, and a new schema of a real PostgreSQL server."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from service.database import Database, open_database, sqlite_url

POSTGRES_USER = "postgres"  # as root the server refuses to run


def postgres_folder() -> Path | None:
    """Where the server's programs are, if they are installed."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return installed[-1].parent if installed else None


def why_no_postgres() -> str | None:
    if postgres_folder() is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    try:
        pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        if os.geteuid() == 0:
            return "PostgreSQL does not run as root, and there is no user postgres"
    return None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server that listens on a socket file only, and yield its URL."""
    programs = postgres_folder()
    assert programs is not None
    user = POSTGRES_USER if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="descry-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    process: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "-N"],
            check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        settings = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", f"log_directory={folder}")
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *settings],
            user=user, cwd=folder, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        ready = [str(programs / "pg_isready"), "-q", "-h", str(folder)]
        deadline = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"postgresql+psycopg://tester@/postgres?host={folder}"
    finally:
        if process is not None:
            process.terminate()
            process.wait(60)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    reason = why_no_postgres()
    if reason is not None:
        pytest.skip(reason)
    with postgres_server() as url:
        yield url


def empty_postgres(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


KINDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.slow),
]


@pytest.fixture(params=KINDS)
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "data" / "descry.db")
    url: str = request.getfixturevalue("postgres_url")
    empty_postgres(url)
    return url


@pytest.fixture
def any_database(any_url: str) -> Iterator[Database]:
    with closing(open_database(any_url)) as opened:
        yield opened


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(sqlite_url(tmp_path / "data" / "descry.db"))) as opened:
        yield opened
