import pytest
import torch

from tests.training.losses.transcriptions import features, value_and_gradients, worst_difference
from training.losses.bidirectional_matching import bidirectional_matching


def test_loss_by_hand() -> None:
    scores = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.5, 0.6], [0.95, 0.0, 0.7]])
    identities = torch.tensor([0, 1, 0])  # the first and the third are no negatives
    # Rows: crop 0, caption 1: 0.1. Crop 1, captions 0, 2: 0, 0.3. Crop 2, caption 1: 0.
    # Columns: caption 0, crop 1: 0. Caption 1, crops 0, 2: 0.5, 0. Caption 2, crop 1: 0.1.
    loss = bidirectional_matching(scores, identities)
    assert loss.item() == pytest.approx((0.1 + 0.3 + 0.5 + 0.1) / 3, rel=1e-5)


def test_loss_and_gradients_equal_a_slow_transcription() -> None:
    identities = torch.tensor([3, 1, 3, 2, 1])

    def slow(scores: torch.Tensor) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for i in range(5):
            for j in range(5):
                if identities[i] != identities[j]:
                    total = total + (0.3 - scores[i, i] + scores[i, j]).clamp(min=0)
                    total = total + (0.3 - scores[i, i] + scores[j, i]).clamp(min=0)
        return total / 5

    def fast(scores: torch.Tensor) -> torch.Tensor:
        return bidirectional_matching(scores, identities, margin=0.3)

    assert worst_difference(fast, slow, [features(1, 5, 5)]) < 1e-6


def test_a_batch_of_one_identity_costs_nothing_and_has_a_gradient() -> None:
    value, gradients = value_and_gradients(
        lambda scores: bidirectional_matching(scores, torch.zeros(3)), [features(1, 3, 3)]
    )
    assert value == 0
    assert gradients[0].abs().sum().item() == 0
