"""The vectors of a generation: float32 ``(n, d)`` in one ``.npy`` file.

The index holds rounded copies; these are what the model gave, so that another kind of index, or a
grown generation, can be made without encoding anything twice.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from models.contracts import Float32Array
from models.errors import BundleDamaged


class VectorWriter:
    """Appends rows; the file's header gets its final shape on leaving the context."""

    def __init__(self, path: Path, width: int) -> None:
        self._file = path.open("wb")
        self._width = width
        self._rows = 0
        self._write_header()

    def append(self, row: Float32Array) -> None:
        """Add one row ``(d,)``."""
        self._file.write(row.astype("<f4").tobytes())
        self._rows += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        # NumPy pads the header so that the first axis can grow without moving the data.
        np.lib.format.write_array_header_1_0(
            self._file,
            {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._width)},
        )


def open_vectors(path: Path) -> Float32Array:
    """Map the rows ``(n, d)`` of a file read-only.

    Raises:
        BundleDamaged: If it holds no float32 matrix.
    """
    try:
        rows: Float32Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleDamaged(f"{path} cannot be read: {error}. Build the index again.") from error
    if rows.ndim != 2 or rows.dtype != np.float32:
        raise BundleDamaged(
            f"{path} holds {rows.dtype} {rows.shape}, not float32 (n, d). Build the index again."
        )
    return rows
