from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from indexer.filters import ALL_CROPS, Condition, Filters


def test_no_filters_are_false_and_some_are_true() -> None:
    assert not ALL_CROPS
    assert Filters(columns={"camera": Condition(among=("c1",))})


@pytest.mark.parametrize("fields", [{}, {"among": None}, {"exists": None, "below": None}])
def test_condition_that_says_nothing_is_refused(fields: dict[str, None]) -> None:
    with pytest.raises(ValidationError, match="a condition is empty"):
        Condition.model_validate(fields)


def test_unknown_field_of_a_condition_is_refused() -> None:
    with pytest.raises(ValidationError, match="amongst"):
        Condition.model_validate({"amongst": ["c1"]})


def test_times_are_read_from_json_and_must_name_their_zone() -> None:
    read = Condition.model_validate_json('{"at_least": "2024-05-01T10:00:00+02:00"}')
    assert read.at_least == datetime(2024, 5, 1, 8, tzinfo=UTC)
    with pytest.raises(ValidationError):
        Condition.model_validate_json('{"at_least": "2024-05-01T10:00:00"}')


def test_values_are_all_that_a_column_is_compared_with() -> None:
    condition = Condition(among=("a", "b"), not_among=("c",), at_least=1, below=2.5)
    assert condition.values == ("a", "b", "c", 1, 2.5)
    assert Condition(exists=True).values == ()
