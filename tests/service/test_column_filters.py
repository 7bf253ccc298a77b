from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from indexer.gallery import Condition
from models.errors import ConfigurationInvalid
from service.column_filters import ColumnFilters, filters_of

WIRE = TypeAdapter(ColumnFilters)


def condition(column: str, given: object) -> Condition:
    return filters_of(WIRE.validate_python({column: given})).columns[column]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("c1", Condition(among=("c1",))),
        (["c1", "c2"], Condition(among=("c1", "c2"))),
        ({"in": ["c1"]}, Condition(among=("c1",))),
        ({"not_in": ["c1"], "exists": True}, Condition(not_among=("c1",), exists=True)),
        (4, Condition(among=(4,))),
        (True, Condition(among=(True,))),
        ({"gte": 2, "lt": 3.5}, Condition(at_least=2, below=3.5)),
        ({"exists": False}, Condition(exists=False)),
    ],
)
def test_a_condition_is_a_value_a_list_or_an_object(given: object, expected: Condition) -> None:
    found = condition("zone", given)
    assert found == expected
    assert [type(each) for each in found.values] == [type(each) for each in expected.values]


@pytest.mark.parametrize(
    "written",
    ["2026-03-14T08:30:00Z", "2026-03-14T09:30:00+01:00", "2026-03-14T08:30:00"],
)
def test_times_are_iso_8601_and_in_utc_without_an_offset(written: str) -> None:
    expected = datetime(2026, 3, 14, 8, 30, tzinfo=UTC)
    assert condition("captured_at", {"gte": written}).at_least == expected
    assert condition("captured_at", [written]).among == (expected,)


def test_a_text_elsewhere_stays_a_text() -> None:
    assert condition("note", "2026-03-14").among == ("2026-03-14",)


@pytest.mark.parametrize("given", ["yesterday", 5, "0001-01-01T00:00:00+14:00", ["2026-99-01"]])
def test_what_is_no_time_is_refused(given: object) -> None:
    with pytest.raises(ConfigurationInvalid, match="is no time: write ISO 8601"):
        condition("captured_at", given)


def test_text_has_no_order() -> None:
    with pytest.raises(ConfigurationInvalid, match="'zone' is compared with text by gte or lt"):
        condition("zone", {"gte": "a"})


@pytest.mark.parametrize(
    "given",
    [
        {"camera": {}},
        {"camera": {"in": []}},
        {"camera": []},
        {"camera": None},
        {"camera": {"among": ["c1"]}},
        {"camera": {"in": "c1"}},
        {"camera": {"exists": None}},
        {"camera": [["c1"]]},
        {"camera": ["\ud800"]},
        {"\ud800": "c1"},
        {"camera": ["c"] * 1001},
        {"floor": {"gte": float("nan")}},
        {f"column {n}": 1 for n in range(21)},
    ],
)
def test_what_is_no_condition_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        WIRE.validate_python(given)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_beyond_64_bits_is_compared_as_one_with_a_fraction(number: int) -> None:
    (found,) = condition("floor", number).among or ()
    assert (type(found), found) == (float, float(number))


def test_a_number_beyond_all_is_refused() -> None:
    with pytest.raises(ValidationError):
        WIRE.validate_python({"floor": 10**400})
