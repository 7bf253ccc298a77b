import pytest
import torch

from tests.models.filled_weights import worst
from tests.training.losses.transcriptions import (
    cosine,
    features,
    is_finite_with_gradients,
    value_and_gradients,
    worst_difference,
)
from tests.training.recorded_training import mia
from training.losses.triplet_matching import triplet_matching

IDENTITIES = torch.tensor([4, 7, 4, 9])


def test_loss_and_gradients_equal_the_recorded_ones_as_released() -> None:
    case = mia()["cases"]["triplet"]
    value, gradients = value_and_gradients(
        lambda v, t: triplet_matching(v, t, case["pid"], caption_negatives=False),
        [case["img"], case["cap"]],
    )
    assert value == pytest.approx(case["loss_as_shipped"], rel=1e-6)
    assert worst(gradients[0], case["grad_img"]) < 1e-6
    assert worst(gradients[1], case["grad_cap"]) < 1e-6


def test_loss_equals_the_recorded_one_as_intended() -> None:
    case = mia()["cases"]["triplet"]
    loss = triplet_matching(case["img"], case["cap"], case["pid"], caption_negatives=True)
    assert loss.item() == pytest.approx(case["loss_with_caption_negatives(paper)"], rel=1e-6)


@pytest.mark.parametrize("caption_negatives", [False, True])
def test_loss_and_gradients_equal_a_slow_transcription(*, caption_negatives: bool) -> None:
    def slow(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for i in range(4):
            own = 1 - cosine(crops[i], captions[i])
            for j in range(4):
                if IDENTITIES[i] == IDENTITIES[j]:
                    continue
                other = captions[j] if caption_negatives else crops[j]
                total = total + (0.2 + own - (1 - cosine(crops[j], captions[i]))).clamp(min=0)
                total = total + (0.2 + own - (1 - cosine(crops[i], other))).clamp(min=0)
        return total / 4

    def fast(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
        return triplet_matching(crops, captions, IDENTITIES, caption_negatives=caption_negatives)

    assert worst_difference(fast, slow, [features(1, 4, 5), features(2, 4, 5)]) < 1e-5


@pytest.mark.parametrize("caption_negatives", [False, True])
def test_a_batch_of_one_identity_costs_nothing(*, caption_negatives: bool) -> None:
    loss = triplet_matching(
        features(1, 4, 5), features(2, 4, 5), torch.zeros(4), caption_negatives=caption_negatives
    )
    assert loss.item() == 0


@pytest.mark.parametrize("caption_negatives", [False, True])
def test_a_zero_row_gives_a_finite_loss_and_gradient(*, caption_negatives: bool) -> None:
    crops = features(1, 4, 5)
    crops[0] = 0
    assert is_finite_with_gradients(
        lambda v, t: triplet_matching(v, t, IDENTITIES, caption_negatives=caption_negatives),
        [crops, features(2, 4, 5)],
    )
