"""API keys in a database: made, listed, revoked; never the key itself."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from models.errors import ConfigurationInvalid
from service.access.granted import Scope
from service.access.key_store import KeyStore
from service.access.keys import hash_of
from service.database import Database


def test_a_key_comes_back_as_it_was_made(any_database: Database) -> None:
    store = KeyStore(any_database)
    expires = datetime.now(UTC) + timedelta(days=3)
    plain, _ = store.create("gatehouse", ["search"])
    limited, key = store.create("patrol", ["search", "ingest"], ["gate 1", "Tür, 2"], expires)
    first, second = store.all()
    assert (first, second) == (plain, limited)
    assert (first.cameras, first.expires, first.last_used, first.revoked) == (
        None,
        None,
        None,
        None,
    )
    assert second.scopes == {"search", "ingest"}
    assert second.cameras == frozenset({"gate 1", "Tür, 2"})
    assert second.expires == expires
    assert second.sha256 == hash_of(key)
    assert abs(second.created - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_key_itself_is_in_no_column(any_database: Database) -> None:
    _, key = KeyStore(any_database).create("gatehouse", ["search"])
    with any_database.reading() as session:
        (row,) = session.execute(text("SELECT * FROM api_keys"))
    secret = key.rpartition("_")[2]
    assert secret not in str(row)


def test_a_revoked_key_stays_listed_with_the_time_of_the_first_revocation(
    any_database: Database,
) -> None:
    store = KeyStore(any_database)
    key, _ = store.create("gatehouse", ["search"])
    revoked = store.revoke(key.id)
    assert revoked.revoked is not None
    assert store.revoke(key.id).revoked == revoked.revoked
    assert store.all() == [revoked]


def test_an_unknown_key_cannot_be_revoked(any_database: Database) -> None:
    with pytest.raises(ConfigurationInvalid, match="'0011aabb'"):
        KeyStore(any_database).revoke("0011aabb")


def test_the_latest_use_is_noted(any_database: Database) -> None:
    store = KeyStore(any_database)
    used, unused = (store.create(name, ["search"])[0] for name in ("a", "b"))
    moment = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    store.note_uses({used.id: moment, "gone": moment})
    assert {key.id: key.last_used for key in store.all()} == {used.id: moment, unused.id: None}


@pytest.mark.parametrize(
    ("name", "scopes", "cameras", "days", "said"),
    [
        ("", ["search"], None, None, "a name of 1 to 100"),
        ("  ", ["search"], None, None, "a name of 1 to 100"),
        ("n" * 101, ["search"], None, None, "a name of 1 to 100"),
        ("n", [], None, None, "search, ingest, admin"),
        ("n", ["search"], [], None, "no camera"),
        ("n", ["search"], None, -1, "expired"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    database: Database,
    name: str,
    scopes: list[Scope],
    cameras: list[str] | None,
    days: int | None,
    said: str,
) -> None:
    store = KeyStore(database)
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with pytest.raises(ConfigurationInvalid, match=said):
        store.create(name, scopes, cameras, expires)
    assert store.all() == []
