"""Say from the words alone what a description claims.

The counterpart of ``attribute_answer`` for texts: one softmax per attribute over its values and
over "nothing is said of it". A description that permits several values ("a jacket") is to spread
its answer evenly over them. Teaches a text tower what words mean without any picture.

Source: none; our own, after the attribute recognition of ``attribute_answer``.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional


def claim_answer(
    logits: torch.Tensor, permitted: torch.Tensor, answers: Sequence[int]
) -> torch.Tensor:
    """Return the cross entropy, averaged over what is said and over what is not: a scalar.

    Both means count the same, for most descriptions say little.

    Args:
        logits: ``(c, sum(answers) + s)``: of every slot its values, then "nothing is said".
        permitted: Which values each description permits: bool ``(c, sum(answers))``; all of a
            slot where it says nothing.
        answers: How many values each of the s slots has.
    """
    losses, said = [], []
    slots = zip(
        torch.split(logits.float(), [count + 1 for count in answers], dim=1),
        torch.split(permitted, list(answers), dim=1),
        strict=True,
    )
    for slot_logits, slot_permitted in slots:
        silent = slot_permitted.all(1, keepdim=True)  # (c, 1)
        target = torch.cat([slot_permitted & ~silent, silent], dim=1).float()
        target = target / target.sum(1, keepdim=True).clamp(min=1)
        losses.append(-(target * functional.log_softmax(slot_logits, dim=1)).sum(1))
        said.append(~silent[:, 0])
    loss, named = torch.stack(losses, 1), torch.stack(said, 1)  # (c, s)
    of_named = loss[named].sum() / named.sum().clamp(min=1)
    of_silent = loss[~named].sum() / (~named).sum().clamp(min=1)
    return (of_named + of_silent) / 2
