import math

import pytest
import torch

from tests.training.losses.transcriptions import (
    cosine,
    cross_entropy,
    features,
    is_finite_with_gradients,
    worst_difference,
)
from tests.training.recorded_training import irra
from training.losses.itc import itc


def slow_itc(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
    logits = [[50 * cosine(v, t) for t in captions] for v in crops]
    turned = [[row[j] for row in logits] for j in range(len(captions))]
    own = list(range(len(crops)))
    return (cross_entropy(logits, own) + cross_entropy(turned, own)) / 2


def test_loss_equals_the_recorded_one() -> None:
    units = irra()["loss_units"]
    loss = itc(units["image"], units["text"])
    assert loss.item() == pytest.approx(units["itc"].item(), rel=1e-6)


def test_loss_and_gradients_equal_a_slow_transcription() -> None:
    inputs = [features(1, 5, 6), features(2, 5, 6)]
    assert worst_difference(itc, slow_itc, inputs) < 1e-5


def test_equal_crops_and_captions_cost_the_logarithm_of_their_number() -> None:
    same = torch.ones(4, 3)
    assert itc(same, same).item() == pytest.approx(math.log(4), rel=1e-5)


def test_half_precision_is_computed_in_single_precision() -> None:
    crops, captions = features(1, 4, 6).half(), features(2, 4, 6).half()
    assert torch.equal(itc(crops, captions), itc(crops.float(), captions.float()))


def test_a_zero_row_gives_a_finite_loss_and_gradient() -> None:
    crops = features(1, 3, 4)
    crops[1] = 0
    assert is_finite_with_gradients(itc, [crops, features(2, 3, 4)])
