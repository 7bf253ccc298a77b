"""Many byte strings in one file, with the offsets where each begins: thumbnails, originals."""

import mmap
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from models.errors import BundleDamaged


class PackWriter:
    """Appends byte strings; the offsets are written on leaving the context."""

    def __init__(self, pack: Path, offsets: Path) -> None:
        self._offsets_path = offsets
        self._file = pack.open("wb")
        self._offsets = [0]

    def append(self, content: bytes) -> None:
        """Add the bytes of the next row."""
        self._file.write(content)
        self._offsets.append(self._offsets[-1] + len(content))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        np.save(self._offsets_path, np.asarray(self._offsets, np.int64))


class Pack:
    """A written pack, memory-mapped; safe to read from many threads."""

    def __init__(self, pack: Path, offsets: Path) -> None:
        """Open both files.

        Raises:
            BundleDamaged: If they cannot be read or do not belong together.
        """
        try:
            self._offsets = np.load(offsets, mmap_mode="r", allow_pickle=False)
            size = pack.stat().st_size
            with pack.open("rb") as file:
                # An empty file cannot be mapped.
                self._pack: mmap.mmap | bytes = (
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
                )
        except (OSError, ValueError) as error:
            raise BundleDamaged(
                f"{pack.name} in {pack.parent} cannot be read: {error}. Build the index again."
            ) from error
        self.size = len(self._offsets) - 1
        if self.size < 0 or self._offsets[-1] != size:
            raise BundleDamaged(
                f"{offsets} does not end where {pack.name} ends. Build the index again."
            )

    def read(self, row: int) -> bytes:
        """Return the bytes of one row."""
        return self._pack[self._offsets[row] : self._offsets[row + 1]]

    def close(self) -> None:
        """Release the mapping."""
        if isinstance(self._pack, mmap.mmap):
            self._pack.close()
