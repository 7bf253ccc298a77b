import numpy as np
import torch

from models.unit_rows import BATCH_SIZE, unit_rows


def test_rows_are_divided_by_their_lengths_in_order() -> None:
    seen: list[int] = []

    def encode(values: object) -> torch.Tensor:
        assert isinstance(values, list)
        seen.append(len(values))
        return torch.tensor([[3.0 * value, 4.0 * value] for value in values])

    rows = unit_rows(list(range(1, 131)), encode, 2)
    assert seen == [BATCH_SIZE, BATCH_SIZE, 2]
    assert rows.dtype == np.float32
    assert np.allclose(rows, [0.6, 0.8])


def test_each_row_is_its_own_input_s() -> None:
    rows = unit_rows([(0.0, 9.0), (-2.0, 0.0)], lambda pairs: torch.tensor(list(pairs)), 2)
    assert np.array_equal(rows, [[0, 1], [-1, 0]])


def test_reduced_precision_comes_back_as_float32() -> None:
    rows = unit_rows(["a"], lambda _: torch.ones(1, 4, dtype=torch.bfloat16), 4)
    assert rows.dtype == np.float32
    assert np.allclose(rows, 0.5)


def test_a_row_of_zeros_stays_finite() -> None:
    assert np.array_equal(unit_rows(["a"], lambda _: torch.zeros(1, 2), 2), [[0, 0]])
