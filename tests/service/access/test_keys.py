"""API keys: made at random, stored as a hash, recognised whole or not at all."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import Headers

from service.access.keys import StoredKey, hash_of, id_in, is_key, new_key, presented_key

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def stored(
    text: str, expires: datetime | None = None, revoked: datetime | None = None
) -> StoredKey:
    return StoredKey(
        id_in(text), "n", hash_of(text), frozenset(), None, NOW, expires, None, revoked
    )


def test_a_key_shows_what_it_is_and_its_id_and_never_repeats() -> None:
    made = [new_key() for _ in range(200)]
    for key_id, text in made:
        assert text.startswith(f"descry_{key_id}_")
        assert id_in(text) == key_id
        assert len(text) == len("descry_") + 8 + 1 + 43  # 32 bytes in base64 without padding
    assert len({text for _, text in made}) == 200


def test_the_hash_is_sha256_of_the_whole_key() -> None:
    text = "descry_0011aabb_secret"
    assert hash_of(text) == hashlib.sha256(b"descry_0011aabb_secret").hexdigest()


def test_only_the_whole_key_is_the_key() -> None:
    _, text = new_key()
    key = stored(text)
    assert is_key(text, key)
    for wrong in (text[:-1], text + "x", text.upper(), text.replace("descry", "Descry"), ""):
        assert not is_key(wrong, key)


def test_a_key_of_unknown_id_is_compared_and_refused() -> None:
    _, text = new_key()
    assert not is_key(text, None)
    nobody = StoredKey("", "", "0" * 64, frozenset(), None, NOW)
    assert not is_key(text, nobody)


@pytest.mark.parametrize("text", ["", "descry", "descry_", "descry_0011aabb", "other_0011aabb_x"])
def test_what_is_no_key_of_ours_names_no_id(text: str) -> None:
    assert id_in(text) == ""


def test_a_key_may_hold_the_sign_that_parts_it() -> None:
    assert id_in("descry_0011aabb_a_b_c") == "0011aabb"


@pytest.mark.parametrize(
    ("expires", "revoked", "holds"),
    [
        (None, None, True),
        (NOW + timedelta(seconds=1), None, True),
        (NOW, None, False),
        (NOW - timedelta(days=1), None, False),
        (None, NOW - timedelta(days=1), False),
        (NOW + timedelta(days=1), NOW, False),
    ],
)
def test_a_key_holds_until_it_expires_or_is_revoked(
    expires: datetime | None,
    revoked: datetime | None,
    *,
    holds: bool,
) -> None:
    assert stored("descry_1_x", expires, revoked).holds(NOW) is holds


def basic(user_and_password: bytes) -> str:
    return "Basic " + base64.b64encode(user_and_password).decode()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"authorization": "Bearer k"}, "k"),
        ({"authorization": "bearer  k "}, "k"),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "Digest k"}, None),
        ({"x-api-key": "k"}, "k"),
        ({"x-api-key": ""}, None),
        ({"authorization": "Bearer k", "x-api-key": "other"}, "k"),
        ({"authorization": basic(b":k")}, "k"),
        ({"authorization": basic(b"me:k:l")}, "k:l"),
        ({"authorization": basic(b"k")}, None),
        ({"authorization": "Basic !!!"}, None),
        ({"authorization": basic(b"\xff:\xff")}, None),
    ],
)
def test_a_key_is_taken_from_the_headers(headers: dict[str, str], found: str | None) -> None:
    assert presented_key(Headers(headers)) == found
