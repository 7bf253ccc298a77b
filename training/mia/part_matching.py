"""All crops against all captions by their parts, differentiably.

Sources: Niu et al., Improving Description-Based Person Re-Identification by Multi-Granularity
Image-Text Alignments, 2020 (https://arxiv.org/abs/1906.09610). The same numbers as
``models.layers.relation_guided_attention``, which compares many crops with one caption; here
captions have different numbers of noun phrases. The part-part score is a reconstruction.
"""

import torch
from torch.nn import functional

from models.layers.relation_guided_attention import PART_PART_SHARPNESS

_TINY = 1e-8  # below any length of a feature


def attend_present(full: torch.Tensor, parts: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Gather the parts that fit each whole, by the softmax over their cosines to it.

    Args:
        full: ``(n, d)``.
        parts: Theirs ``(n, p, d)``.
        present: Which of them there are, bool ``(n, p)``, at least one in a row.

    Returns:
        ``(n, d)``.
    """
    cosines = torch.einsum(
        "nd,npd->np", functional.normalize(full, dim=-1), functional.normalize(parts, dim=-1)
    )
    weights = cosines.masked_fill(~present, -torch.inf).softmax(-1)
    return torch.einsum("np,npd->nd", weights, parts)


def gathered_cosines(
    seekers: torch.Tensor,
    parts: torch.Tensor,
    present: torch.Tensor | None = None,
    *,
    sharpness: float = 1.0,
) -> torch.Tensor:
    """Compare every seeker with what it gathers from every set of parts.

    The gathered vectors themselves, one for each seeker and set, are never made: their products
    follow from those of the parts.

    Args:
        seekers: ``(a, q, d)``.
        parts: ``(b, p, d)``.
        present: Which parts there are, bool ``(b, p)``, at least one in a row; None for all.
        sharpness: What multiplies the cosines before the softmax.

    Returns:
        Cosines ``(a, b, q)``.
    """
    directions = functional.normalize(parts, dim=-1)
    unit_seekers = functional.normalize(seekers, dim=-1)
    cosines = torch.einsum("aqd,bpd->abqp", unit_seekers, directions)
    logits = sharpness * cosines
    if present is not None:
        logits = logits.masked_fill(~present[:, None], -torch.inf)
    # Weighted by length, directions sum up to what is gathered.
    weights = logits.softmax(-1) * parts.norm(dim=-1)[:, None]
    along = (weights * cosines).sum(-1)  # (a, b, q)
    between = directions @ directions.transpose(1, 2)  # (b, p, p)
    squared = (torch.einsum("abqp,bpr->abqr", weights, between) * weights).sum(-1)
    lengths = squared.clamp_min(_TINY**2).sqrt()
    return torch.as_tensor(along / lengths)


def part_part_matrix(
    stripes: torch.Tensor, phrases: torch.Tensor, present: torch.Tensor
) -> torch.Tensor:
    """Match the stripes of every crop with the phrases of every caption, in both directions.

    Args:
        stripes: ``(n, p, d)``.
        phrases: ``(c, m, d)``.
        present: Which phrases there are, bool ``(c, m)``, at least one in a row.

    Returns:
        ``(n, c)`` in -1..1: the mean of both directions.
    """
    by_stripe = gathered_cosines(stripes, phrases, present, sharpness=PART_PART_SHARPNESS)
    by_phrase = gathered_cosines(phrases, stripes, sharpness=PART_PART_SHARPNESS)  # (c, n, m)
    counted = by_phrase * present[:, None]
    from_phrases = counted.sum(-1) / present.sum(-1)[:, None]  # (c, n)
    return (by_stripe.mean(-1) + from_phrases.T) / 2
