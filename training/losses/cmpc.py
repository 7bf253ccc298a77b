"""Name the person from the projection of one modality on the other.

Source: cross-modal projection classification (CMPC) of Zhang and Lu, Deep Cross-Modal Projection
Learning for Image-Text Matching, ECCV 2018, section 3, as the code of Gao et al., NAFS, 2021
(https://arxiv.org/abs/2101.03036, https://github.com/TencentYoutuResearch/PersonReID-NAFS) has
it. With unit rows v', t' and unit columns W', ``CE((v . t') t' W', y) + CE((t . v') v' W', y)``.
Departs from that code in one place: a zero row stays zero instead of becoming no number.
"""

import torch
from torch.nn import functional


def cmpc(
    crops: torch.Tensor, captions: torch.Tensor, weight: torch.Tensor, identities: torch.Tensor
) -> torch.Tensor:
    """Return the sum of both cross entropies: a scalar.

    Args:
        crops: Features of any length ``(n, d)``.
        captions: Theirs, in the same order, ``(n, d)``.
        weight: One column an identity ``(d, c)``, of any length; there is no bias.
        identities: Columns ``(n,)``, counted from 0.
    """
    crops, captions = crops.float(), captions.float()
    unit_crops = functional.normalize(crops, dim=1)
    unit_captions = functional.normalize(captions, dim=1)
    unit_weight = functional.normalize(weight.float(), dim=0)
    crops_on_captions = (crops * unit_captions).sum(1, keepdim=True) * unit_captions  # (n, d)
    captions_on_crops = (captions * unit_crops).sum(1, keepdim=True) * unit_crops
    of_crops = functional.cross_entropy(crops_on_captions @ unit_weight, identities)
    return of_crops + functional.cross_entropy(captions_on_crops @ unit_weight, identities)
