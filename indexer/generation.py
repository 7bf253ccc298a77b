"""One generation of an index, opened: its segments below each other, without what is deleted."""

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import bundle
from indexer.ann import Nearest, Selection, VectorIndex, merge_nearest, open_index
from indexer.crop_table import CropTable
from indexer.manifest import IndexManifest
from indexer.neighbours import NeighbourLists, ReverseLists, open_lists, reverse_lists
from indexer.segments import Segment, StoredCrop
from models.contracts import Float32Array
from models.errors import BundleDamaged
from models.parts import Parts

Int64Array = npt.NDArray[np.int64]


class Generation:
    """The files of a generation, memory-mapped; safe to read from many threads.

    Its rows are those of its segments, one after the other.
    """

    def __init__(self, folder: Path, manifest: IndexManifest) -> None:
        """Open the files.

        Raises:
            BundleDamaged: If one cannot be read, or they do not belong together.
        """
        self.folder = folder
        self.manifest = manifest
        self.deleted = _read_deleted(folder / bundle.DELETED, manifest)
        names = [entry.name for entry in manifest.segments]
        self.segments = [Segment(folder / name) for name in names]
        self.indexes: list[VectorIndex] = [
            open_index(
                folder / entry.name / bundle.FAISS_INDEX,
                folder / entry.name / bundle.VECTORS,
                entry.index,
            )
            for entry in manifest.segments
        ]
        self.crops = CropTable(
            *(folder / name / bundle.CROPS for name in names), deleted=self.deleted
        )
        self._starts = np.cumsum([0, *(segment.size for segment in self.segments)])
        self._check()
        # Kept, for each makes a bitmap when it is first searched with.
        self._alive = [self._alive_of(number) for number in range(len(self.segments))]

    @property
    def size(self) -> int:
        """The number of crops that can be found."""
        return self.crops.size - len(self.deleted)

    def search(self, query: Float32Array, limit: int, selected: Int64Array | None) -> Nearest:
        """Return the best rows of all segments; ``selected`` as ``CropTable.matching`` gives it.

        Raises:
            ValueError: If the query is not a finite vector of the gallery's width, or limit < 1.
        """
        found = []
        for number, index in enumerate(self.indexes):
            rows = None if selected is None else self._within(number, selected)
            nearest = index.search(query, limit, self._alive[number] if rows is None else rows)
            found.append((int(self._starts[number]), nearest))
        return merge_nearest(found, limit)

    def place(self, row: int) -> tuple[Segment, int]:
        """Return the segment of a row, and its row there."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self.segments[number], row - int(self._starts[number])

    def stored(self, row: int) -> StoredCrop:
        """Return all that is kept of one row."""
        segment, own = self.place(row)
        return segment.stored(own)

    def vectors(self) -> Float32Array:
        """Return the unit rows ``(n, d)`` of all segments, mapped where there is but one."""
        parts = [segment.vectors for segment in self.segments]
        if len(parts) == 1:
            return parts[0]
        width = self.manifest.embedding_width
        return np.concatenate([np.zeros((0, width), np.float32), *parts])

    @functools.cached_property
    def neighbours(self) -> NeighbourLists | None:
        """Who looks most like whom; None where that is not stored."""
        return open_lists(self.folder) if self.manifest.neighbours else None

    @functools.cached_property
    def listed_by(self) -> ReverseLists | None:
        """Whose lists each row is on; made when first asked for."""
        return None if self.neighbours is None else reverse_lists(self.neighbours)

    def stored_parts(self, row: int) -> Parts | None:
        """Return the part vectors ``(1, p, d)`` of one row; None where none are stored."""
        segment, own = self.place(row)
        return None if segment.parts is None else segment.parts.take(slice(own, own + 1))

    def close(self) -> None:
        """Release the files."""
        for segment in self.segments:
            segment.close()

    def _within(self, number: int, rows: Int64Array) -> Int64Array:
        """Return which of some rows are of a segment, as its own rows."""
        start, end = self._starts[number], self._starts[number + 1]
        first, last = np.searchsorted(rows, [start, end])
        own: Int64Array = rows[first:last] - start
        return own

    def _alive_of(self, number: int) -> Selection | None:
        """Return which rows of a segment are not deleted; None where all are there."""
        gone = self._within(number, self.deleted)
        if not len(gone):
            return None
        mask = np.ones(self.segments[number].size, bool)
        mask[gone] = False
        return Selection.of_mask(mask)

    def _check(self) -> None:
        width = self.manifest.embedding_width
        sizes = {entry.name: entry.rows for entry in self.manifest.segments}
        actual = {segment.folder.name: segment.size for segment in self.segments}
        indexed = {
            segment.folder.name: index.size
            for segment, index in zip(self.segments, self.indexes, strict=True)
        }
        widths = {index.width for index in self.indexes}
        if not (
            sizes == actual == indexed
            and widths <= {width}
            and self.size == self.manifest.counts.indexed
        ):
            raise BundleDamaged(
                f"the files of {self.folder} do not belong together (rows: {actual}, indexed "
                f"{indexed}, manifest {sizes}; width {sorted(widths)}, manifest {width}; "
                f"{self.size} crops, manifest {self.manifest.counts.indexed}). {bundle.REBUILD}"
            )


def open_generation(folder: Path) -> Generation:
    """Open a generation by its folder.

    Raises:
        BundleDamaged: If a file cannot be read, or they do not belong together.
    """
    return Generation(folder, bundle.read_generation_manifest(folder))


def _read_deleted(path: Path, manifest: IndexManifest) -> Int64Array:
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleDamaged(f"{path} cannot be read: {error}. {bundle.REBUILD}") from error
    sound = (
        rows.ndim == 1
        and rows.dtype == np.int64
        and len(rows) == manifest.deleted
        and (np.diff(rows) > 0).all()
        and (not len(rows) or 0 <= rows[0] <= rows[-1] < manifest.rows)
    )
    if not sound:
        raise BundleDamaged(f"{path} is no list of deleted rows. {bundle.REBUILD}")
    return np.asarray(rows, np.int64)
