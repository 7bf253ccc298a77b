import pytest
import torch

from tests.training.losses.transcriptions import (
    cross_entropy,
    dot,
    features,
    is_finite_with_gradients,
    length,
    worst_difference,
)
from tests.training.recorded_training import nafs
from training.losses.cmpc import cmpc

IDENTITIES = [2, 0, 2, 1]


def fast(crops: torch.Tensor, captions: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return cmpc(crops, captions, weight, torch.tensor(IDENTITIES))


def slow(crops: torch.Tensor, captions: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    columns = [column / length(column) for column in weight.T]

    def logits(projected: torch.Tensor, on: torch.Tensor) -> list[list[torch.Tensor]]:
        rows = []
        for x, y in zip(projected, on, strict=True):
            direction = y / length(y)
            projection = dot(x, direction) * direction
            rows.append([dot(projection, column) for column in columns])
        return rows

    return cross_entropy(logits(crops, captions), IDENTITIES) + cross_entropy(
        logits(captions, crops), IDENTITIES
    )


def test_loss_equals_the_recorded_one() -> None:
    case = nafs()["cases"]["losses"]
    loss = cmpc(case["gi"], case["gt"], case["W"], case["labels"])
    assert loss.item() == pytest.approx(case["cmpc"][0], rel=1e-6)


def test_loss_and_gradients_equal_a_slow_transcription() -> None:
    inputs = [features(1, 4, 5), features(2, 4, 5), features(3, 5, 3)]
    assert worst_difference(fast, slow, inputs) < 1e-5


def test_the_length_of_a_column_has_no_influence() -> None:
    crops, captions, weight = features(1, 4, 5), features(2, 4, 5), features(3, 5, 3)
    scaled = weight * torch.tensor([0.1, 1.0, 30.0])
    loss = fast(crops, captions, weight).item()
    assert fast(crops, captions, scaled).item() == pytest.approx(loss, rel=1e-5)


def test_a_zero_row_gives_a_finite_loss_and_gradient() -> None:
    captions = features(2, 4, 5)
    captions[3] = 0
    assert is_finite_with_gradients(fast, [features(1, 4, 5), captions, features(3, 5, 3)])
