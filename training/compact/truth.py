"""What is true of what, as tensors: the same statement as ``attributes.agreement``, by products.

Every value of every slot is one column; a claim marks the columns it permits, a crop the columns
it shows. How many slots a crop contradicts is then one matrix product, which is what a memory of
thousands of crops needs.
"""

import torch

from training.datasets.rendered_people.attributes import ANY, SLOTS

VALUES_A_SLOT: tuple[int, ...] = tuple(len(values) for values in SLOTS.values())

_SLOT = torch.repeat_interleave(torch.arange(len(VALUES_A_SLOT)), torch.tensor(VALUES_A_SLOT))
_VALUE = torch.cat([torch.arange(count) for count in VALUES_A_SLOT])


def permitted_values(claims: torch.Tensor) -> torch.Tensor:
    """Return which values each claim permits: bool ``(c, b)``, b values of all slots.

    Args:
        claims: Bit masks int32 ``(c, s)``.
    """
    slot, value = _SLOT.to(claims.device), _VALUE.to(claims.device)
    return ((claims[:, slot] >> value) & 1).bool()


def shown_values(values: torch.Tensor) -> torch.Tensor:
    """Return which values each crop shows: bool ``(n, b)``; none in a slot it does not tell.

    Args:
        values: Value numbers int64 ``(n, s)``, negative where a crop does not tell.
    """
    slot, value = _SLOT.to(values.device), _VALUE.to(values.device)
    return values[:, slot] == value


def truth_of(claims: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Say of every caption whether it is true of every crop.

    Args:
        claims: Bit masks int32 ``(c, s)``; ``ANY`` where a caption says nothing about a slot.
        values: Value numbers int64 ``(n, s)``, negative where a crop does not tell.

    Returns:
        int8 ``(c, n)``: 1 true, 0 contradicted by what is seen, -1 claims something unseen and
        is contradicted by nothing.
    """
    refused = (~permitted_values(claims)).float() @ shown_values(values).float().T  # (c, n)
    untold = (claims != ANY).float() @ (values < 0).float().T  # (c, n)
    decided = torch.where(untold > 0, -1, 1)
    return torch.where(refused > 0, 0, decided).to(torch.int8)
