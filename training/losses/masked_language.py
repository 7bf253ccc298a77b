"""Guess the masked word pieces of a caption.

Source: masked language modelling of Jiang and Ye, IRRA, CVPR 2023
(https://arxiv.org/abs/2303.12501, section 3.2; https://github.com/anosorae/IRRA), after Devlin et
al., BERT, 2019 (https://arxiv.org/abs/1810.04805, section 3.1): the cross entropy over the
vocabulary, averaged over the masked positions of the batch. Departs from IRRA's code in one
place: a batch without a masked position costs nothing instead of giving no number.
"""

import torch
from torch.nn import functional

NOT_MASKED = 0
"""The label of a position that is not asked for."""


def masked_language(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the cross entropy averaged over the masked positions: a scalar.

    Args:
        scores: Of every word piece at every position ``(..., vocabulary)``.
        labels: Original word pieces ``(...)``, 0 where nothing was masked.
    """
    total = functional.cross_entropy(
        scores.float().flatten(0, -2), labels.flatten(), ignore_index=NOT_MASKED, reduction="sum"
    )
    return total / (labels != NOT_MASKED).sum().clamp(min=1)
