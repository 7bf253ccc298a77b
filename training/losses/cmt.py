"""The contrastive loss that AGM-IRRA's code adds to IRRA's losses, under the name of CMT.

Source: the code of AGM-IRRA (https://github.com/ducnguyen2012/AGMfIRRA). It divides IRRA's
cosines, which are already multiplied by 50, by another temperature of 0.2: what comes out is the
image-text contrastive loss (Radford et al., CLIP, 2021, https://arxiv.org/abs/2103.00020) at a
scale of 250, ``(CE(250 v t^T, i) + CE(250 t v^T, i)) / 2``. Departs from that code in one place:
a zero row stays zero instead of becoming no number.
"""

import torch
from torch.nn import functional

SCALE = 250.0


def cmt(crops: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
    """Return half the sum of the cross entropies in both directions: a scalar.

    Args:
        crops: Features of any length ``(n, d)``.
        captions: Theirs, in the same order, ``(n, d)``.
    """
    unit_crops = functional.normalize(crops.float(), dim=1)
    unit_captions = functional.normalize(captions.float(), dim=1)
    logits = SCALE * unit_crops @ unit_captions.T  # (n, n)
    own = torch.arange(len(crops), device=crops.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
