from typing import Any

import pytest
import torch

from models.tokenizers.clip_bpe import END_ID, MASK_ID, START_ID, ClipBpe
from tests.training.recorded_training import irra, python_random
from training.clip.caption_masking import (
    GuidedMasking,
    guided_probabilities,
    mask_at_random,
    mask_by_probability,
)

ROWS = 2000
CONTEXT = 77


@pytest.mark.parametrize("case", irra()["mlm_masking"], ids=lambda case: f"seed {case['seed']}")
def test_captions_are_masked_as_recorded_with_as_many_draws(case: dict[str, Any]) -> None:
    before = case["before"]
    assert torch.equal(ClipBpe().tokenize([case["caption"]])[0], before)
    rng = python_random(case["seed"])
    untouched = before.clone()
    masked = mask_at_random(before, rng, mask_id=MASK_ID)
    assert torch.equal(masked.ids, case["mlm_ids"])
    assert torch.equal(masked.labels, case["labels"])
    assert rng.random() == case["next_random"]
    assert torch.equal(before, untouched)


def test_pieces_are_masked_replaced_and_kept_at_the_recorded_rates() -> None:
    recorded = irra()["mlm_stats"]
    ids = torch.randint(1, MASK_ID, (51_000,), generator=torch.Generator().manual_seed(1))
    masked = mask_at_random(ids, python_random(5), mask_id=MASK_ID)
    chosen = masked.labels > 0
    rates = {
        "mask": (masked.ids == MASK_ID).float().mean().item(),
        "random": (chosen & (masked.ids != MASK_ID) & (masked.ids != ids)).float().mean().item(),
        "keep": (chosen & (masked.ids == ids)).float().mean().item(),
    }
    # Both are measured on 51,000 pieces: three standard deviations of the difference.
    for name, rate in rates.items():
        expected = recorded[name]
        assert abs(rate - expected) < 3 * (2 * expected * (1 - expected) / 51_000) ** 0.5


def test_the_end_of_an_empty_caption_is_masked_without_a_draw() -> None:
    ids = torch.tensor([START_ID, END_ID, 0, 0])
    rng = python_random(3)
    masked = mask_at_random(ids, rng, mask_id=MASK_ID)
    assert masked.ids.tolist() == [START_ID, MASK_ID, 0, 0]
    assert masked.labels.tolist() == [0, END_ID, 0, 0]
    assert rng.random() == python_random(3).random()


def captions(words: int, rows: int = ROWS) -> torch.Tensor:
    """Start, so many words of the same piece, end, padding."""
    ids = torch.zeros(rows, CONTEXT, dtype=torch.long)
    ids[:, 0], ids[:, words + 1] = START_ID, END_ID
    ids[:, 1 : words + 1] = 7
    return ids


def attention(ids: torch.Tensor, *, peaky: bool, seed: int) -> torch.Tensor:
    """Of 12 layers, half of it on the start of the caption ``(12, n, t)``."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(12, *ids.shape, generator=generator) * (0.5 if peaky else 0.05)
    logits += torch.randn(1, *ids.shape, generator=generator) * (1.5 if peaky else 0.0)
    logits[:, :, 0] = 3.0
    return logits.masked_fill(ids == 0, -torch.inf).softmax(-1)


@pytest.mark.parametrize("peaky", [False, True])
@pytest.mark.parametrize(
    ("words", "rate"), [(8, 0.207), (15, 0.157), (28, 0.131), (50, 0.117), (75, 0.111)]
)
def test_guided_masking_chooses_at_the_expected_rate(
    words: int, rate: float, *, peaky: bool
) -> None:
    ids = captions(words)
    guide = GuidedMasking()
    probabilities = guided_probabilities(
        attention(ids, peaky=peaky, seed=words), ids, guide, mask_id=MASK_ID
    )
    assert 0.1 + 0.855 / words == pytest.approx(rate, abs=6e-4)
    # The weights sum to 1 in each caption, so the mean probability is exact...
    of_words = probabilities[:, 1 : words + 1]
    assert of_words.mean(1).tolist() == pytest.approx([0.1 + 0.855 / words] * ROWS, rel=1e-4)
    assert probabilities.count_nonzero() == of_words.count_nonzero() == ROWS * words
    # ...and a piece is forced wherever none is chosen by chance.
    none_chosen = (1 - of_words.double()).prod(1)
    expected = (of_words.double().sum(1) + none_chosen).mean().item() / words
    draws = torch.rand(3, *ids.shape, generator=torch.Generator().manual_seed(1))
    masked = mask_by_probability(ids, probabilities, draws, mask_id=MASK_ID)
    measured = (masked.labels > 0).sum().item() / (ROWS * words)
    assert abs(measured - expected) < 4 * (expected / (ROWS * words)) ** 0.5
    assert abs(measured - rate) < 0.025
    assert (masked.labels > 0).any(1).all()


def test_the_likeliest_word_of_a_peaky_caption_is_nearly_always_chosen() -> None:
    ids = captions(28)
    guide = GuidedMasking()
    flat, peaky = (
        guided_probabilities(attention(ids, peaky=p, seed=2), ids, guide, mask_id=MASK_ID)
        for p in (False, True)
    )
    assert 0.7 < peaky.amax(1).mean().item() <= 0.955 + 1e-6
    assert flat.amax(1).mean().item() < 0.25


def test_probabilities_equal_a_calculation_by_hand() -> None:
    ids = torch.tensor([[START_ID, 5, 6, END_ID]])
    layers = torch.tensor([[[0.5, 0.2, 0.1, 0.2]], [[0.2, 0.1, 0.3, 0.4]]])
    guide = GuidedMasking(layer_decay=0.5, temperature=0.5, least=0.1, gain=0.8)
    found = guided_probabilities(layers, ids, guide, mask_id=MASK_ID)
    # Aggregated: 0.5 * 0.2 + 0.1 = 0.2 and 0.5 * 0.1 + 0.3 = 0.35; shares 4/11 and 7/11.
    weights = torch.tensor([4 / 11 / 0.5, 7 / 11 / 0.5]).softmax(0)
    expected = [0, 0.1 + 0.8 * 0.5 * weights[0].item(), 0.1 + 0.4 * weights[1].item(), 0]
    assert found[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_draws_say_what_becomes_of_a_chosen_piece() -> None:
    ids = torch.tensor([[START_ID, 11, 12, 13, 14, END_ID, 0]])
    probabilities = torch.tensor([[0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]])
    draws = torch.tensor(
        [
            [[0.0, 0.4, 0.4, 0.4, 0.6, 0.0, 0.0]],
            [[0.0, 0.7, 0.85, 0.95, 0.0, 0.0, 0.0]],
            [[0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]],
        ]
    )
    masked = mask_by_probability(ids, probabilities, draws, mask_id=MASK_ID)
    replacement = 1 + int(0.5 * (MASK_ID - 1))
    assert masked.ids[0].tolist() == [START_ID, MASK_ID, replacement, 13, 14, END_ID, 0]
    assert masked.labels[0].tolist() == [0, 11, 12, 13, 0, 0, 0]


def test_a_replacement_is_a_word_piece_at_either_end_of_the_draws() -> None:
    ids = torch.tensor([[START_ID, 11, 11]])
    highest = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0)).item()
    draws = torch.tensor([[[0.0, 0.0, 0.0]], [[0.85] * 3], [[0.0, 0.0, highest]]])
    masked = mask_by_probability(ids, torch.tensor([[0.0, 1, 1]]), draws, mask_id=MASK_ID)
    assert masked.ids[0].tolist() == [START_ID, 1, MASK_ID - 1]


def test_where_nothing_is_chosen_the_likeliest_piece_is_masked() -> None:
    ids = torch.tensor([[START_ID, 11, 12, 13]])
    probabilities = torch.tensor([[0.0, 0.2, 0.4, 0.4]])
    draws = torch.full((3, 1, 4), 0.99)  # chooses none, and would keep what is chosen
    masked = mask_by_probability(ids, probabilities, draws, mask_id=MASK_ID)
    assert masked.ids[0].tolist() == [START_ID, 11, MASK_ID, 13]
    assert masked.labels[0].tolist() == [0, 0, 12, 0]


def test_an_empty_caption_loses_its_end_as_in_random_masking() -> None:
    ids = torch.tensor([[START_ID, END_ID, 0, 0]])
    weights = attention(ids, peaky=True, seed=1)
    probabilities = guided_probabilities(weights, ids, GuidedMasking(), mask_id=MASK_ID)
    assert probabilities.tolist() == [[0.0] * 4]
    masked = mask_by_probability(ids, probabilities, torch.zeros(3, 1, 4), mask_id=MASK_ID)
    assert masked.ids[0].tolist() == [START_ID, MASK_ID, 0, 0]
    assert masked.labels[0].tolist() == [0, END_ID, 0, 0]
