"""Rows of searches in SQLite and in PostgreSQL: written, found, pruned, freed of a crop."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from service.audit.search_store import Asked, SearchStore
from service.audit.searches import SearchRow
from service.database import Database
from tests.service.audit.rows import NOON, row

CROP = "0123456789abcdef0123"
OTHER = "fedcba9876543210fedc"


def found(store: SearchStore, asked: Asked | None = None, limit: int | None = None) -> list[str]:
    return [each.query_id for each in store.rows(asked or Asked(), limit)]


def test_a_row_comes_back_as_it_was_written(any_database: Database) -> None:
    store = SearchStore(any_database, "text")
    store.write([row(1, returned=(CROP, OTHER), key_id="0011aabb", purpose="Fundbüro")])
    (each,) = store.rows(Asked())
    assert each.time == NOON
    assert (each.query_id, each.request_id, each.key_id) == ("q-1", "r-1", "0011aabb")
    assert (each.client, each.purpose, each.generation) == ("192.0.2.7", "Fundbüro", 1)
    assert (each.query, each.filters) == ("text:woman in red coat", "{}")
    assert json.loads(each.returned) == [CROP, OTHER]
    assert (each.outcome, each.duration_ms) == ("ok", 1.5)


def test_a_query_is_stored_as_its_hmac_with_the_secret_of_the_database(
    any_database: Database,
) -> None:
    store = SearchStore(any_database)
    store.write([row(1, query="femme 👩 en rouge")])
    (each,) = store.rows(Asked())
    secret = any_database.secret()
    digest = hmac.new(secret, "femme 👩 en rouge".encode(), hashlib.sha256).hexdigest()
    assert each.query == f"hmac-sha256:{digest}"


def test_rows_are_found_by_time_key_crop_and_query_latest_first(any_database: Database) -> None:
    hashing, plain = SearchStore(any_database), SearchStore(any_database, "text")
    hashing.write([row(1, days_old=3, returned=(CROP,)), row(2, days_old=2, query="red")])
    plain.write([row(3, days_old=1, query="red", returned=(OTHER, CROP)), row(4, key_id="k")])
    store = hashing
    assert found(store) == ["q-4", "q-3", "q-2", "q-1"]
    assert found(store, limit=2) == ["q-4", "q-3"]
    day = timedelta(days=1)
    assert found(store, Asked(since=NOON - 2 * day)) == ["q-4", "q-3", "q-2"]
    assert found(store, Asked(before=NOON - 2 * day)) == ["q-1"]
    assert found(store, Asked(since=NOON - 2 * day, before=NOON)) == ["q-3", "q-2"]
    assert found(store, Asked(key_id="k")) == ["q-4"]
    assert found(store, Asked(crop_id=CROP)) == ["q-3", "q-1"]
    assert found(store, Asked(query="red")) == ["q-3", "q-2"]
    assert found(store, Asked(query="red", crop_id=CROP)) == ["q-3"]
    assert found(store, Asked(crop_id=CROP[:-1])) == []
    assert found(store, Asked(crop_id="%")) == []


def test_old_rows_are_pruned_and_counted_however_many(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.audit.search_store.ROWS_AT_ONCE", 3)
    store = SearchStore(any_database)
    store.write([row(number, days_old=number) for number in range(10)])
    assert store.prune(NOON - timedelta(days=2)) == 7
    assert found(store) == ["q-0", "q-1", "q-2"]
    assert store.prune(NOON - timedelta(days=2)) == 0


def test_a_pruned_query_is_in_the_file_no_longer(database: Database) -> None:
    store = SearchStore(database, "text")
    store.write([row(1, days_old=9, query="confidential"), row(2)])
    assert database.file is not None
    before = b"".join(each.read_bytes() for each in database.file.parent.iterdir())
    assert b"confidential" in before
    store.prune(NOON - timedelta(days=1))
    after = b"".join(each.read_bytes() for each in database.file.parent.iterdir())
    assert b"confidential" not in after


def test_an_erased_crop_is_named_by_no_row(any_database: Database) -> None:
    store = SearchStore(any_database, "text")
    named: list[SearchRow] = [
        row(1, returned=(OTHER, CROP)),
        row(2, filters=json.dumps({"columns": {"id": {"not_among": [CROP]}}})),
        row(3, query=f'{{"like": "{CROP}"}}', returned=(CROP,)),
    ]
    store.write([*named, row(4, returned=(OTHER,))])
    assert store.holds(CROP)
    assert store.erase(CROP) == 3
    assert not store.holds(CROP)
    rows = {each.query_id: each for each in store.rows(Asked())}
    assert json.loads(rows["q-1"].returned) == [OTHER, "erased"]
    assert json.loads(rows["q-2"].filters) == {"columns": {"id": {"not_among": ["erased"]}}}
    assert rows["q-3"].query == 'text:{"like": "erased"}'
    assert json.loads(rows["q-4"].returned) == [OTHER]
    assert store.erase(CROP) == 0
    assert store.holds(OTHER)


def test_an_id_that_is_left_in_the_file_alone_is_found(database: Database) -> None:
    store = SearchStore(database)
    assert not store.holds(CROP)
    assert database.file is not None
    log = database.file.with_name("descry.db-wal")
    log.write_bytes(log.read_bytes() + CROP.encode())
    assert store.holds(CROP)
