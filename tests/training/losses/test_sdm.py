import math

import pytest
import torch

from tests.training.losses.transcriptions import (
    cosine,
    divergence,
    features,
    is_finite_with_gradients,
    matching_rows,
    worst_difference,
)
from tests.training.recorded_training import irra
from training.losses.sdm import sdm

IDENTITIES = [4, 7, 4, 4, 9]


def of_identities(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
    return sdm(crops, captions, torch.tensor(IDENTITIES))


def slow_sdm(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
    targets = matching_rows(IDENTITIES, 1)
    to_crops = [[50 * cosine(t, v) for v in crops] for t in captions]
    to_captions = [[50 * cosine(v, t) for t in captions] for v in crops]
    return divergence(to_crops, targets) + divergence(to_captions, targets)


def test_loss_equals_the_recorded_one() -> None:
    units = irra()["loss_units"]
    loss = sdm(units["image"], units["text"], units["pids"])
    assert loss.item() == pytest.approx(units["sdm"].item(), rel=1e-6)


def test_loss_with_numbered_crops_equals_the_recorded_one() -> None:
    units = irra()["loss_units"]
    loss = sdm(units["image"], units["text"], units["pids"], crop_numbers=units["image_ids"])
    assert loss.item() == pytest.approx(units["sdm_image_id"].item(), rel=1e-6)
    assert abs(loss.item() - units["sdm"].item()) > 0.01


def test_loss_and_gradients_equal_a_slow_transcription() -> None:
    inputs = [features(1, 5, 6), features(2, 5, 6)]
    assert worst_difference(of_identities, slow_sdm, inputs) < 1e-5


def test_a_batch_of_one_identity_costs_nothing_where_all_are_alike() -> None:
    same = torch.ones(3, 4)
    assert sdm(same, same, torch.zeros(3)).item() == pytest.approx(0, abs=1e-6)


def test_mass_on_a_wrong_caption_costs_the_logarithm_of_the_epsilon() -> None:
    crops, captions = torch.eye(2), torch.eye(2).flip(0)
    loss = sdm(crops, captions, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(2 * -math.log(1e-8), rel=1e-5)


def test_a_zero_row_gives_a_finite_loss_and_gradient() -> None:
    crops = features(1, 5, 4)
    crops[2] = 0
    assert is_finite_with_gradients(of_identities, [crops, features(2, 5, 4)])
