"""The rows that one build or addition brought, in files that never change afterwards."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from indexer import bundle
from indexer.crop_table import CropTable, CropTableWriter
from indexer.packs import Pack, PackWriter
from indexer.records import ColumnType, Crop
from indexer.stored_parts import PartsWriter, open_parts
from indexer.vectors import VectorWriter, open_vectors
from models.contracts import Float32Array
from models.errors import BundleDamaged
from models.parts import Parts


@dataclass(frozen=True)
class StoredCrop:
    """All that an index keeps of a crop.

    ``vector`` is a unit row ``(d,)``, ``thumbnail`` WebP; ``content`` are the bytes of the
    original, empty where they are read from its path; ``parts`` ``(1, p, d)`` are for a second
    stage, None where there is none.
    """

    crop: Crop
    vector: Float32Array
    thumbnail: bytes
    content: bytes
    parts: Parts | None = None


class SegmentWriter:
    """Appends crops; row n of every file is the same crop. The folder must exist and be empty."""

    def __init__(
        self, folder: Path, width: int, extra_types: Mapping[str, ColumnType] | None = None
    ) -> None:
        self._files = ExitStack()
        enter = self._files.enter_context
        self._crops = enter(CropTableWriter(folder / bundle.CROPS, extra_types or {}))
        self._vectors = enter(VectorWriter(folder / bundle.VECTORS, width))
        self._thumbnails = enter(
            PackWriter(folder / bundle.THUMBNAILS, folder / bundle.THUMBNAIL_OFFSETS)
        )
        self._contents = enter(
            PackWriter(folder / bundle.CONTENTS, folder / bundle.CONTENT_OFFSETS)
        )
        self._parts = enter(PartsWriter(folder))
        self.rows = 0

    def append(self, stored: StoredCrop) -> None:
        """Add the next row."""
        self._crops.append(stored.crop)
        self._vectors.append(stored.vector)
        self._thumbnails.append(stored.thumbnail)
        self._contents.append(stored.content)
        if stored.parts is not None:
            self._parts.append(stored.parts)
        self.rows += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)


class Segment:
    """The files of a written segment apart from its index, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        """Open the files.

        Raises:
            BundleDamaged: If one cannot be read, or they have different numbers of rows.
        """
        self.folder = folder
        self.crops = CropTable(folder / bundle.CROPS)
        self.vectors = open_vectors(folder / bundle.VECTORS)
        self.thumbnails = Pack(folder / bundle.THUMBNAILS, folder / bundle.THUMBNAIL_OFFSETS)
        self.contents = Pack(folder / bundle.CONTENTS, folder / bundle.CONTENT_OFFSETS)
        self.parts = open_parts(folder)
        sizes = {
            bundle.CROPS: self.crops.size,
            bundle.VECTORS: len(self.vectors),
            bundle.THUMBNAIL_OFFSETS: self.thumbnails.size,
            bundle.CONTENT_OFFSETS: self.contents.size,
        }
        if self.parts is not None:
            sizes[bundle.PARTS] = len(self.parts)
        if len(set(sizes.values())) > 1:
            raise BundleDamaged(
                f"the files of {folder} do not belong together (rows: {sizes}). {bundle.REBUILD}"
            )
        self.size = self.crops.size

    def stored(self, row: int) -> StoredCrop:
        """Return all that is kept of one row."""
        return StoredCrop(
            self.crops.crop(row),
            self.vectors[row],
            self.thumbnails.read(row),
            self.contents.read(row),
            None if self.parts is None else self.parts.take(slice(row, row + 1)),
        )

    def close(self) -> None:
        """Release the files."""
        self.thumbnails.close()
        self.contents.close()
