import numpy as np
import pytest

from indexer.ann import Selection


def test_rows_and_bits_say_the_same_however_it_was_made() -> None:
    mask = np.zeros(19, bool)
    mask[[0, 3, 8, 18]] = True
    for selection in (Selection(np.array([0, 3, 8, 18]), 19), Selection.of_mask(mask)):
        assert len(selection) == 4
        assert selection.size == 19
        assert selection.rows.tolist() == [0, 3, 8, 18]
        assert selection.bits.tolist() == [0b1001, 0b1, 0b100]


def test_the_bitmap_is_made_once() -> None:
    selection = Selection(np.array([1, 2]), 9)
    assert selection.bits is selection.bits
    assert selection.rows is selection.rows


def test_no_row_may_be_selected() -> None:
    for selection in (Selection(np.empty(0, np.int64), 9), Selection.of_mask(np.zeros(9, bool))):
        assert len(selection) == 0
        assert selection.rows.tolist() == []
        assert selection.bits.tolist() == [0, 0]


@pytest.mark.parametrize("rows", [[-1, 2], [0, 9], [3, 2], [4, 4]])
def test_rows_that_are_not_ascending_rows_of_the_index_are_an_error(rows: list[int]) -> None:
    with pytest.raises(ValueError, match=r"within 0 \.\. 8"):
        Selection(np.array(rows), 9)


@pytest.mark.parametrize("mask", [np.zeros(3), np.zeros((3, 1), bool)])
def test_a_mask_that_is_no_row_of_booleans_is_an_error(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="booleans"):
        Selection.of_mask(mask)
