"""Hide word pieces of captions that the model then has to guess: at random, or where it looks.

Sources: random masking after Devlin et al., BERT, 2019 (https://arxiv.org/abs/1810.04805, section
3.1), as the code of Jiang and Ye, IRRA, CVPR 2023 (https://github.com/anosorae/IRRA) has it, down
to the number of draws. Attention-guided masking is our own definition of an idea of Tan et al.,
2024 (https://arxiv.org/abs/2412.15106), with the constants of AGM-IRRA's code
(https://github.com/ducnguyen2012/AGMfIRRA), which itself masks at random: no published figure
belongs to it.
"""

import random
from typing import NamedTuple

import torch
from pydantic import Field

from models.schema import Schema

CHOSEN = 0.15
"""The share of word pieces that random masking chooses."""
MASKED = 0.8
"""Of the chosen pieces, how many the mask replaces."""
MASKED_OR_REPLACED = 0.9
"""Of the chosen pieces, how many the mask or a random piece replaces; the others stay."""
FORCED_POSITION = 1

_SMALLEST_SUM = 1e-12


class MaskedCaptions(NamedTuple):
    """What the model reads, and what it has to guess; both of the shape of the original."""

    ids: torch.Tensor
    labels: torch.Tensor
    """The original piece where one was chosen, else 0."""


class GuidedMasking(Schema):
    """How attention becomes the probability that a word piece is chosen."""

    layer_decay: float = Field(default=0.95, gt=0, le=1)
    """What a layer's share is multiplied by with every layer above it."""
    temperature: float = Field(default=0.02, gt=0)
    least: float = Field(default=0.1, ge=0, le=1)
    """The probability of a piece that is not looked at."""
    gain: float = Field(default=0.9, ge=0)
    """What attention can add, times ``layer_decay``."""


def mask_at_random(ids: torch.Tensor, rng: random.Random, *, mask_id: int) -> MaskedCaptions:
    """Mask one caption as IRRA does.

    Where nothing is chosen, the piece at position 1 is masked without a draw, even if it is the
    end of an empty caption.

    Args:
        ids: One caption's pieces int64 ``(t,)``, t at least 2; pieces 1 to ``mask_id - 1`` can be
            chosen, while 0 pads.
        rng: Where the chance comes from.
        mask_id: The piece that hides others.
    """
    masked = ids.tolist()
    labels = [0] * len(masked)
    for position, piece in enumerate(masked):
        if not 0 < piece < mask_id:
            continue
        chance = rng.random()
        if chance >= CHOSEN:
            continue
        labels[position] = piece
        if chance / CHOSEN < MASKED:
            masked[position] = mask_id
        elif chance / CHOSEN < MASKED_OR_REPLACED:
            masked[position] = rng.choice(range(1, mask_id))
    if not any(labels):
        labels[FORCED_POSITION] = masked[FORCED_POSITION]
        masked[FORCED_POSITION] = mask_id
    return MaskedCaptions(ids.new_tensor(masked), ids.new_tensor(labels))


def guided_probabilities(
    attention: torch.Tensor, ids: torch.Tensor, guide: GuidedMasking, *, mask_id: int
) -> torch.Tensor:
    """Return with which probability each piece is to be chosen: ``(n, t)`` in 0..1.

    Args:
        attention: From the end of each caption to its pieces, after the softmax and averaged over
            the heads, one layer after the other ``(l, n, t)``.
        ids: The captions' pieces ``(n, t)``; only 1 to ``mask_id - 1`` can be chosen.
        guide: How attention becomes a probability.
        mask_id: The piece that hides others.
    """
    aggregated = torch.zeros_like(attention[0], dtype=torch.float32)  # (n, t)
    for layer in attention.float():
        aggregated = guide.layer_decay * aggregated + layer
    eligible = (ids > 0) & (ids < mask_id)
    # Without the start of the caption, on which attention rests when it has nothing to say.
    shares = aggregated * eligible
    shares = shares / shares.sum(1, keepdim=True).clamp(min=_SMALLEST_SUM)
    # A finite floor instead of -inf: a caption without any piece would become no number.
    logits = (shares / guide.temperature).masked_fill(~eligible, torch.finfo(torch.float32).min)
    weights = logits.softmax(1) * eligible
    return (guide.least + guide.gain * guide.layer_decay * weights).clamp(max=1) * eligible


def mask_by_probability(
    ids: torch.Tensor, probabilities: torch.Tensor, draws: torch.Tensor, *, mask_id: int
) -> MaskedCaptions:
    """Mask captions where the draws fall below the probabilities.

    Where nothing is chosen in a caption, its likeliest piece is masked, the first of equal ones,
    never that at position 0.

    Args:
        ids: Pieces int64 ``(n, t)``, t at least 2.
        probabilities: ``(n, t)``, 0 where nothing may be chosen.
        draws: Uniform in [0, 1) ``(3, n, t)``: which pieces are chosen, what becomes of them, and
            by which piece one is replaced.
        mask_id: The piece that hides others.
    """
    chosen = draws[0] < probabilities  # (n, t)
    likeliest = probabilities[:, 1:].argmax(1, keepdim=True) + 1  # (n, 1)
    forced = torch.zeros_like(chosen).scatter(1, likeliest, value=True)
    forced &= ~chosen.any(1, keepdim=True)
    chosen |= forced
    to_mask = chosen & ((draws[1] < MASKED) | forced)
    to_replace = chosen & ~to_mask & (draws[1] < MASKED_OR_REPLACED)
    replacements = 1 + (draws[2] * (mask_id - 1)).long()
    masked = torch.where(to_replace, replacements, ids.masked_fill(to_mask, mask_id))
    return MaskedCaptions(masked, ids.masked_fill(~chosen, 0))
