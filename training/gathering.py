"""Features of all processes, so that a contrastive loss sees the whole batch.

Every process then computes the same loss of the whole batch. The gradient that flows back into a
process's own features is summed over processes here, and averaged over processes by
DistributedDataParallel: together that is the gradient of one process on all of it.
"""

import torch
from torch import distributed


def processes() -> int:
    """Return how many processes train together; 1 without torchrun."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 1
    return distributed.get_world_size()


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Return the rows ``(n, ...)`` of all processes ``(world * n, ...)`` in rank order.

    Differentiable where ``rows`` is; every process must have equally many.
    """
    if processes() == 1:
        return rows
    gathered: torch.Tensor = _Gathered.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


class _Gathered(torch.autograd.Function):
    """Not torch's own: with gloo that one mixes up gradients that are not contiguous."""

    @staticmethod
    def forward(_context: torch.autograd.function.FunctionCtx, rows: torch.Tensor) -> torch.Tensor:
        gathered = [
            torch.empty_like(rows, memory_format=torch.contiguous_format)
            for _ in range(processes())
        ]
        distributed.all_gather(gathered, rows.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(
        _context: torch.autograd.function.FunctionCtx, gradient: torch.Tensor
    ) -> torch.Tensor:
        summed = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(summed)
        return summed.chunk(processes())[distributed.get_rank()]
