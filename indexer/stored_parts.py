"""The part vectors of a segment's crops, for a second stage: one row of numbers for each crop."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from indexer.bundle import PART_SCALES, PARTS
from models.errors import BundleDamaged
from models.parts import Parts


class PartsWriter:
    """Appends the parts of crops, all of one format; writes no file where there are none."""

    def __init__(self, folder: Path) -> None:
        self._values = _ArrayWriter(folder / PARTS)
        self._scales = _ArrayWriter(folder / PART_SCALES)

    def append(self, parts: Parts) -> None:
        """Add the parts of one crop: ``(1, p, d)``."""
        self._values.append(parts.values[0])
        if parts.scales is not None:
            self._scales.append(parts.scales[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._values.close()
        self._scales.close()


class _ArrayWriter:
    """Appends arrays of one shape and type to an ``.npy`` file, made with the first of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._first: np.ndarray | None = None

    def append(self, row: np.ndarray) -> None:
        if self._first is None:
            self._first = row
            self._file = self._path.open("wb")
            self._write_header(row)
        self._file.write(np.ascontiguousarray(row, self._first.dtype).tobytes())
        self._rows += 1

    def close(self) -> None:
        if self._first is not None:
            self._file.seek(0)
            self._write_header(self._first)
            self._file.close()

    def _write_header(self, first: np.ndarray) -> None:
        # NumPy pads the header so that the first axis can grow without moving the data.
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(first.dtype),
                "fortran_order": False,
                "shape": (self._rows, *first.shape),
            },
        )


def open_parts(folder: Path) -> Parts | None:
    """Map the parts of a segment read-only; None where it has none.

    Raises:
        BundleDamaged: If they cannot be read, or are no parts.
    """
    if not (folder / PARTS).exists():
        return None
    try:
        values = np.load(folder / PARTS, mmap_mode="r", allow_pickle=False)
        scales = None
        if (folder / PART_SCALES).exists():
            scales = np.load(folder / PART_SCALES, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleDamaged(
            f"the parts in {folder} cannot be read: {error}. Build the index again."
        ) from error
    if values.ndim != 3 or (scales is not None and scales.shape != values.shape[:2]):
        raise BundleDamaged(f"{folder / PARTS} holds no parts of crops. Build the index again.")
    return Parts(values, scales)


def joined_parts(parts: list[Parts]) -> Parts:
    """Return the parts of several crops below each other."""
    scales = [part.scales for part in parts if part.scales is not None]
    values = np.concatenate([part.values for part in parts])
    return Parts(values, np.concatenate(scales) if scales else None)
