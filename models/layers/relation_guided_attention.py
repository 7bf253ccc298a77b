"""How MIA compares a description's whole and parts with those of crops.

Sources: Niu et al., Improving Description-Based Person Re-Identification by Multi-Granularity
Image-Text Alignments, 2020 (https://arxiv.org/abs/1906.09610); the form of the attention, by
cosines and without a temperature, is that of the authors' code
(https://github.com/cuiaiyu/Text-to-Image-ReIdentification at 84198d5). Departs from it in that
its form by Euclidean distances, which is another in training than in evaluation, is left out.
``part_part_scores`` is a reconstruction: that code has no working version of the third
granularity.
"""

import torch
from torch.nn import functional

PART_PART_SHARPNESS = 9.0
"""What multiplies the cosines before the softmax: the value of SCAN (Lee et al. 2018)."""


def relation_guided_attention(full: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """Gather the parts that fit a whole of the other modality.

    Args:
        full: ``(..., d)``, one vector of a whole.
        parts: ``(..., p, d)``; leading axes of the two broadcast.

    Returns:
        ``(..., d)``: the parts' sum, weighted by the softmax over their cosines to the whole.
    """
    whole = functional.normalize(full, dim=-1).unsqueeze(-1)  # (..., d, 1)
    cosines = functional.normalize(parts, dim=-1) @ whole  # (..., p, 1)
    return (cosines.softmax(-2).transpose(-1, -2) @ parts).squeeze(-2)  # (..., d)


def global_part_scores(
    caption: torch.Tensor, phrases: torch.Tensor, crops: torch.Tensor, stripes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compare each whole with the parts of the other modality that it gathers.

    Args:
        caption: ``(d)``.
        phrases: ``(m, d)``, the caption's, at least one.
        crops: ``(n, d)``.
        stripes: ``(n, p, d)``, theirs.

    Returns:
        Two ``(n)`` in -1..1: of the caption with stripes, of the crop with phrases.
    """
    image_side = functional.cosine_similarity(
        relation_guided_attention(caption, stripes), caption, dim=-1
    )
    text_side = functional.cosine_similarity(
        relation_guided_attention(crops, phrases), crops, dim=-1
    )
    return image_side, text_side


def part_part_scores(
    stripes: torch.Tensor, phrases: torch.Tensor, sharpness: float = PART_PART_SHARPNESS
) -> tuple[torch.Tensor, torch.Tensor]:
    """Match the stripes of crops with the phrases of a caption, in both directions.

    A reconstruction from the paper's plan, not the authors' code: the figures of the paper must
    not be claimed for it.

    Args:
        stripes: ``(n, p, d)``.
        phrases: ``(m, d)``, at least one.
        sharpness: What multiplies the cosines before the softmax.

    Returns:
        Two ``(n)`` in -1..1: the mean over stripes, the mean over phrases.
    """
    cosines = functional.normalize(stripes, dim=-1) @ functional.normalize(phrases, dim=-1).T
    gathered_phrases = (sharpness * cosines).softmax(-1) @ phrases  # (n, p, d)
    gathered_stripes = (sharpness * cosines).softmax(-2).transpose(-1, -2) @ stripes  # (n, m, d)
    return (
        functional.cosine_similarity(stripes, gathered_phrases, dim=-1).mean(-1),
        functional.cosine_similarity(gathered_stripes, phrases, dim=-1).mean(-1),
    )
