import pytest
import torch

from tests.training.losses.transcriptions import (
    cross_entropy,
    features,
    value_and_gradients,
    worst_difference,
)
from tests.training.recorded_training import irra
from training.losses.masked_language import masked_language


def test_loss_equals_the_recorded_one() -> None:
    units = irra()["loss_units"]
    loss = masked_language(units["mlm_scores"], units["mlm_labels"])
    assert loss.item() == pytest.approx(units["mlm"].item(), rel=1e-6)


def test_only_masked_positions_count_whatever_the_shape() -> None:
    labels = torch.tensor([[0, 3, 0], [1, 0, 2]])

    def slow(scores: torch.Tensor) -> torch.Tensor:
        rows = [list(scores[0, 1]), list(scores[1, 0]), list(scores[1, 2])]
        return cross_entropy(rows, [3, 1, 2])

    def fast(scores: torch.Tensor) -> torch.Tensor:
        return masked_language(scores, labels)

    assert worst_difference(fast, slow, [features(1, 2, 3, 5)]) < 1e-6


def test_a_batch_without_a_masked_position_costs_nothing_and_has_a_gradient() -> None:
    labels = torch.zeros(2, 3, dtype=torch.long)
    value, gradients = value_and_gradients(
        lambda scores: masked_language(scores, labels), [features(1, 2, 3, 5)]
    )
    assert value == 0
    assert gradients[0].abs().sum().item() == 0
