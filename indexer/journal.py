"""What an unfinished build has encoded, so that the same command need not do it again.

A journal is a folder of shards: small segments of a fixed number of crops, each renamed into its
place when it is wholly on disk. After a kill at any moment, the shards in place are whole; the
crops of the one being written are encoded again. Crops are found in it by their content alone, so
that neither clocks nor the names of files matter. A shard is also what several workers could make
side by side: nothing in it depends on another one.
"""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from indexer.bundle import JOURNAL
from indexer.disk import sync, sync_tree, write_text
from indexer.segments import Segment, SegmentWriter, StoredCrop
from models.errors import BundleDamaged
from models.parts import PartFormat
from models.schema import Schema

SHARD_CROPS = 4096

_HEADER = "journal.json"
_PARTIAL = "partial"
_SHARD = "shard-"


class JournalHeader(Schema):
    """What the crops of a journal were encoded with; those of another one are of no use."""

    model_fingerprint: str
    precision: str
    batch_size: int
    keeps_contents: bool
    parts: PartFormat | None = None


class Journal:
    """The shards of a build at work; entering the context opens those already there.

    ``shard_crops`` is rounded to whole batches, so that after a resumption the same crops share
    a batch as without one.
    """

    def __init__(
        self, index: Path, header: JournalHeader, width: int, shard_crops: int = SHARD_CROPS
    ) -> None:
        self._folder = index / JOURNAL
        self._header = header
        self._width = width
        self._shard_crops = max(1, shard_crops // header.batch_size) * header.batch_size
        self._shards: list[Segment] = []
        self._places: dict[str, tuple[int, int]] = {}  # shard and row, by content
        self._writer: SegmentWriter | None = None
        self._pending: list[str] = []
        self.resumed = 0
        """How many crops an interrupted build had encoded."""

    def __enter__(self) -> Self:
        header = self._folder / _HEADER
        if self._folder.exists() and not self._is_ours():
            shutil.rmtree(self._folder)
        self._folder.mkdir(exist_ok=True)
        if not header.exists():
            write_text(header, self._header.model_dump_json())
            sync(self._folder)
        shutil.rmtree(self._folder / _PARTIAL, ignore_errors=True)
        for folder in sorted(self._folder.glob(f"{_SHARD}*")):
            self._open(folder)
        self.resumed = len(self._places)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)
        for shard in self._shards:
            shard.close()

    def __contains__(self, content_sha256: str) -> bool:
        """Say whether a content is in a finished shard or the one being written."""
        return content_sha256 in self._places

    def append(self, stored: StoredCrop) -> None:
        """Add a crop; with the last one of a shard it is put in place.

        Raises:
            OSError: If the disk is full or fails; finished shards stay.
        """
        if self._writer is None:
            (self._folder / _PARTIAL).mkdir()
            self._writer = SegmentWriter(self._folder / _PARTIAL, self._width)
        self._writer.append(stored)
        digest = stored.crop.content_sha256
        self._places[digest] = (len(self._shards), len(self._pending))
        self._pending.append(digest)
        if len(self._pending) == self._shard_crops:
            self.flush()

    def flush(self) -> None:
        """Put what was appended in place.

        Raises:
            OSError: If the disk is full or fails; finished shards stay.
        """
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.__exit__(None, None, None)
        partial = self._folder / _PARTIAL
        sync_tree(partial)
        place = partial.rename(self._folder / f"{_SHARD}{len(self._shards):06d}")
        sync(self._folder)
        self._pending.clear()
        self._shards.append(Segment(place))

    def stored(self, content_sha256: str) -> StoredCrop:
        """Return an encoded crop; ``flush`` must have been called.

        Raises:
            KeyError: If there is none of that content.
        """
        shard, row = self._places[content_sha256]
        return self._shards[shard].stored(row)

    def _is_ours(self) -> bool:
        try:
            text = (self._folder / _HEADER).read_text(encoding="utf-8")
            return JournalHeader.model_validate_json(text) == self._header
        except (OSError, ValueError):  # killed before it was written, or of another version
            return False

    def _open(self, folder: Path) -> None:
        try:
            shard = Segment(folder)
        except BundleDamaged:
            # Numbers must not be used twice, so those after it go too; they are encoded again.
            for later in sorted(self._folder.glob(f"{_SHARD}*")):
                if later.name >= folder.name:
                    shutil.rmtree(later)
            return
        if folder.name != f"{_SHARD}{len(self._shards):06d}":
            return
        for row, digest in enumerate(shard.crops.content_digests()):
            self._places[digest] = (len(self._shards), row)
        self._shards.append(shard)


def remove_journal(index: Path) -> None:
    """Remove the journal of a build that is published."""
    shutil.rmtree(index / JOURNAL, ignore_errors=True)
