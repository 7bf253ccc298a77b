from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from indexer.filter_expressions import parse_age, parse_filters
from indexer.filters import Condition
from indexer.records import ColumnType
from models.errors import ConfigurationInvalid

TYPES: Mapping[str, ColumnType] = {
    "floor": "integer",
    "metres": "number",
    "indoor": "boolean",
    "place": "text",
}
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "column", "expected"),
    [
        ("camera=c1", "camera", Condition(among=("c1",))),
        ("camera=c1,c 2", "camera", Condition(among=("c1", "c 2"))),
        ("camera!=c1,c2", "camera", Condition(not_among=("c1", "c2"))),
        ("camera?", "camera", Condition(exists=True)),
        ("camera!?", "camera", Condition(exists=False)),
        ("floor=2,-3", "floor", Condition(among=(2, -3))),
        ("floor>=2", "floor", Condition(at_least=2)),
        ("metres<1.5", "metres", Condition(below=1.5)),
        ("indoor=true", "indoor", Condition(among=(True,))),
        ("place=a=b<c?", "place", Condition(among=("a=b<c?",))),
        ("place=2024-05-01", "place", Condition(among=("2024-05-01",))),
        (
            "captured_at>=2024-05-01T14:00:00+02:00",
            "captured_at",
            Condition(at_least=NOON),
        ),
    ],
)
def test_an_expression_is_one_condition(expression: str, column: str, expected: Condition) -> None:
    filters = parse_filters([expression], TYPES)
    assert filters is not None
    assert filters.columns == {column: expected}


def test_several_conditions_must_all_hold() -> None:
    filters = parse_filters(["camera=c1", "floor>=2", "floor<5"], TYPES)
    assert filters is not None
    assert filters.columns == {
        "camera": Condition(among=("c1",)),
        "floor": Condition(at_least=2, below=5),
    }
    assert parse_filters([], TYPES) is None


@pytest.mark.parametrize(
    "expression", ["camera", "camera=", "camera!=", "=c1", "", "camera<", "camera?x", "!?", "? "]
)
def test_what_is_no_condition_is_refused_with_the_grammar(expression: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"is no condition: write COLUMN=A,B") as raised:
        parse_filters([expression], TYPES)
    assert repr(expression) in str(raised.value)


@pytest.mark.parametrize(
    ("expressions", "second"),
    [
        (["camera=c1", "camera=c2"], "camera=c2"),
        (["floor>=1", "floor>=5"], "floor>=5"),
        (["camera?", "camera!?"], "camera!?"),
    ],
)
def test_the_last_of_two_alike_does_not_win_in_silence(expressions: list[str], second: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="another condition says already") as raised:
        parse_filters(expressions, TYPES)
    assert repr(second) in str(raised.value)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [("floor=two", "int"), ("floor=2,", "int"), ("metres<far", "float"), ("indoor=maybe", "bool")],
)
def test_a_value_of_another_type_is_refused(expression: str, kind: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"where the column holds {kind}"):
        parse_filters([expression], TYPES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", datetime(2024, 4, 1, 12, tzinfo=UTC)),
        ("12h", datetime(2024, 5, 1, tzinfo=UTC)),
        ("0d", NOON),
        ("2024-04-30", datetime(2024, 4, 30, tzinfo=UTC)),
        ("2024-05-01T17:30:00+02:00", datetime(2024, 5, 1, 15, 30, tzinfo=UTC)),
    ],
)
def test_an_age_or_a_time_is_a_moment(text: str, expected: datetime) -> None:
    assert parse_age(text, NOON) == expected


@pytest.mark.parametrize(
    "text",
    ["", "d", "30", "30m", "-3d", "soon", "99999999999d", "9999999d", "0001-01-01T00:00:00+02:00"],
)
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="is no age and no time: write 30d, 12h, or"):
        parse_age(text, NOON)


def test_an_age_may_be_a_bound_of_a_filter() -> None:
    before = datetime.now(UTC)
    filters = parse_filters(["captured_at<2h"], TYPES)
    assert filters is not None
    below = filters.columns["captured_at"].below
    assert isinstance(below, datetime)
    assert before <= below + timedelta(hours=2) <= datetime.now(UTC)
