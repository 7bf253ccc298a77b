from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from indexer.crop_selection import matching_rows
from indexer.filters import Condition, Filters
from models.errors import ConfigurationInvalid

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
EXTRA = ("floor", "score", "indoors", "note")
TABLE = pa.table(
    {
        "id": ["a", "b", "c", "d"],
        "camera": ["c1", "c2", None, "c1"],
        "captured_at": pa.array(
            [NOON, NOON + timedelta(hours=1), None, NOON + timedelta(hours=2)],
            pa.timestamp("us", tz="UTC"),
        ),
        "track_id": ["t1", None, "t1", "t2"],
        "floor": pa.array([1, 2, None, 3], pa.int64()),
        "score": pa.array([0.5, 2.0, None, 3.0], pa.float64()),
        "indoors": [True, False, None, True],
        "note": ["", "x", None, "y"],
    }
)


def rows(**conditions: Condition) -> list[int]:
    return [int(row) for row in matching_rows(TABLE, Filters(columns=conditions), EXTRA)]


@pytest.mark.parametrize(
    ("column", "condition", "expected"),
    [
        ("camera", Condition(among=("c1",)), [0, 3]),
        ("camera", Condition(among=("c1", "c2")), [0, 1, 3]),
        ("camera", Condition(among=()), []),
        ("camera", Condition(not_among=("c1",)), [1, 2]),
        ("camera", Condition(exists=True), [0, 1, 3]),
        ("camera", Condition(exists=False), [2]),
        ("captured_at", Condition(at_least=NOON + timedelta(hours=1)), [1, 3]),
        ("captured_at", Condition(below=NOON + timedelta(hours=1)), [0]),
        ("captured_at", Condition(at_least=NOON, below=NOON + timedelta(hours=2)), [0, 1]),
        ("captured_at", Condition(at_least=NOON.astimezone(tz=None)), [0, 1, 3]),
        ("floor", Condition(among=(1, 3.0)), [0, 3]),
        ("floor", Condition(among=(2.5,)), []),
        ("floor", Condition(among=(float("nan"), float("inf"), 2**63, 2)), [1]),
        ("floor", Condition(below=2**70), [0, 1, 3]),
        ("floor", Condition(at_least=1.5), [1, 3]),
        ("floor", Condition(below=2), [0]),
        ("score", Condition(among=(2,)), [1]),
        ("score", Condition(at_least=2), [1, 3]),
        ("indoors", Condition(among=(True,)), [0, 3]),
        ("note", Condition(among=("",)), [0]),
        ("id", Condition(among=("d", "a", "zz")), [0, 3]),
        ("id", Condition(not_among=("d", "a")), [1, 2]),
        ("track_id", Condition(among=("t1",), exists=True), [0, 2]),
    ],
)
def test_rows_that_meet_a_condition(column: str, condition: Condition, expected: list[int]) -> None:
    assert rows(**{column: condition}) == expected


def test_all_conditions_must_be_met() -> None:
    assert rows(camera=Condition(among=("c1",)), floor=Condition(at_least=2)) == [3]
    assert rows(camera=Condition(exists=False), floor=Condition(exists=True)) == []


def test_no_condition_selects_every_row() -> None:
    assert rows() == [0, 1, 2, 3]


def test_a_column_in_several_chunks_is_one() -> None:
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1, 2), TABLE.slice(3)])
    filters = Filters(columns={"camera": Condition(among=("c1",))})
    assert np.array_equal(matching_rows(chunked, filters, EXTRA), [0, 3])


@pytest.mark.parametrize(
    ("column", "condition", "message"),
    [
        ("colour", Condition(exists=True), "no column 'colour' .* id, camera, captured_at, track"),
        ("path", Condition(exists=True), "no column 'path'"),
        ("camera", Condition(among=(3,)), "'camera' holds text, and cannot be .* 3: give text"),
        ("camera", Condition(at_least=1), "'camera' holds text, and cannot be compared"),
        ("floor", Condition(among=("3",)), "'floor' holds numbers, and cannot be .* '3'"),
        ("floor", Condition(among=(True,)), "'floor' holds numbers, and cannot be .* True"),
        ("indoors", Condition(among=(1,)), "'indoors' holds true or false"),
        ("captured_at", Condition(at_least=5), "'captured_at' holds times, .* 5: give times"),
        ("floor", Condition(below=NOON), "'floor' holds numbers, and cannot be compared"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(
    column: str, condition: Condition, message: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=message):
        rows(**{column: condition})
