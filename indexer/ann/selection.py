"""The rows of an index that may answer a query."""

from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
BitArray = npt.NDArray[np.uint8]


class Selection:
    """Some of the ``size`` rows of an index; rows and bitmap are made when first needed, and kept.

    Keep the object where the same rows answer many queries, as "all that are not deleted" do.
    """

    def __init__(self, rows: Int64Array, size: int) -> None:
        """Select ``rows``, which ascend without repetition.

        Raises:
            ValueError: If they do not, or lie outside ``0 .. size - 1``.
        """
        if len(rows) and (rows[0] < 0 or rows[-1] >= size or (np.diff(rows) <= 0).any()):
            raise ValueError(f"selected rows must ascend, each once, within 0 .. {size - 1}")
        self.size = size
        self._count = len(rows)
        self._given: Int64Array | BoolArray = rows

    @classmethod
    def of_mask(cls, mask: BoolArray) -> Self:
        """Select the rows where ``mask`` ``(n,)`` is true.

        Raises:
            ValueError: If it is not one row of booleans.
        """
        if mask.ndim != 1 or mask.dtype != np.bool_:
            raise ValueError(f"the mask is {mask.dtype} {mask.shape}: booleans (n,) are needed")
        selection = cls(np.empty(0, np.int64), len(mask))
        selection._given = mask
        selection._count = int(np.count_nonzero(mask))
        return selection

    def __len__(self) -> int:
        return self._count

    @cached_property
    def rows(self) -> Int64Array:
        """The selected rows, ascending: ``(m,)``."""
        if self._given.dtype == np.bool_:
            return np.flatnonzero(self._given)
        return np.asarray(self._given, np.int64)

    @cached_property
    def bits(self) -> BitArray:
        """One bit a row, lowest first, as FAISS reads them: ``(ceil(size / 8),)``."""
        if self._given.dtype == np.bool_:
            return np.packbits(self._given, bitorder="little")
        mask = np.zeros(self.size, bool)
        mask[self._given] = True
        return np.packbits(mask, bitorder="little")
