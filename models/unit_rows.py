"""From many inputs to unit rows, a batch at a time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch.nn import functional

from models.contracts import Float32Array

BATCH_SIZE = 64
Input = TypeVar("Input")


def unit_rows(
    inputs: Sequence[Input], encode: Callable[[Sequence[Input]], torch.Tensor], width: int
) -> Float32Array:
    """Return float32 ``(n, width)``, each row divided by its length.

    ``encode`` maps at most ``BATCH_SIZE`` inputs to ``(n, width)`` on any device. It runs
    without gradients; the memory needed does not grow with ``n`` beyond the rows themselves.
    """
    rows = np.empty((len(inputs), width), np.float32)
    for start in range(0, len(inputs), BATCH_SIZE):
        with torch.inference_mode():
            part = encode(inputs[start : start + BATCH_SIZE]).float()
            rows[start : start + BATCH_SIZE] = functional.normalize(part, dim=1).cpu().numpy()
    return rows
