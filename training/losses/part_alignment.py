"""Compare regions of crops with the words they attend to, and match who belongs together.

Source: contextual non-local attention and the compound loss of Gao et al., NAFS, 2021
(https://arxiv.org/abs/2101.03036, https://github.com/TencentYoutuResearch/PersonReID-NAFS);
the attention is that of Lee et al., SCAN, 2018 (https://arxiv.org/abs/1803.08024), the focus that
of Liu et al., BFAN, 2019 (https://arxiv.org/abs/1909.11416). Departs from NAFS's code in three
places: the attention of captions to crops, which it computes and throws away, is left out; all
pairs are computed at once; and where the focus keeps no word, all words stay, instead of no
number.
"""

from typing import Literal

import torch
from torch.nn import functional

EPSILON = 1e-8
SHARPNESS = 20.0
"""What multiplies attention before the softmax over words, and similarities before the loss."""
NEGATIVE_SLOPE = 0.1

Focal = Literal["none", "equal", "prob"]
MaskNorm = Literal["l1", "l2"]


def pairwise_alignment(
    queries: torch.Tensor,
    values: torch.Tensor,
    keys: torch.Tensor,
    text_values: torch.Tensor,
    lengths: torch.Tensor,
    focal: Focal | None = None,
) -> torch.Tensor:
    """Compare the regions of every crop with the words of every caption.

    Differentiable; takes memory for ``4 n m r d`` numbers or so.

    Args:
        queries: Of the regions of crops ``(n, r, d)``.
        values: Of the same regions ``(n, r, d)``.
        keys: Of the words of captions ``(m, t, d)``.
        text_values: Of the same words ``(m, t, d)``.
        lengths: How many words count ``(m,)``, at least 1; more than t means t.
        focal: Which words a region may attend to: all (None and ``none``), those with more than
            an equal share (``equal``), or those with more than the others, each weighed by the
            root of its share (``prob``).

    Returns:
        Mean cosines over the regions ``(n, m)`` in -1..1.
    """
    attended = attended_captions(queries, keys, text_values, lengths, focal)  # (n, m, r, d)
    # The attended captions have unit length already; dividing again would cost another copy.
    unit_values = functional.normalize(values, dim=-1)
    return torch.einsum("nrd,nmrd->nmr", unit_values, attended).mean(-1)


def attended_captions(
    queries: torch.Tensor,
    keys: torch.Tensor,
    text_values: torch.Tensor,
    lengths: torch.Tensor,
    focal: Focal | None = None,
) -> torch.Tensor:
    """Return what each region of each crop gathers from each caption: unit ``(n, m, r, d)``.

    The arguments are those of ``pairwise_alignment``.
    """
    cosines = torch.einsum("nrd,mtd->nmtr", _unit(queries), _unit(keys))
    attention = _unit(functional.leaky_relu(cosines, NEGATIVE_SLOPE))  # (n, m, t, r)
    counts = lengths.clamp(max=keys.shape[1])
    beyond = torch.arange(keys.shape[1], device=keys.device) >= counts[:, None]  # (m, t)
    logits = (SHARPNESS * attention.transpose(2, 3)).masked_fill(beyond[:, None], -torch.inf)
    weights = _focused(logits.softmax(-1), counts[:, None, None], focal)  # (n, m, r, t)
    return _unit(torch.einsum("nmrt,mtd->nmrd", weights, text_values))


def part_alignment(
    similarity: torch.Tensor, identities: torch.Tensor, *, mask_norm: MaskNorm = "l2"
) -> torch.Tensor:
    """Return NAFS's compound loss, ``mean_i sum_j p_ij (log p_ij - log(q_ij + 1e-8))``: a scalar.

    p is the softmax over a row of ``20 similarity``, q the divided row of equal identities. From
    crops to captions only, as in the paper's code.

    Args:
        similarity: Of every crop to every caption ``(n, n)``, unscaled.
        identities: Whom both show ``(n,)``.
        mask_norm: What a row of equal identities is divided by: its sum, ``l1``, or its Euclidean
            length, ``l2``, as the authors' code does.
    """
    matches = (identities[:, None] == identities).float()  # (n, n)
    target = functional.normalize(matches, p=1 if mask_norm == "l1" else 2, dim=1)
    log_p = functional.log_softmax(SHARPNESS * similarity.float(), dim=1)
    return (log_p.exp() * (log_p - (target + EPSILON).log())).sum(1).mean()


def _unit(rows: torch.Tensor) -> torch.Tensor:
    lengths: torch.Tensor = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return rows / (lengths + EPSILON)


def _focused(weights: torch.Tensor, counts: torch.Tensor, focal: Focal | None) -> torch.Tensor:
    if focal is None or focal == "none":
        return weights
    share = weights.detach()  # (n, m, r, t)
    if focal == "equal":
        lead = counts * share - share.sum(-1, keepdim=True)
    else:
        roots = share.sqrt()
        lead = share * roots.sum(-1, keepdim=True) - (share * roots).sum(-1, keepdim=True)
    kept = lead > 0
    kept = kept | ~kept.any(-1, keepdim=True)
    focused = weights * kept
    return focused / focused.sum(-1, keepdim=True)
