"""A triplet loss whose hardest negative is softened over all negatives.

Source: the triplet alignment loss (TAL) of Qin et al., Noisy-Correspondence Learning for
Text-to-Image Person Re-identification (RDE), CVPR 2024 (https://arxiv.org/abs/2308.09911). For
crop i, with s the cosines and P, N the captions of its own and of other identities,
``[m - sum_P a_j s_ij + tau log sum_N exp(s_ij / tau)]_+`` where a is the softmax of ``s_ij / tau``
over P; and the same for caption i. It is at least the hinge of the hardest negative, since the
log-sum-exp is at least the maximum, and becomes it as tau goes to 0. The weights a are constants
to the gradient: they choose among positives and are not themselves to be improved. No code of
the authors was consulted.
"""

import torch
from torch.nn import functional


def triplet_alignment(
    similarity: torch.Tensor,
    identities: torch.Tensor,
    *,
    margin: float = 0.1,
    temperature: float = 0.015,
) -> torch.Tensor:
    """Return the loss of every pair, both directions added: ``(n,)``.

    Not averaged, because the paper leaves out the pairs that it takes for wrongly matched. A pair
    whose batch holds nobody else costs nothing.

    Args:
        similarity: Cosines of every crop with every caption ``(n, n)``.
        identities: Whom both show ``(n,)``.
        margin: m, by how much the own pair must lead.
        temperature: tau, above 0; the smaller, the more only the hardest negative counts.
    """
    similarity = similarity.float()
    same = identities[:, None] == identities  # (n, n)
    of_crops = _one_way(similarity, same, margin, temperature)
    return of_crops + _one_way(similarity.T, same, margin, temperature)


def _one_way(
    similarity: torch.Tensor, same: torch.Tensor, margin: float, temperature: float
) -> torch.Tensor:
    # A finite floor instead of -inf, of which not every torch's logsumexp has a gradient.
    lowest = torch.finfo(similarity.dtype).min
    scaled = similarity / temperature
    weights = scaled.detach().masked_fill(~same, lowest).softmax(1)
    positive = (weights * similarity).sum(1)
    negative = temperature * scaled.masked_fill(same, lowest).logsumexp(1)
    return functional.relu(margin - positive + negative)
