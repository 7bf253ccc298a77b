"""Tell each crop's own caption from the others of the batch, and each caption's crop.

Source: image-text contrastive loss of Radford et al., CLIP, 2021
(https://arxiv.org/abs/2103.00020, figure 3), as the code of Jiang and Ye, IRRA, CVPR 2023
(https://github.com/anosorae/IRRA) has it. With s the scale and v, t the unit rows,
``(CE(s v t^T, i) + CE(s t v^T, i)) / 2``. Departs from that code in one place: a zero row stays
zero instead of becoming no number.
"""

import torch
from torch.nn import functional


def itc(crops: torch.Tensor, captions: torch.Tensor, *, scale: float = 50.0) -> torch.Tensor:
    """Return half the sum of the cross entropies in both directions: a scalar.

    Another crop or caption of the same identity counts as a wrong answer.

    Args:
        crops: Features of any length ``(n, d)``.
        captions: Theirs, in the same order, ``(n, d)``.
        scale: What multiplies the cosines, the inverse of the temperature.
    """
    unit_crops = functional.normalize(crops.float(), dim=1)
    unit_captions = functional.normalize(captions.float(), dim=1)
    logits = scale * unit_crops @ unit_captions.T  # (n, n)
    own = torch.arange(len(crops), device=crops.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
