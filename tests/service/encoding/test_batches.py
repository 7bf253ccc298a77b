"""Batches: one bad input fails alone, and texts of like length go together."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.contracts import Float32Array, TextReading
from service.encoding import EncodingBroken
from service.encoding.batches import encode_each, length_of, runs_of_similar_length


class Doubling:
    """Maps a number to (number, 2 * number); fails on what it is told to, and notes its calls."""

    def __init__(self, fails_on: int | None = None, wrong_shape_from: int = 99) -> None:
        self.calls: list[list[int]] = []
        self._fails_on = fails_on
        self._wrong_shape_from = wrong_shape_from

    def __call__(self, numbers: Sequence[int]) -> Float32Array:
        self.calls.append(list(numbers))
        if self._fails_on in numbers:
            raise ValueError(f"{self._fails_on} is poison")
        if len(numbers) >= self._wrong_shape_from:
            return np.zeros((len(numbers), 5), np.float32)
        rows = np.array([(each, 2 * each) for each in numbers], np.float32)
        rows[np.array(numbers) == 13] = np.inf
        return rows


def rows_of(outcomes: Sequence[Float32Array | Exception]) -> list[object]:
    return [str(each) if isinstance(each, Exception) else each.tolist() for each in outcomes]


def test_good_inputs_are_encoded_in_one_call() -> None:
    encode = Doubling()
    assert rows_of(encode_each(encode, [3, 1], 2)) == [[3, 6], [1, 2]]
    assert encode.calls == [[3, 1]]


def test_a_poisoned_input_fails_alone() -> None:
    encode = Doubling(fails_on=2)
    assert rows_of(encode_each(encode, [1, 2, 3], 2)) == [[1, 2], "2 is poison", [3, 6]]
    assert encode.calls == [[1, 2, 3], [1], [2], [3]]


def test_only_the_row_that_is_not_finite_is_tried_again() -> None:
    encode = Doubling()
    outcomes = encode_each(encode, [1, 13], 2)
    assert rows_of(outcomes) == [[1, 2], "the encoder returned numbers that are not finite"]
    assert isinstance(outcomes[1], EncodingBroken)
    assert encode.calls == [[1, 13], [13]]


def test_a_batch_of_the_wrong_shape_is_tried_one_by_one() -> None:
    encode = Doubling(wrong_shape_from=2)
    assert rows_of(encode_each(encode, [1, 2], 2)) == [[1, 2], [2, 4]]


def test_one_input_is_tried_once() -> None:
    encode = Doubling(wrong_shape_from=1)
    (outcome,) = encode_each(encode, [1], 2)
    assert isinstance(outcome, EncodingBroken)
    assert str(outcome) == "the encoder returned shape (1, 5) (expected (1, 2))"
    assert encode.calls == [[1]]


def test_a_row_can_be_shared_because_nobody_can_change_it() -> None:
    (row,) = encode_each(Doubling(), [1], 2)
    assert not isinstance(row, Exception)
    with pytest.raises(ValueError, match="read-only"):
        row[0] = 9


@pytest.mark.parametrize(
    ("tokens", "limit", "expected"),
    [(5, 62, 5), (200, 62, 62), (200, None, 200), (None, None, 1 + 23 // 5)],
)
def test_the_length_of_a_text_is_what_the_encoder_computes(
    tokens: int | None, limit: int | None, expected: int
) -> None:
    reading = TextReading((), None, tokens, limit)
    assert length_of("man in a navy blue suit", reading) == expected


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([7], [[0]]),
        ([9, 8, 10], [[1, 0, 2]]),  # 1 + 2 tokens of padding: less than a call costs
        ([10, 62, 10], [[0, 2], [1]]),  # 2 * 52 tokens of padding: more
        ([10, 62], [[0, 1]]),  # 52: less
        # 4 * 16 is the most that is worth it; one token longer is not.
        ([10, 10, 10, 10, 26], [[0, 1, 2, 3, 4]]),
        ([10, 10, 10, 10, 27], [[0, 1, 2, 3], [4]]),
    ],
)
def test_texts_are_sorted_and_cut_where_padding_costs_more_than_a_call(
    lengths: list[int], expected: list[list[int]]
) -> None:
    assert runs_of_similar_length(lengths) == expected
