"""Keep a crop and its caption closer than either is to anybody else's, by cosine distance.

Source: the triplet ranking loss of Niu et al., Improving Description-Based Person
Re-Identification by Multi-Granularity Image-Text Alignments (MIA), 2020
(https://arxiv.org/abs/1906.09610), as the authors' code has it
(https://github.com/cuiaiyu/Text-to-Image-ReIdentification): summed over all pairs of different
identities and divided by the size of the batch. That code takes both kinds of negatives from the
crops; ``caption_negatives`` says whether to follow the paper instead.
"""

import torch
from torch.nn import functional


def triplet_matching(
    crops: torch.Tensor,
    captions: torch.Tensor,
    identities: torch.Tensor,
    *,
    caption_negatives: bool,
    margin: float = 0.2,
) -> torch.Tensor:
    """Return the hinges of all triplets, summed and divided by n: a scalar.

    With d the cosine distance, and i and j of different identities, the sum over
    ``[margin + d(crop_i, caption_i) - d(crop_j, caption_i)]_+`` and over
    ``[margin + d(crop_i, caption_i) - d(crop_i, x_j)]_+``.

    Args:
        crops: Features of any length ``(n, d)``.
        captions: Theirs, in the same order, ``(n, d)``.
        identities: Whom they show ``(n,)``.
        caption_negatives: x are the captions, as the paper means; without, x are the crops, as
            the authors' code was released.
        margin: By how much others must be farther away.
    """
    unit_crops = functional.normalize(crops.float(), dim=1)
    unit_captions = functional.normalize(captions.float(), dim=1)
    to_captions = 1 - unit_crops @ unit_captions.T  # (n, n)
    to_others = to_captions if caption_negatives else 1 - unit_crops @ unit_crops.T
    own = to_captions.diagonal()[:, None]
    hinges = functional.relu(margin + own - to_captions.T) + functional.relu(
        margin + own - to_others
    )
    different = identities[:, None] != identities
    return (hinges * different).sum() / len(crops)
