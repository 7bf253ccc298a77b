"""The thread that writes rows: behind the searches, or before they are answered."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text

from service.audit.auditor import Auditor, AuditRules
from service.audit.search_store import Asked, SearchStore
from service.audit.searches import SearchRow
from service.database import Database
from service.problems import ProblemRaised
from tests.service.audit.rows import row

REQUIRED = AuditRules(required=True)


def metrics(auditor: Auditor) -> dict[str, float]:
    registry = CollectorRegistry()
    auditor.register(registry)
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


def counts(auditor: Auditor) -> tuple[float, float]:
    """Rows written and lost."""
    found = metrics(auditor)
    written, lost = (
        found[f'descry_audit_rows_total{{outcome="{outcome}"}}'] for outcome in ("written", "lost")
    )
    return written, lost


def stored(database: Database) -> set[str]:
    return {each.query_id for each in SearchStore(database).rows(Asked())}


class SlowStore(SearchStore):
    """Writes only when it is let."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.go_on = threading.Event()
        self.at_work = threading.Event()
        self.batches: list[int] = []

    def write(self, rows: Sequence[SearchRow]) -> None:
        self.at_work.set()
        self.go_on.wait(10)
        self.batches.append(len(rows))
        super().write(rows)


@contextmanager
def broken(database: Database) -> Iterator[None]:
    """Take the table away for the block."""
    with database.writing() as session:
        session.execute(text("ALTER TABLE searches RENAME TO elsewhere"))
    yield
    with database.writing() as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO searches"))


def test_rows_are_written_by_the_end(database: Database) -> None:
    with Auditor(SearchStore(database)) as auditor:
        for number in range(30):
            auditor.record(row(number))
    assert stored(database) == {f"q-{number}" for number in range(30)}
    assert counts(auditor) == (30, 0)
    assert metrics(auditor)["descry_audit_queue_rows"] == 0


def test_a_search_does_not_wait_for_its_row(database: Database) -> None:
    store = SlowStore(database)
    with Auditor(store) as auditor:
        auditor.record(row(0))
        assert store.at_work.wait(10)
        for number in range(1, 20):
            auditor.record(row(number))
        assert counts(auditor) == (0, 0)
        assert metrics(auditor)["descry_audit_queue_rows"] == 19
        store.go_on.set()
    assert len(stored(database)) == 20
    assert store.batches == [1, 19], "what had come meanwhile is written together"


def test_a_required_row_is_there_when_its_search_is_answered(database: Database) -> None:
    with Auditor(SearchStore(database), REQUIRED) as auditor:
        for number in range(3):
            auditor.record(row(number))
            assert f"q-{number}" in stored(database)


def test_a_row_that_cannot_be_written_is_counted_and_logged_without_its_text(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SearchStore(database, "text")
    with Auditor(store) as auditor:
        with broken(database):
            auditor.record(row(1, query="confidential"))
            deadline = time.monotonic() + 10
            while counts(auditor) != (0, 1):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        auditor.record(row(2))
    assert stored(database) == {"q-2"}
    logged = capsys.readouterr().out
    assert "audit_rows_lost" in logged
    assert "confidential" not in logged


def test_a_search_whose_row_is_required_and_cannot_be_written_is_refused(
    database: Database,
) -> None:
    with Auditor(SearchStore(database), REQUIRED) as auditor:
        with broken(database), pytest.raises(ProblemRaised) as raised:
            auditor.record(row(1))
        assert raised.value.kind.status == 503
        assert raised.value.headers == {"retry-after": "5"}
        assert counts(auditor) == (0, 1)
        auditor.record(row(2))
    assert stored(database) == {"q-2"}


def test_a_search_whose_row_is_required_does_not_wait_for_ever(database: Database) -> None:
    store = SlowStore(database)
    with Auditor(store, REQUIRED, wait_s=0.05) as auditor:
        with pytest.raises(ProblemRaised):
            auditor.record(row(1))
        store.go_on.set()


def test_a_full_queue_loses_rows_but_says_so(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SlowStore(database)
    with Auditor(store, queue_length=5) as auditor:
        auditor.record(row(0))
        assert store.at_work.wait(10)
        for number in range(1, 20):
            auditor.record(row(number))
        assert counts(auditor) == (0, 14)  # one is at the database, five wait
        store.go_on.set()
    assert stored(database) == {f"q-{number}" for number in range(6)}
    assert capsys.readouterr().out.count("audit_rows_lost") == 1


def test_a_full_queue_refuses_searches_whose_rows_are_required(database: Database) -> None:
    store = SlowStore(database)
    with Auditor(store, REQUIRED, queue_length=1, wait_s=0.01) as auditor:
        for number in range(4):
            with pytest.raises(ProblemRaised):
                auditor.record(row(number))
        store.go_on.set()


def test_one_row_that_cannot_be_stored_fails_alone(any_database: Database) -> None:
    store = SlowStore(any_database)
    with Auditor(store) as auditor:
        auditor.record(row(0))
        assert store.at_work.wait(10)
        for number in range(1, 4):
            purpose = "half a pair \ud800" if number == 2 else None
            auditor.record(row(number, purpose=purpose))
        store.go_on.set()
    assert stored(any_database) == {"q-0", "q-1", "q-3"}
    assert counts(auditor) == (3, 1)


@pytest.mark.parametrize("rules", [AuditRules(), REQUIRED])
def test_rows_are_lost_but_not_silently_where_nothing_writes_them(
    database: Database, rules: AuditRules
) -> None:
    auditor = Auditor(SearchStore(database), rules)
    if rules.required:
        with pytest.raises(ProblemRaised):
            auditor.record(row(1))
    else:
        auditor.record(row(1))
    assert counts(auditor) == (0, 1)
