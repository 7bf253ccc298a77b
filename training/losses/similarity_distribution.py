"""Match the distribution of similarities to the distribution of truth.

Sources: similarity distribution matching (SDM) of Jiang and Ye, IRRA, CVPR 2023
(https://arxiv.org/abs/2303.12501, equations 5 to 7). Departs from it in two ways: the truth is
the exact statement of which captions are true of which crops, not equality of identities; and the
divergence is KL(truth || similarity), which spreads mass over all crops a caption is true of,
where the paper's KL(similarity || truth) is content with one of them.
"""

import torch
from torch.nn import functional

EXCLUDED = -1e4


def similarity_distribution(similarity: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the mean divergence over the rows that have a match: a scalar.

    Args:
        similarity: Scaled similarities ``(q, g)``.
        truth: ``(q, g)``: 1 match, 0 no match, -1 undecided and left out of the row.
    """
    logits = similarity.float().masked_fill(truth < 0, EXCLUDED)
    matches = (truth > 0).float()
    counts = matches.sum(1)
    answered = counts > 0
    target = matches[answered] / counts[answered, None]  # (a, g)
    cross_entropy = -(target * functional.log_softmax(logits[answered], dim=1)).sum(1)
    entropy = counts[answered].log()
    return (cross_entropy - entropy).sum() / answered.sum().clamp(min=1)
