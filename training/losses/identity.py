"""Name the person that a crop, and that a caption shows.

Source: the identity loss of Jiang and Ye, IRRA, CVPR 2023 (https://arxiv.org/abs/2303.12501,
section 3.4; https://github.com/anosorae/IRRA), after Zheng et al., Dual-Path Convolutional
Image-Text Embeddings with Instance Loss, 2020 (https://arxiv.org/abs/1711.05535): one classifier
for both modalities, ``(CE(W v + b, y) + CE(W t + b, y)) / 2``.
"""

import torch
from torch.nn import functional


def identity(
    crop_logits: torch.Tensor, caption_logits: torch.Tensor, identities: torch.Tensor
) -> torch.Tensor:
    """Return half the sum of both cross entropies: a scalar.

    Args:
        crop_logits: What the classifier says of crops ``(n, c)``.
        caption_logits: What it says of their captions ``(n, c)``.
        identities: Classes ``(n,)``, counted from 0.
    """
    of_crops = functional.cross_entropy(crop_logits.float(), identities)
    of_captions = functional.cross_entropy(caption_logits.float(), identities)
    return (of_crops + of_captions) / 2
