"""Rows are kept for as many days as are set."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from service.audit.retention import Retention
from service.audit.search_store import Asked, SearchStore
from service.database import Database
from tests.service.audit.rows import NOON, row


def wait_for(store: SearchStore, expected: set[str]) -> None:
    deadline = time.monotonic() + 10
    while {each.query_id for each in store.rows(Asked())} != expected:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_rows_are_pruned_at_the_start_and_again_as_they_age(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SearchStore(database)
    store.write([row(number, days_old=number) for number in range(6)])
    now = [NOON]
    with Retention(store, days=3, every_s=0.01, clock=lambda: now[0]):
        wait_for(store, {"q-0", "q-1", "q-2", "q-3"})
        now[0] = NOON + timedelta(days=2)
        wait_for(store, {"q-0", "q-1"})
    assert "audit_pruned" in capsys.readouterr().out


def test_without_a_number_of_days_all_rows_stay(database: Database) -> None:
    store = SearchStore(database)
    store.write([row(1, days_old=10_000)])
    with Retention(store, days=None, every_s=0.001):
        time.sleep(0.05)
    wait_for(store, {"q-1"})


def test_a_database_that_fails_is_told_and_tried_again(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SearchStore(database)
    store.write([row(1, days_old=9), row(2)])
    with database.writing() as session:
        session.execute(text("ALTER TABLE searches RENAME TO elsewhere"))
    with Retention(store, days=3, every_s=0.01, clock=lambda: NOON):
        time.sleep(0.1)
        with database.writing() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO searches"))
        wait_for(store, {"q-2"})
    assert "audit_not_pruned" in capsys.readouterr().out
