"""``python -m service keys | audit | erase``."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from indexer.gallery import open_gallery
from service.access.key_store import KeyStore
from service.access.keys import hash_of
from service.audit.search_store import Asked, SearchStore
from service.cli import main
from service.database import open_database, sqlite_url
from tests.fakes import ColourEncoder
from tests.service.audit.rows import NOON, row
from tests.service.conftest import build_gallery

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DESCRY_INDEX", "DESCRY_DATA", "DESCRY_DATABASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(data: Path, capsys: Captured, *arguments: str, code: int = 0) -> str:
    assert main([*arguments, "--data", str(data)]) == code
    return capsys.readouterr().out


def test_a_key_is_printed_once_listed_and_revoked(data: Path, capsys: Captured) -> None:
    assert main(["keys", "create", "--name", "gatehouse", "--data", str(data)]) == 0
    captured = capsys.readouterr()
    key = captured.out.strip()
    assert key.startswith("descry_")
    assert "gatehouse" in captured.err
    assert "cannot be shown again" in captured.err
    listed = run(data, capsys, "keys", "list")
    key_id = key.split("_")[1]
    assert listed.startswith(f"{key_id}  gatehouse  search  all cameras  made 20")
    assert key not in listed
    assert "revoked" not in listed
    assert "revoked 20" in run(data, capsys, "keys", "revoke", key_id)
    assert "revoked 20" in run(data, capsys, "keys", "list")


def test_a_key_may_be_limited(data: Path, capsys: Captured) -> None:
    options = ["--scope", "search", "--scope", "ingest", "--camera", "c 2", "--camera", "c1"]
    made = run(
        data, capsys, "keys", "create", "--name", "patrol", *options, "--days", "2", "--json"
    )
    told = json.loads(made)
    with closing(open_database(sqlite_url(data / "descry.db"))) as database:
        (stored,) = KeyStore(database).all()
    assert stored.sha256 == hash_of(told["key"])
    assert told["scopes"] == ["ingest", "search"]
    assert told["cameras"] == ["c 2", "c1"]
    assert stored.cameras == frozenset({"c1", "c 2"})
    assert stored.expires is not None
    assert (stored.expires - stored.created).total_seconds() == pytest.approx(2 * 86400, abs=60)
    (listed,) = json.loads(run(data, capsys, "keys", "list", "--json"))
    assert listed == {name: value for name, value in told.items() if name != "key"}


def test_the_database_lies_beside_the_index_unless_another_is_named(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    assert main(["keys", "create", "--name", "a", "--index", str(index)]) == 0
    assert (tmp_path / "index.data" / "descry.db").is_file()
    assert not index.exists()
    monkeypatch.setenv("DESCRY_INDEX", str(index))
    assert main(["keys", "list"]) == 0
    assert "  a  " in capsys.readouterr().out
    other = sqlite_url(tmp_path / "other.db")
    monkeypatch.setenv("DESCRY_DATABASE", other)
    assert main(["keys", "list"]) == 0
    assert capsys.readouterr().out == "There is no key.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["keys", "list"], 1, "--index"),
        (["audit", "list"], 1, "--index"),
        (["keys", "revoke", "0011aabb"], 1, "no key has the id '0011aabb'"),
        (["keys", "create", "--name", " "], 1, "a name of 1 to 100"),
        (["keys", "create"], 2, "--name"),
        (["keys", "create", "--name", "a", "--scope", "root"], 2, "root"),
        (["keys", "create", "--name", "a", "--days", "0"], 2, "--days"),
        (["keys", "make"], 2, "make"),
        (["audit", "list", "--since", "yesterday"], 2, "yesterday"),
        (["erase", "abc", "--index", "none"], 1, "'abc' is no id"),
    ],
)
def test_wrong_use_is_told_in_a_line(
    tmp_path: Path, capsys: Captured, arguments: list[str], code: int, said: str
) -> None:
    named = [] if said == "--index" else ["--data", str(tmp_path / "data")]
    assert main([*arguments, *named]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err


def test_a_database_that_fails_is_told_in_a_line(data: Path, capsys: Captured) -> None:
    with (
        closing(open_database(sqlite_url(data / "descry.db"))) as database,
        database.writing() as session,
    ):
        session.execute(text("DROP TABLE api_keys"))
    assert main(["keys", "list", "--data", str(data)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: database sqlite:///")
    assert line.endswith("failed: no such table: api_keys")


def write(data: Path) -> None:
    with closing(open_database(sqlite_url(data / "descry.db"))) as database:
        store = SearchStore(database, "text")
        store.write(
            [
                row(1, days_old=40, query="red", purpose="theft 12", returned=("a" * 20,)),
                row(2, days_old=2, query="blue", key_id="0011aabb"),
                row(3, days_old=1, query="grün"),
            ]
        )


def test_searches_are_listed_latest_first(data: Path, capsys: Captured) -> None:
    write(data)
    lines = run(data, capsys, "audit", "list").splitlines()
    assert [line.split("  ")[1] for line in lines] == ["q-3", "q-2", "q-1"]
    assert lines[2] == (
        "2026-03-22T12:00:00+00:00  q-1  key none  192.0.2.7  purpose 'theft 12'  text:red  "
        "filters {}  1 crops of generation 1  ok  2 ms"
    )
    assert len(run(data, capsys, "audit", "list", "--limit", "1").splitlines()) == 1
    for options, expected in (
        (("--since", "2026-04-29"), ["q-3", "q-2"]),
        (("--since", "2026-04-29T12:00:01Z"), ["q-3"]),
        (("--before", "2026-04-29T14:00:00+02:00"), ["q-1"]),
        (("--key", "0011aabb"), ["q-2"]),
        (("--crop", "a" * 20), ["q-1"]),
        (("--query", "grün"), ["q-3"]),
    ):
        lines = run(data, capsys, "audit", "list", *options).splitlines()
        assert [line.split("  ")[1] for line in lines] == expected, options


def test_searches_are_exported_whole(data: Path, tmp_path: Path, capsys: Captured) -> None:
    write(data)
    lines = run(data, capsys, "audit", "export").splitlines()
    exported = [json.loads(line) for line in lines]
    assert [each["query_id"] for each in exported] == ["q-3", "q-2", "q-1"]
    assert exported[2] == {
        "time": "2026-03-22T12:00:00+00:00",
        "query_id": "q-1",
        "request_id": "r-1",
        "key_id": None,
        "client": "192.0.2.7",
        "purpose": "theft 12",
        "query": "text:red",
        "filters": {},
        "generation": 1,
        "returned": ["a" * 20],
        "outcome": "ok",
        "duration_ms": 1.5,
    }
    out = tmp_path / "searches.jsonl"
    told = run(data, capsys, "audit", "export", "--query", "grün", "--out", str(out))
    assert told.startswith("1 searches")
    assert json.loads(out.read_text(encoding="utf-8"))["query"] == "text:grün"
    run(data, capsys, "audit", "export", "--out", str(out), code=1)


def test_old_searches_are_pruned(data: Path, capsys: Captured) -> None:
    today = (NOON - datetime.now(UTC)) / timedelta(days=1)
    with closing(open_database(sqlite_url(data / "descry.db"))) as database:
        store = SearchStore(database)
        store.write([row(age, days_old=today + age) for age in (1, 29, 31, 50)])
        assert run(data, capsys, "audit", "prune", "--days", "60") == "0 rows were deleted.\n"
        told = json.loads(run(data, capsys, "audit", "prune", "--days", "30", "--json"))
        assert told == {"pruned": 2}
        assert {each.query_id for each in store.rows(Asked())} == {"q-1", "q-29"}


def test_a_crop_is_erased(tmp_path: Path, data: Path, capsys: Captured) -> None:
    index = build_gallery(tmp_path)
    with closing(open_gallery(index, ColourEncoder().card)) as gallery:
        crop_id = gallery.manifest.canaries[0].ids[0]
    with closing(open_database(sqlite_url(data / "descry.db"))) as database:
        SearchStore(database).write([row(1, returned=(crop_id,))])
    told = run(data, capsys, "erase", crop_id, "--index", str(index))
    first, second, third, warning, original = told.splitlines()
    assert first == f"Crop {crop_id} was erased; 1 rows of searches named it."
    assert second.startswith("No trace of it is left in ")
    assert third == "No trace of it is left in the database of searches."
    assert "the next build would index them again" in warning
    assert Path(original.strip()).is_file()
    again = json.loads(run(data, capsys, "erase", crop_id, "--index", str(index), "--json"))
    assert (again["crop_id"], again["indexed"], again["rows"]) == (crop_id, False, 0)
