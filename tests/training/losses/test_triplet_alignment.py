import math

import pytest
import torch

from tests.training.losses.transcriptions import features, value_and_gradients
from training.losses.triplet_alignment import triplet_alignment

IDENTITIES = torch.tensor([4, 7, 4, 9, 7])


def cosines(seed: int) -> torch.Tensor:
    return torch.tanh(features(seed, 5, 5))


def slow_pair(
    similarity: torch.Tensor, i: int, margin: float, temperature: float
) -> tuple[float, float]:
    """The losses of crop i and of caption i."""
    losses = []
    for row in (similarity[i].tolist(), similarity[:, i].tolist()):
        own = [s for s, y in zip(row, IDENTITIES, strict=True) if y == IDENTITIES[i]]
        others = [s for s, y in zip(row, IDENTITIES, strict=True) if y != IDENTITIES[i]]
        shares = [math.exp(s / temperature) for s in own]
        positive = sum(a * s for a, s in zip(shares, own, strict=True)) / sum(shares)
        negative = temperature * math.log(sum(math.exp(s / temperature) for s in others))
        losses.append(max(0.0, margin - positive + negative))
    return losses[0], losses[1]


def hardest_negative_triplet(similarity: torch.Tensor, margin: float) -> torch.Tensor:
    """The hinge of the most similar pair of others against the most similar of one's own."""
    same = IDENTITIES[:, None] == IDENTITIES
    total = torch.zeros(5)
    for scores in (similarity, similarity.T):
        own = scores.masked_fill(~same, -9).amax(1)
        other = scores.masked_fill(same, -9).amax(1)
        total += (margin - own + other).clamp(min=0)
    return total


@pytest.mark.parametrize("temperature", [0.015, 0.1, 1.0])
def test_loss_equals_a_slow_transcription(temperature: float) -> None:
    similarity = cosines(1)
    found = triplet_alignment(similarity, IDENTITIES, margin=0.1, temperature=temperature)
    expected = [sum(slow_pair(similarity, i, 0.1, temperature)) for i in range(5)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_gradient_takes_the_weights_of_the_positives_as_given() -> None:
    similarity = cosines(2)
    temperature = 0.5
    _, (gradient,) = value_and_gradients(
        lambda s: triplet_alignment(s, IDENTITIES, margin=5.0, temperature=temperature).sum(),
        [similarity],
    )
    # With so large a margin no hinge is closed: minus the softmax over one's own, plus that over
    # the others, in both directions.
    same = IDENTITIES[:, None] == IDENTITIES
    scaled = similarity / temperature
    expected = torch.zeros(5, 5)
    for axis in (0, 1):
        expected -= scaled.masked_fill(~same, -torch.inf).softmax(axis)
        expected += scaled.masked_fill(same, -torch.inf).softmax(axis)
    assert (gradient - expected).abs().max().item() < 1e-5


def test_loss_becomes_the_hardest_negative_triplet_as_the_temperature_falls() -> None:
    similarity = cosines(3)
    expected = hardest_negative_triplet(similarity, 0.1)
    found = triplet_alignment(similarity, IDENTITIES, temperature=1e-5)
    assert (found - expected).abs().max().item() < 1e-4


def test_loss_is_never_below_the_hardest_negative_triplet() -> None:
    for seed in range(20):
        similarity = cosines(seed)
        bound = hardest_negative_triplet(similarity, 0.1)
        for temperature in (0.015, 0.1, 1.0):
            found = triplet_alignment(similarity, IDENTITIES, temperature=temperature)
            assert (found >= bound - 1e-5).all()


def test_a_batch_of_one_identity_costs_nothing_and_has_a_gradient() -> None:
    value, gradients = value_and_gradients(
        lambda s: triplet_alignment(s, torch.zeros(5)).sum(), [cosines(1)]
    )
    assert value == 0
    assert gradients[0].abs().sum().item() == 0


def test_a_row_without_any_similarity_gives_a_finite_loss() -> None:
    similarity = cosines(1)
    similarity[2] = 0
    value, gradients = value_and_gradients(
        lambda s: triplet_alignment(s, IDENTITIES).sum(), [similarity]
    )
    assert math.isfinite(value)
    assert torch.isfinite(gradients[0]).all()
