import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.models.filled_weights import worst
from tests.training.losses.transcriptions import features, is_finite_with_gradients
from tests.training.recorded_training import nafs
from training.losses.cmpc import cmpc
from training.losses.cmpm import cmpm
from training.losses.part_alignment import (
    Focal,
    attended_captions,
    pairwise_alignment,
    part_alignment,
)

FOCALS: list[Focal | None] = [None, "none", "equal", "prob"]


@pytest.fixture(scope="module")
def case() -> dict[str, Any]:
    content: dict[str, Any] = nafs()["cases"]["losses"]
    return content


def slow_alignment(
    query: torch.Tensor,
    value: torch.Tensor,
    key: torch.Tensor,
    text_value: torch.Tensor,
    focal: str | None,
) -> torch.Tensor:
    """One crop ``(r, d)`` and one caption ``(t, d)`` of words that all count."""

    def unit(x: torch.Tensor) -> torch.Tensor:
        return x / ((x * x).sum().sqrt() + 1e-8)

    t, r = len(key), len(query)
    attention = torch.zeros(t, r, dtype=query.dtype)
    for n in range(t):
        row = torch.stack([unit(key[n]) @ unit(query[k]) for k in range(r)])
        attention[n] = unit(functional.leaky_relu(row, 0.1))
    total = torch.zeros((), dtype=query.dtype)
    for k in range(r):
        weights = torch.softmax(20 * attention[:, k], 0)
        if focal == "equal":
            kept = [float(t * w - weights.sum() > 0) for w in weights]
        elif focal == "prob":
            kept = [float(sum((w - u) * u.sqrt() for u in weights) > 0) for w in weights]
        else:
            kept = [1.0] * t
        weights = weights * torch.tensor(kept, dtype=query.dtype)
        context = unit((weights / weights.sum()) @ text_value)
        total = total + functional.cosine_similarity(value[k], context, dim=0)
    return total / r


@pytest.mark.parametrize("focal", FOCALS)
def test_alignment_equals_the_recorded_one(case: dict[str, Any], focal: Focal | None) -> None:
    found = pairwise_alignment(
        case["q"], case["v"], case["k"], case["w"], case["length"], focal=focal
    )
    assert worst(found, case["attention_by_focal_type"][str(focal)][0]) < 1e-6


def test_attended_captions_point_where_the_recorded_ones_do(case: dict[str, Any]) -> None:
    seven_words = torch.full((8,), 7)
    found = attended_captions(case["q"], case["k"], case["w"], seven_words)[:3, 0]
    recorded = functional.normalize(case["attended_text_img0to2_txt0_len7"], dim=-1)
    assert worst(found, recorded) < 1e-6


def test_all_losses_together_have_the_recorded_values_and_gradients(case: dict[str, Any]) -> None:
    leaves = {name: case[name].clone().requires_grad_() for name in case["grads"]}
    gi, gt, q, v, k, w, weight = (leaves[name] for name in ("gi", "gt", "q", "v", "k", "w", "W"))
    compound = part_alignment(pairwise_alignment(q, v, k, w, case["length"]), case["labels"])
    assert compound.item() == pytest.approx(case["contrastive_unscaled"][0], rel=1e-6)
    labels = case["labels"]
    total = cmpm(gi, gt, labels) + cmpc(gi, gt, weight, labels) + 0.1 * compound
    assert total.item() == pytest.approx(case["loss_tuple"][3], rel=1e-6)
    total.backward()  # type: ignore[no-untyped-call]
    differences = {name: worst(leaf.grad, case["grads"][name]) for name, leaf in leaves.items()}
    assert max(differences.values()) < 1e-6, differences


@pytest.mark.parametrize("focal", FOCALS)
def test_alignment_and_gradients_equal_a_slow_transcription(focal: Focal | None) -> None:
    inputs = [features(seed, 2, n, 5) for seed, n in ((1, 3), (2, 3), (3, 6), (4, 6))]
    lengths = torch.tensor([4, 9])  # the second exceeds the words there are
    leaves = [x.clone().requires_grad_() for x in inputs]
    queries, values, keys, text_values = leaves
    found = pairwise_alignment(queries, values, keys, text_values, lengths, focal)
    slow_leaves = [x.double().requires_grad_() for x in inputs]
    q, v, k, w = slow_leaves
    expected = torch.stack(
        [
            slow_alignment(q[i], v[i], k[j][:words], w[j][:words], focal)
            for i in range(2)
            for j, words in enumerate((4, 6))
        ]
    ).reshape(2, 2)
    assert worst(found.detach(), expected.detach()) < 1e-6
    coefficients = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    gradients = torch.autograd.grad((coefficients * found).sum(), leaves)
    slow_gradients = torch.autograd.grad((coefficients * expected).sum(), slow_leaves)
    for gradient, slow_gradient in zip(gradients, slow_gradients, strict=True):
        assert worst(gradient, slow_gradient) < 1e-5


@pytest.mark.parametrize("focal", FOCALS)
def test_equal_words_are_attended_to_alike_whatever_the_focus(focal: Focal | None) -> None:
    query, text_value = features(1, 1, 2, 4), features(2, 1, 3, 4)
    same_keys = features(3, 1, 1, 4).expand(1, 3, 4)
    attended = attended_captions(query, same_keys, text_value, torch.tensor([3]), focal)
    mean = functional.normalize(text_value.mean(1), dim=-1)
    assert worst(attended[0, 0], mean.expand(2, 4)) < 1e-6


@pytest.mark.parametrize("focal", FOCALS)
def test_zero_rows_give_a_finite_alignment_and_gradient(focal: Focal | None) -> None:
    inputs = [features(seed, 2, n, 5) for seed, n in ((1, 3), (2, 3), (3, 6), (4, 6))]
    for rows in inputs:
        rows[1, 1] = 0
    lengths = torch.tensor([1, 6])
    assert is_finite_with_gradients(
        lambda q, v, k, w: pairwise_alignment(q, v, k, w, lengths, focal).sum(), inputs
    )


def test_compound_loss_of_a_batch_of_one_identity_by_hand() -> None:
    similarity = torch.tensor([[0.1, 0.0], [0.3, 0.3]])
    # Rows times 20: softmax of (2, 0), and halves; q is 1/sqrt(2) everywhere, or 1/2.
    p = 1 / (1 + math.exp(-2))
    entropies = [p * math.log(p) + (1 - p) * math.log(1 - p), math.log(0.5)]
    mean = sum(entropies) / 2
    one = torch.zeros(2)
    euclidean = part_alignment(similarity, one).item()
    assert euclidean == pytest.approx(mean - math.log(1 / math.sqrt(2)), rel=1e-5)
    summed = part_alignment(similarity, one, mask_norm="l1").item()
    assert summed == pytest.approx(mean - math.log(0.5), rel=1e-5)
