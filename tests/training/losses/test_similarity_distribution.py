import math

import pytest
import torch

from training.losses.similarity_distribution import similarity_distribution


def divergence_by_hand(similarity: list[list[float]], truth: list[list[int]]) -> float:
    """The formula, one number at a time."""
    total, rows = 0.0, 0
    for scores, row in zip(similarity, truth, strict=True):
        matches = [k for k, value in enumerate(row) if value == 1]
        if not matches:
            continue
        allowed = [k for k, value in enumerate(row) if value >= 0]
        normaliser = sum(math.exp(scores[k]) for k in allowed)
        for k in matches:
            target = 1 / len(matches)
            total += target * math.log(target / (math.exp(scores[k]) / normaliser))
        rows += 1
    return total / rows


def test_loss_equals_a_slow_transcription() -> None:
    generator = torch.Generator().manual_seed(3)
    similarity = torch.randn(5, 7, generator=generator) * 3
    truth = torch.randint(-1, 2, (5, 7), generator=generator)
    truth[2] = torch.tensor([0, -1, 0, 0, -1, 0, 0])  # a caption that is true of nothing
    expected = divergence_by_hand(similarity.tolist(), truth.tolist())
    assert similarity_distribution(similarity, truth).item() == pytest.approx(expected, rel=1e-5)


def test_two_equal_matches_and_nothing_else_cost_nothing() -> None:
    similarity = torch.tensor([[4.0, 4.0, -60.0]])
    assert similarity_distribution(similarity, torch.tensor([[1, 1, 0]])).item() == pytest.approx(
        0, abs=1e-6
    )


def test_one_of_two_matches_alone_is_not_enough() -> None:
    loss = similarity_distribution(torch.tensor([[9.0, 0.0]]), torch.tensor([[1, 1]])).item()
    # target (1/2, 1/2), softmax (s, 1 - s) with s = 1 / (1 + e^-9)
    s = 1 / (1 + math.exp(-9))
    assert loss == pytest.approx(0.5 * math.log(0.5 / s) + 0.5 * math.log(0.5 / (1 - s)), rel=1e-5)


def test_undecided_pair_has_no_influence() -> None:
    truth = torch.tensor([[1, -1, 0]])
    low = similarity_distribution(torch.tensor([[1.0, -5.0, 0.5]]), truth)
    high = similarity_distribution(torch.tensor([[1.0, 50.0, 0.5]]), truth)
    assert low.item() == high.item()


def test_batch_without_any_match_gives_zero_and_a_gradient() -> None:
    similarity = torch.zeros(2, 2, requires_grad=True)
    loss = similarity_distribution(similarity, torch.zeros(2, 2, dtype=torch.int8))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert similarity.grad is not None
    assert similarity.grad.abs().sum() == 0
