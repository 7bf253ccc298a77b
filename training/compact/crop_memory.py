"""The image rows of the last steps, as further crops that a description must be told from.

Source: Wang et al., Cross-Batch Memory for Embedding Learning, CVPR 2020
(https://arxiv.org/abs/1912.06798): rows of a few steps ago are still nearly what the network
would make of their crops, so they serve as negatives without being encoded again.
"""

import torch
from torch import nn


class CropMemory(nn.Module):
    """A ring of image rows and of what their crops show; empty at first.

    It is part of the network's state, so that a run which goes on goes on with it.
    """

    rows: torch.Tensor
    values: torch.Tensor
    seen: torch.Tensor

    def __init__(self, size: int, width: int, slots: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("rows", torch.zeros(size, width))
        self.register_buffer("values", torch.zeros(size, slots, dtype=torch.long))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def recall(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is remembered: rows ``(m, d)`` and value numbers ``(m, s)``."""
        filled = min(int(self.seen), self.size)
        return self.rows[:filled].clone(), self.values[:filled]

    @torch.no_grad()
    def remember(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        """Put rows ``(n, d)`` and value numbers ``(n, s)`` in place of the oldest."""
        if self.size == 0:
            return
        rows, values = rows[-self.size :], values[-self.size :]
        places = (int(self.seen) + torch.arange(len(rows), device=rows.device)) % self.size
        self.rows[places] = rows.detach().to(self.rows.dtype)
        self.values[places] = values
        self.seen += len(rows)
