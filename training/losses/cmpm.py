"""Match projections of one modality on the other to the distribution of equal identities.

Source: cross-modal projection matching (CMPM) of Zhang and Lu, Deep Cross-Modal Projection
Learning for Image-Text Matching, ECCV 2018, section 3, as the codes of IRRA
(https://github.com/anosorae/IRRA) and of Gao et al., NAFS, 2021
(https://arxiv.org/abs/2101.03036, https://github.com/TencentYoutuResearch/PersonReID-NAFS) have
it. With p the softmax over a row of ``v norm(t)^T`` and q the divided row of equal identities,
``mean_i sum_j p_ij (log p_ij - log(q_ij + 1e-8))``, and the same with v and t exchanged. Departs
from those codes in one place: a zero row stays zero instead of becoming no number.
"""

from typing import Literal

import torch
from torch.nn import functional

EPSILON = 1e-8
MaskNorm = Literal["l1", "l2"]


def cmpm(
    crops: torch.Tensor,
    captions: torch.Tensor,
    identities: torch.Tensor,
    *,
    mask_norm: MaskNorm = "l2",
) -> torch.Tensor:
    """Return the sum of the mean divergences in both directions: a scalar, possibly negative.

    Args:
        crops: Features ``(n, d)``; their lengths matter, there is no temperature.
        captions: Theirs, in the same order, ``(n, d)``.
        identities: Whom they show ``(n,)``.
        mask_norm: What a row of equal identities is divided by: its sum, ``l1``, as the paper
            writes, so that q is a distribution; or its Euclidean length, ``l2``, as the authors'
            codes do, where two matches have 0.71 each.
    """
    crops, captions = crops.float(), captions.float()
    matches = (identities[:, None] == identities).float()  # (n, n)
    target = functional.normalize(matches, p=1 if mask_norm == "l1" else 2, dim=1)
    from_crops = crops @ functional.normalize(captions, dim=1).T  # (n, n)
    from_captions = captions @ functional.normalize(crops, dim=1).T
    return _divergence(from_crops, target) + _divergence(from_captions, target)


def _divergence(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    log_p = functional.log_softmax(logits, dim=1)
    return (log_p.exp() * (log_p - (target + EPSILON).log())).sum(1).mean()
