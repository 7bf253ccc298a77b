import numpy as np
import pytest

from service.fusion import WeightedMean, fuse
from service.queries import QueryRefused

X, Y, Z = np.eye(3, dtype=np.float32)


def test_a_single_wanted_vector_comes_back_to_the_last_bit() -> None:
    odd = np.array([0.1, 0.2, 0.97467943], np.float32)
    assert fuse([WeightedMean([odd], 0.3), WeightedMean([], -0.5)]) is odd


def test_wanted_means_are_added_and_what_is_not_wanted_is_taken_away() -> None:
    # 1 * x + 2 * (x + y) / 2 - 0.5 * z = (2, 1, -0.5), of length sqrt(5.25)
    fused = fuse([WeightedMean([X], 1), WeightedMean([X, Y], 2), WeightedMean([Z], -0.5)])
    assert fused == pytest.approx(np.array([2, 1, -0.5]) / np.sqrt(5.25), abs=1e-6)
    assert fused.dtype == np.float32


def test_a_part_without_weight_does_not_count() -> None:
    fused = fuse([WeightedMean([X], 1), WeightedMean([Y], 0), WeightedMean([Z], 1)])
    assert fused == pytest.approx(np.array([1, 0, 1]) / np.sqrt(2), abs=1e-6)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([WeightedMean([X], 0)], "text_weight"),
        ([WeightedMean([X], 0), WeightedMean([Y], -1)], "text_weight"),
        ([WeightedMean([X], 1), WeightedMean([X], -1)], "not"),
    ],
)
def test_a_query_that_says_nothing_is_refused(parts: list[WeightedMean], field: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        fuse(parts)
    assert refused.value.field == field
