"""What a search says about itself before it is written down."""

import asyncio

import pytest
from starlette.requests import Request

from indexer.gallery import Condition, Filters
from service.access.granted import Access
from service.audit.searches import (
    NothingRecorded,
    RunningSearch,
    SearchRow,
    purpose_of,
    recorded,
)
from service.problems import ProblemRaised


def request(headers: dict[bytes, bytes] | None = None) -> Request:
    access = Access("0011aabb", frozenset({"search"}), None, "192.0.2.7")
    return Request(
        {
            "type": "http",
            "headers": list((headers or {}).items()),
            "state": {"access": access, "request_id": "r-1"},
        }
    )


class Kept(NothingRecorded):
    def __init__(self) -> None:
        self.rows: list[SearchRow] = []

    def record(self, row: SearchRow) -> None:
        self.rows.append(row)


def test_a_search_that_is_answered_gets_one_row_with_all_of_it() -> None:
    kept = Kept()
    filters = Filters(columns={"camera": Condition(among=("gate 1",))})
    search = RunningSearch("q-1", "woman in red coat", 3, filters, "missing person 7")

    async def answered() -> None:
        async with recorded(kept, request(), search) as running:
            assert kept.rows == []
            running.returned = ("a", "b")

    asyncio.run(answered())
    (row,) = kept.rows
    assert (row.query_id, row.request_id, row.key_id) == ("q-1", "r-1", "0011aabb")
    assert (row.client, row.purpose, row.generation) == ("192.0.2.7", "missing person 7", 3)
    assert row.query == "woman in red coat"
    assert row.filters == '{"columns":{"camera":{"among":["gate 1"]}}}'
    assert (row.returned, row.outcome) == (("a", "b"), "ok")
    assert row.duration_ms >= 0
    assert row.time == search.time


def test_a_search_that_fails_gets_a_row_without_crops() -> None:
    kept = Kept()

    async def broken() -> None:
        async with recorded(kept, request(), RunningSearch("q-1", "red", 1)) as running:
            running.returned = ("a",)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(broken())
    (row,) = kept.rows
    assert (row.returned, row.outcome, row.filters) == ((), "error", "{}")


@pytest.mark.parametrize(
    ("given", "headers", "purpose"),
    [
        (None, {}, None),
        ("  ", {}, None),
        (" theft 12 ", {}, "theft 12"),
        (None, {b"x-descry-purpose": b"theft 12"}, "theft 12"),
        ("theft 12", {b"x-descry-purpose": b"theft 12"}, "theft 12"),
        (None, {b"x-descry-purpose": "Überfall".encode()}, "Überfall"),
        (None, {b"x-descry-purpose": b"caf\xe9"}, "café"),
        ("p" * 200, {}, "p" * 200),
    ],
)
def test_the_purpose_comes_from_the_body_or_the_header(
    given: str | None, headers: dict[bytes, bytes], purpose: str | None
) -> None:
    required = purpose is not None
    assert purpose_of(request(headers), given, required=required) == purpose


@pytest.mark.parametrize(
    ("given", "headers", "code"),
    [
        (None, {}, "missing"),
        (" \t ", {b"x-descry-purpose": b" "}, "missing"),
        ("a", {b"x-descry-purpose": b"b"}, "purpose_differs"),
        ("p" * 201, {}, "purpose_invalid"),
        ("a\nb", {}, "purpose_invalid"),
        ("a\x00b", {}, "purpose_invalid"),
        ("\ud800", {}, "purpose_invalid"),
    ],
)
def test_a_purpose_that_cannot_be_used_is_refused(
    given: str | None, headers: dict[bytes, bytes], code: str
) -> None:
    with pytest.raises(ProblemRaised) as raised:
        purpose_of(request(headers), given, required=True)
    assert raised.value.kind.status == 422
    (error,) = raised.value.errors
    assert (error.field, error.code) == ("purpose", code)
