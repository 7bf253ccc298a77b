import math

import pytest
import torch

from training.losses.attribute_answer import attribute_answer


def test_loss_equals_a_slow_transcription() -> None:
    logits = [[1.0, 0.0, 2.0, -1.0, 0.5], [0.0, 3.0, 0.0, 0.0, 1.0]]
    values = [[0, 2], [1, -1]]  # the second picture does not tell the second slot

    def cross_entropy(row: list[float], answer: int) -> float:
        return math.log(sum(math.exp(x) for x in row)) - row[answer]

    first = (cross_entropy(logits[0][:2], 0) + cross_entropy(logits[1][:2], 1)) / 2
    second = cross_entropy(logits[0][2:], 2)
    loss = attribute_answer(torch.tensor(logits), torch.tensor(values), (2, 3))
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)


def test_slot_that_no_picture_tells_costs_nothing_and_is_finite() -> None:
    loss = attribute_answer(torch.zeros(2, 3), torch.full((2, 1), -1), (3,))
    assert loss.item() == 0
