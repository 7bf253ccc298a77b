"""What an unfinished build has encoded, so that the same command need not do it again.

A journal is a folder of shards: small segments of a fixed number of crops, each renamed into its
place when it is wholly on disk. After a kill at any moment, the shards in place are whole; the
crops of the one being written are encoded again. Crops are found in it by their content alone, so
that neither clocks nor the names of files matter. A shard is also what several workers could make
side by side: nothing in it depends on another one.
"""

import json
import shutil
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Self

from indexer.bundle import JOURNAL, measure_file
from indexer.disk import sync, sync_tree, write_text
from indexer.segments import Segment, SegmentWriter, StoredCrop
from models.errors import BundleDamaged
from models.parts import PartFormat
from models.schema import Schema

SHARD_CROPS = 4096

_HEADER = "journal.json"
_PARTIAL = "partial"
_SHARD = "shard-"
_SUMS = "sums.json"
# Each open shard holds six files, and a process may have only 1,024: a gallery of a million crops
# has 245 shards.
_OPEN_AT_ONCE = 32


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
        self._shards = self._first = 0  # the numbers of the next one, and of this build's first
        self._opened: OrderedDict[int, Segment] = OrderedDict()
        self._places: dict[str, tuple[int, int]] = {}  # shard and row, by content
        self._writer: SegmentWriter | None = None
        self._pending: list[str] = []
        self.discarded = False
        """Whether an interrupted build had encoded crops that are of no use to this one."""

    def __enter__(self) -> Self:
        header = self._folder / _HEADER
        if self._folder.exists() and not self._is_ours():
            self.discarded = any(self._folder.glob(f"{_SHARD}*"))
            shutil.rmtree(self._folder)
        self._folder.mkdir(exist_ok=True)
        if not header.exists():
            write_text(header, self._header.model_dump_json())
            sync(self._folder)
        shutil.rmtree(self._folder / _PARTIAL, ignore_errors=True)
        for folder in sorted(self._folder.glob(f"{_SHARD}*")):
            if not self._take(folder):
                shutil.rmtree(folder)
        self._first = self._shards
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)
        for shard in self._opened.values():
            shard.close()

    def __contains__(self, content_sha256: str) -> bool:
        """Say whether a content is in a finished shard or the one being written."""
        return content_sha256 in self._places

    def is_resumed(self, content_sha256: str) -> bool:
        """Say whether a content was encoded by an interrupted build.

        Raises:
            KeyError: If there is none of that content.
        """
        return self._places[content_sha256][0] < self._first

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
        self._places[digest] = (self._shards, len(self._pending))
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
        sums = {path.name: measure_file(path).sha256 for path in partial.iterdir()}
        write_text(partial / _SUMS, json.dumps(sums))
        sync_tree(partial)
        partial.rename(self._folder / _name(self._shards))
        sync(self._folder)
        self._pending.clear()
        self._shards += 1

    def stored(self, content_sha256: str) -> StoredCrop:
        """Return an encoded crop; ``flush`` must have been called.

        Raises:
            KeyError: If there is none of that content.
        """
        number, row = self._places[content_sha256]
        if number not in self._opened:
            if len(self._opened) == _OPEN_AT_ONCE:
                _, oldest = self._opened.popitem(last=False)
                oldest.close()
            self._opened[number] = Segment(self._folder / _name(number))
        self._opened.move_to_end(number)
        return self._opened[number].stored(row)

    def _is_ours(self) -> bool:
        try:
            text = (self._folder / _HEADER).read_text(encoding="utf-8")
            return JournalHeader.model_validate_json(text) == self._header
        except (OSError, ValueError):  # killed before it was written, or of another version
            return False

    def _take(self, folder: Path) -> bool:
        """Note what a shard holds; say whether it is whole."""
        try:
            sums = json.loads((folder / _SUMS).read_bytes())
            if any(measure_file(folder / name).sha256 != sum_ for name, sum_ in sums.items()):
                return False
            shard = Segment(folder)
        except (OSError, ValueError, BundleDamaged):  # killed while it was removed, or a bad disk
            return False
        number = int(folder.name.removeprefix(_SHARD))
        for row, digest in enumerate(shard.crops.content_digests()):
            self._places[digest] = (number, row)
        shard.close()
        self._shards = number + 1
        return True


def remove_journal(index: Path) -> None:
    """Remove the journal of a build that is published, if there is one.

    Raises:
        OSError: If a file cannot be removed.
    """
    if (index / JOURNAL).exists():
        shutil.rmtree(index / JOURNAL)


def _name(number: int) -> str:
    return f"{_SHARD}{number:06d}"
