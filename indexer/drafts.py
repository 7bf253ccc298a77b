"""A generation at work: what it takes from its parent, what it brings, and how it is finished."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import bundle
from indexer.ann import write_index
from indexer.canaries import ask_canaries
from indexer.generation import Generation
from indexer.manifest import IndexManifest, SegmentEntry, StoredFile
from indexer.neighbours import (
    NeighbourLists,
    empty_lists,
    grown_lists,
    open_lists,
    renumbered_lists,
    write_lists,
)
from indexer.planning import plan, resources_at
from indexer.publishing import BuildingSite, describe_files, link_segment, publish
from indexer.records import ColumnType
from indexer.segments import SegmentWriter, StoredCrop
from indexer.vectors import open_vectors
from indexer.wishes import DEFAULT_WISHES, IndexWishes
from models.contracts import Float32Array

Int64Array = npt.NDArray[np.int64]
NOTHING_DELETED: Int64Array = np.zeros(0, np.int64)


class Draft:
    """The folder of a generation that nobody reads yet."""

    def __init__(
        self, site: BuildingSite, width: int, wishes: IndexWishes = DEFAULT_WISHES
    ) -> None:
        self.site = site
        self._wishes = wishes
        self._width = width
        self._segments: list[SegmentEntry] = []
        self._known: dict[str, StoredFile] = {}
        self._before: tuple[Path, IndexManifest, Int64Array] | None = None
        self._renumbered: NeighbourLists | None = None
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
        kept: list[Int64Array] = [NOTHING_DELETED]
        start, taken = 0, 0
        for entry in manifest.segments:
            first, last = np.searchsorted(deleted, [start, start + entry.rows])
            if last - first < entry.rows:
                link_segment(folder, self.site, entry.name)
                self._segments.append(entry)
                remaining.append(deleted[first:last] - start + taken)
                kept.append(np.arange(start, start + entry.rows))
                taken += entry.rows
            start += entry.rows
        self._known |= {name: file for name, file in manifest.files.items() if name.count("/") == 1}
        self._before = (folder, manifest, np.concatenate(kept))
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
        planned = plan(writer.rows, self._width, resources_at(folder), self._wishes)
        index = write_index(
            open_vectors(folder / bundle.VECTORS),
            folder / bundle.FAISS_INDEX,
            planned.kind,
            recall=self._wishes.recall,
        )
        self._segments.append(SegmentEntry(name=name, rows=writer.rows, index=index))
        return writer.rows

    def renumber_neighbours(self, lists: NeighbourLists, kept: Int64Array) -> None:
        """Take over the lists of the rows that were written anew, in their order."""
        self._renumbered = renumbered_lists(lists, kept)

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
                "wishes": self._wishes,
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
        if drafted.neighbours:
            write_lists(self._neighbours(opened), folder)
        opened.close()
        files = describe_files(folder, self._known)
        finished = drafted.model_copy(update={"canaries": canaries, "files": files})
        return finished, publish(self.site, finished)

    def _neighbours(self, opened: Generation) -> NeighbourLists:
        """Return who looks like whom, from what the generation before knew of it."""
        if self._renumbered is not None:
            return self._renumbered
        k = opened.manifest.neighbours
        lists, known = empty_lists(0, k), NOTHING_DELETED
        if self._before is not None and self._before[1].neighbours == k:
            folder, _, kept = self._before
            lists = renumbered_lists(open_lists(folder), kept)
            known = np.flatnonzero(~np.isin(kept, np.load(folder / bundle.DELETED)))
        alive = opened.crops.rows
        return grown_lists(lists, opened.vectors(), alive, np.setdiff1d(alive, known))


def read_canary_queries(folder: Path) -> Float32Array:
    """Return the vectors ``(3, d)`` of the fixed descriptions of a generation.

    Raises:
        BundleDamaged: If they cannot be read.
    """
    return open_vectors(folder / bundle.CANARY_QUERIES)
