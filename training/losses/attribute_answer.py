"""Answer every question about a person from the picture alone.

Source: attribute recognition as an auxiliary task of person retrieval, Lin et al., Improving
Person Re-identification by Attribute and Identity Learning, 2019
(https://arxiv.org/abs/1703.07220, equation 4): one softmax per attribute, averaged.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional


def attribute_answer(
    logits: torch.Tensor, values: torch.Tensor, answers: Sequence[int]
) -> torch.Tensor:
    """Return the cross entropy, averaged within each slot and then over the slots: a scalar.

    Args:
        logits: ``(n, sum(answers))``, the slots side by side.
        values: Value numbers ``(n, s)``, negative where the picture does not tell.
        answers: How many values each of the s slots has.
    """
    per_slot = []
    for slot, slot_logits in enumerate(torch.split(logits.float(), list(answers), dim=1)):
        seen = values[:, slot] >= 0
        loss = functional.cross_entropy(slot_logits[seen], values[seen, slot], reduction="sum")
        per_slot.append(loss / seen.sum().clamp(min=1))
    return torch.stack(per_slot).mean()
