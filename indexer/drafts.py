"""A generation at work: what it takes from its parent, what it brings, and how it is finished."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import bundle
from indexer.ann import INDEX_KIND, write_index
from indexer.canaries import ask_canaries
from indexer.generation import Generation
from indexer.manifest import IndexManifest, SegmentEntry, StoredFile
from indexer.publishing import BuildingSite, describe_files, link_segment, publish
from indexer.records import ColumnType
from indexer.segments import SegmentWriter, StoredCrop
from indexer.vectors import open_vectors
from models.contracts import Float32Array

Int64Array = npt.NDArray[np.int64]
NOTHING_DELETED: Int64Array = np.zeros(0, np.int64)


class Draft:
    """The folder of a generation that nobody reads yet."""

    def __init__(self, site: BuildingSite, width: int) -> None:
        self.site = site
        self._width = width
        self._segments: list[SegmentEntry] = []
        self._known: dict[str, StoredFile] = {}
        (site.folder / bundle.QUARANTINE).touch()

    def take_segments(
        self, folder: Path, manifest: IndexManifest, deleted: Int64Array
    ) -> Int64Array:
        """Have all segments of another generation that hold a row which is not deleted.

        Returns:
            The rows of those segments that are deleted, in ascending order.

        Raises:
            OSError: If the disk fails.
        """
        remaining: list[Int64Array] = [NOTHING_DELETED]
        start, taken = 0, 0
        for entry in manifest.segments:
            first, last = np.searchsorted(deleted, [start, start + entry.rows])
            if last - first < entry.rows:
                link_segment(folder, self.site, entry.name)
                self._segments.append(entry)
                remaining.append(deleted[first:last] - start + taken)
                taken += entry.rows
            start += entry.rows
        self._known |= {name: file for name, file in manifest.files.items() if name.count("/") == 1}
        return np.concatenate(remaining)

    def write_segment(self, crops: Iterable[StoredCrop], extra_types: dict[str, ColumnType]) -> int:
        """Write a new segment and its index; return its number of rows, 0 where there is none.

        Raises:
            OSError: If the disk is full or fails.
        """
        name = bundle.generation_name(self.site.generation)
        folder = self.site.folder / name
        folder.mkdir()
        with SegmentWriter(folder, self._width, extra_types) as writer:
            for stored in crops:
                writer.append(stored)
        if not writer.rows:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
            return 0
        write_index(open_vectors(folder / bundle.VECTORS), folder / bundle.FAISS_INDEX)
        self._segments.append(SegmentEntry(name=name, rows=writer.rows, index_kind=INDEX_KIND))
        return writer.rows

    def finish(
        self, manifest: IndexManifest, deleted: Int64Array, queries: Float32Array
    ) -> tuple[IndexManifest, Path]:
        """Ask the known answers, describe every file, and publish.

        Args:
            manifest: All but what this draft knows itself.
            deleted: Rows of the segments that are no longer found, in ascending order.
            queries: The vectors ``(3, d)`` of the fixed descriptions.

        Returns:
            The manifest as published, and the folder of the generation.

        Raises:
            BundleDamaged: If what was written cannot be opened.
            OSError: If the disk fails; the generation before stays published.
        """
        folder = self.site.folder
        np.save(folder / bundle.DELETED, deleted)
        np.save(folder / bundle.CANARY_QUERIES, queries)
        parent = self.site.parent
        drafted = manifest.model_copy(
            update={
                "generation": self.site.generation,
                "created_at": datetime.now(UTC),
                "parent": None if parent is None else int(parent.name),
                "segments": tuple(self._segments),
                "deleted": len(deleted),
            }
        )
        rows = drafted.rows - len(deleted)
        counts = drafted.counts.model_copy(update={"indexed": rows})
        drafted = drafted.model_copy(update={"counts": counts})
        opened = Generation(folder, drafted)
        canaries = ask_canaries(
            queries, lambda query, limit: opened.search(query, limit, None), opened.crops
        )
        opened.close()
        files = describe_files(folder, self._known)
        finished = drafted.model_copy(update={"canaries": canaries, "files": files})
        return finished, publish(self.site, finished)


def read_canary_queries(folder: Path) -> Float32Array:
    """Return the vectors ``(3, d)`` of the fixed descriptions of a generation.

    Raises:
        BundleDamaged: If they cannot be read.
    """
    return open_vectors(folder / bundle.CANARY_QUERIES)
