import math

import pytest
import torch

from tests.training.losses.transcriptions import cross_entropy, features, worst_difference
from tests.training.recorded_training import irra
from training.losses.identity import identity

IDENTITIES = [2, 0, 2, 1]


def test_loss_equals_the_recorded_one() -> None:
    units = irra()["loss_units"]
    of_crops, of_captions = units["id_logits"]
    loss = identity(of_crops, of_captions, units["pids"])
    assert loss.item() == pytest.approx(units["id"].item(), rel=1e-6)


def test_loss_and_gradients_equal_a_slow_transcription() -> None:
    def slow(of_crops: torch.Tensor, of_captions: torch.Tensor) -> torch.Tensor:
        both = [[list(row) for row in logits] for logits in (of_crops, of_captions)]
        return (cross_entropy(both[0], IDENTITIES) + cross_entropy(both[1], IDENTITIES)) / 2

    def fast(of_crops: torch.Tensor, of_captions: torch.Tensor) -> torch.Tensor:
        return identity(of_crops, of_captions, torch.tensor(IDENTITIES))

    assert worst_difference(fast, slow, [features(1, 4, 3), features(2, 4, 3)]) < 1e-6


def test_half_precision_is_computed_in_single_precision() -> None:
    logits = torch.tensor([[11.0, 0.0, 0.0]], dtype=torch.half)
    expected = math.log(1 + 2 * math.exp(-11))
    loss = identity(logits, logits, torch.tensor([0]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-2)
