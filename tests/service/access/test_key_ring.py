"""What a running service knows of its keys, and how soon."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from service.access.key_ring import STALE_S, KeyRing, KeysUnknown
from service.access.key_store import KeyStore
from service.database import Database


def test_a_ring_knows_the_keys_that_were_there_when_it_was_made(database: Database) -> None:
    store = KeyStore(database)
    key, given = store.create("a", ["search"])
    ring = KeyRing(store)
    assert ring.any_made()
    assert ring.find(given) == key
    assert ring.find(given + "x") is None
    assert ring.find("descry_00000000_x") is None
    assert ring.find("") is None


def test_keys_are_made_and_revoked_while_it_runs(database: Database) -> None:
    store = KeyStore(database)
    ring = KeyRing(store)
    assert not ring.any_made()
    key, given = store.create("a", ["search"])
    assert ring.find(given) is None
    ring.refresh()
    assert ring.find(given) == key
    store.revoke(key.id)
    ring.refresh()
    assert ring.find(given) is None
    assert ring.any_made(), "a service must not open again when its last key is revoked"


def test_an_expired_key_opens_nothing_but_still_closes_the_service(database: Database) -> None:
    store = KeyStore(database)
    soon = datetime.now(UTC) + timedelta(milliseconds=50)
    _, given = store.create("a", ["search"], expires=soon)
    ring = KeyRing(store)
    time.sleep(0.06)
    assert ring.find(given) is None
    assert ring.any_made()


def test_uses_are_written_down_together(database: Database) -> None:
    store = KeyStore(database)
    _, given = store.create("a", ["search"])
    ring = KeyRing(store)
    before = datetime.now(UTC)
    for _ in range(3):
        ring.find(given)
    assert store.all()[0].last_used is None
    ring.refresh()
    last_used = store.all()[0].last_used
    assert last_used is not None
    assert before <= last_used <= datetime.now(UTC)
    ring.find(given + "x")
    ring.refresh()
    assert store.all()[0].last_used == last_used


def test_a_running_ring_refreshes_itself_and_writes_the_last_uses_at_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.access.key_ring.REFRESH_S", 0.01)
    store = KeyStore(database)
    with KeyRing(store) as ring:
        _, given = store.create("a", ["search"])
        deadline = time.monotonic() + 10
        while ring.find(given) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert store.all()[0].last_used is not None


def test_keys_that_cannot_be_read_again_are_trusted_for_a_minute_only(
    database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.access.key_ring.REFRESH_S", 0.01)
    now = [0.0]
    store = KeyStore(database)
    _, given = store.create("a", ["search"])
    ring = KeyRing(store, clock=lambda: now[0])
    with database.writing() as session:
        session.execute(text("ALTER TABLE api_keys RENAME TO elsewhere"))
    with ring:
        time.sleep(0.1)
        now[0] = STALE_S
        assert ring.find(given) is not None
        now[0] = STALE_S + 1
        for ask in (ring.any_made, lambda: ring.find(given)):
            with pytest.raises(KeysUnknown):
                ask()
        with database.writing() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO api_keys"))
        time.sleep(0.1)
        assert ring.find(given) is not None
    assert "keys_not_read" in capsys.readouterr().out
