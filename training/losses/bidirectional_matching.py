"""Keep the score of a crop and its caption above that of every pair of different people.

Source: the bidirectional fine-grained matching of Niu et al., Improving Description-Based Person
Re-Identification by Multi-Granularity Image-Text Alignments (MIA), 2020
(https://arxiv.org/abs/1906.09610). A reconstruction from the paper's plan: the authors' code
(https://github.com/cuiaiyu/Text-to-Image-ReIdentification) has no loss for its third granularity,
and the figures of the paper must not be claimed for this one. Summed over all pairs and divided
by the size of the batch, like the triplet loss of the first two granularities.
"""

import torch
from torch.nn import functional


def bidirectional_matching(
    scores: torch.Tensor, identities: torch.Tensor, *, margin: float = 0.2
) -> torch.Tensor:
    """Return the hinges of all pairs of different identities, summed and divided by n: a scalar.

    With s the scores, the sum over ``[margin - s_ii + s_ij]_+ + [margin - s_ii + s_ji]_+``.

    Args:
        scores: Of every crop with every caption ``(n, n)``, higher is better.
        identities: Whom both show ``(n,)``.
        margin: By how much the own pair must lead.
    """
    scores = scores.float()
    own = scores.diagonal()[:, None]
    hinges = functional.relu(margin - own + scores) + functional.relu(margin - own + scores.T)
    different = identities[:, None] != identities
    return (hinges * different).sum() / len(scores)
