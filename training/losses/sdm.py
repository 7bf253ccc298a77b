"""Match the distribution of similarities to that of equal identities, as IRRA's authors do.

Source: similarity distribution matching (SDM) of Jiang and Ye, IRRA, CVPR 2023
(https://arxiv.org/abs/2303.12501, equations 5 to 7; https://github.com/anosorae/IRRA). With p the
softmax over a row of the scaled cosines and q the row of equal identities divided by its sum,
``mean_i sum_j p_ij (log p_ij - log(q_ij + 1e-8))`` in both directions. Departs from that code in
one place: a zero row stays zero instead of becoming no number. ``similarity_distribution`` is
our own variant, with the divergence turned round.
"""

import torch
from torch.nn import functional

EPSILON = 1e-8
OTHER_CROP = 0.3
"""What a crop of the same identity counts beside the caption's own, where crops are numbered."""


def sdm(
    crops: torch.Tensor,
    captions: torch.Tensor,
    identities: torch.Tensor,
    *,
    scale: float = 50.0,
    crop_numbers: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the sum of the mean divergences in both directions: a scalar.

    Args:
        crops: Features of any length ``(n, d)``.
        captions: Theirs, in the same order, ``(n, d)``.
        identities: Whom they show ``(n,)``.
        scale: What multiplies the cosines, the inverse of the temperature.
        crop_numbers: Which crops are the same picture ``(n,)``; another picture of the same
            person then counts less than the own one. The authors' recipe does not use it.
    """
    unit_crops = functional.normalize(crops.float(), dim=1)
    unit_captions = functional.normalize(captions.float(), dim=1)
    logits = scale * unit_captions @ unit_crops.T  # (n, n)
    target = _target(identities, crop_numbers)
    return _divergence(logits, target) + _divergence(logits.T, target)


def _target(identities: torch.Tensor, crop_numbers: torch.Tensor | None) -> torch.Tensor:
    truth = (identities[:, None] == identities).float()  # (n, n)
    if crop_numbers is not None:
        same = (crop_numbers[:, None] == crop_numbers).float()
        truth = OTHER_CROP * (truth - same) + same
    # The authors divide columns where they mean rows. For equality it is the same; where crops
    # are numbered it is not, and rows sum to 1 no more.
    return truth / truth.sum(1)


def _divergence(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    log_p = functional.log_softmax(logits, dim=1)
    return (log_p.exp() * (log_p - (target + EPSILON).log())).sum(1).mean()
