import math
from typing import Literal

import pytest
import torch

from tests.training.losses.transcriptions import (
    divergence,
    dot,
    features,
    is_finite_with_gradients,
    length,
    matching_rows,
    worst_difference,
)
from tests.training.recorded_training import irra, nafs
from training.losses.cmpm import cmpm

IDENTITIES = [4, 7, 4, 4, 9]


def test_loss_equals_the_one_recorded_of_irra() -> None:
    units = irra()["loss_units"]
    loss = cmpm(units["image"], units["text"], units["pids"])
    assert loss.item() == pytest.approx(units["cmpm"].item(), rel=1e-6)


def test_loss_equals_the_one_recorded_of_nafs() -> None:
    case = nafs()["cases"]["losses"]
    loss = cmpm(case["gi"], case["gt"], case["labels"])
    assert loss.item() == pytest.approx(case["cmpm"][0], rel=1e-6)


@pytest.mark.parametrize(("mask_norm", "power"), [("l1", 1), ("l2", 2)])
def test_loss_and_gradients_equal_a_slow_transcription(
    mask_norm: Literal["l1", "l2"], power: int
) -> None:
    targets = matching_rows(IDENTITIES, power)

    def slow(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
        of_crops = [[dot(v, t) / length(t) for t in captions] for v in crops]
        of_captions = [[dot(t, v) / length(v) for v in crops] for t in captions]
        return divergence(of_crops, targets) + divergence(of_captions, targets)

    def fast(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
        return cmpm(crops, captions, torch.tensor(IDENTITIES), mask_norm=mask_norm)

    assert worst_difference(fast, slow, [features(1, 5, 6), features(2, 5, 6)]) < 1e-5


def test_only_the_sum_makes_a_batch_of_one_identity_cost_nothing_at_best() -> None:
    same = torch.ones(4, 3)
    one = torch.zeros(4)
    assert cmpm(same, same, one, mask_norm="l1").item() == pytest.approx(0, abs=1e-6)
    # p is 1/4 everywhere and q is 1/sqrt(4) = 1/2, so each direction costs log((1/4) / (1/2))
    assert cmpm(same, same, one).item() == pytest.approx(2 * math.log(0.5), rel=1e-5)


def test_a_zero_row_gives_a_finite_loss_and_gradient() -> None:
    crops = features(1, 5, 4)
    crops[2] = 0
    identities = torch.tensor(IDENTITIES)
    assert is_finite_with_gradients(lambda v, t: cmpm(v, t, identities), [crops, features(2, 5, 4)])
