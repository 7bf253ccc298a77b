"""Part vectors of crops as a second stage stores them: exact, in half precision, or in bytes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid

PartFormat = Literal["fp32", "fp16", "int8"]
PART_FORMATS: tuple[PartFormat, ...] = ("fp32", "fp16", "int8")

_LARGEST_CODE = 127


@dataclass(frozen=True)
class Parts:
    """The part vectors of n crops.

    ``values`` is ``(n, p, d)``: float32, float16, or int8 codes. ``scales`` is float32 ``(n, p)``
    beside int8 codes, else None: a vector is its codes times its scale.
    """

    values: npt.NDArray[np.float32] | npt.NDArray[np.float16] | npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def bytes_per_crop(self) -> int:
        """How much storage one crop takes."""
        _, p, d = self.values.shape
        return int(p * d * self.values.itemsize + (0 if self.scales is None else 4 * p))

    def take(self, rows: npt.NDArray[np.intp] | slice) -> "Parts":
        """Return the parts of some crops: ``(k,)`` in the order of ``rows``, or a stretch."""
        return Parts(self.values[rows], None if self.scales is None else self.scales[rows])


def pack_parts(parts: npt.NDArray[np.float32], part_format: PartFormat) -> Parts:
    """Store float32 ``(n, p, d)`` in a format.

    int8 has one scale a vector: its largest absolute value becomes 127.

    Raises:
        ConfigurationInvalid: If the format is unknown.
    """
    if part_format == "fp32":
        return Parts(np.ascontiguousarray(parts, np.float32))
    if part_format == "fp16":
        return Parts(parts.astype(np.float16))
    if part_format != "int8":
        raise ConfigurationInvalid(
            f"part format {part_format!r} is not known: use {', '.join(PART_FORMATS)}"
        )
    largest = np.abs(parts).max(axis=-1)  # (n, p)
    scales = (largest / _LARGEST_CODE).astype(np.float32)
    codes = np.rint(parts / np.maximum(scales, np.finfo(np.float32).tiny)[..., None])
    return Parts(codes.clip(-_LARGEST_CODE, _LARGEST_CODE).astype(np.int8), scales)
