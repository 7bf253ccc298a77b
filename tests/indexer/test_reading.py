import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from indexer import reading
from indexer.metadata import CropMetadata
from indexer.reading import ReadCrop, read_ahead
from indexer.sources.entries import HeldEntry, Quarantined, SourceEntry
from models.errors import CropUnreadable


@dataclass
class Recorded:
    """Entries that note who was drawn and who was read."""

    sizes: list[int]
    drawn: int = 0
    read: list[int] = field(default_factory=list)

    def entries(self) -> Iterator["_Entry"]:
        for number in range(len(self.sizes)):
            self.drawn += 1
            yield _Entry(self, number)


@dataclass(frozen=True)
class _Entry:
    record: Recorded
    number: int
    metadata: CropMetadata | None = None

    @property
    def path(self) -> str:
        return str(self.number)

    @property
    def size_bytes(self) -> int:
        return self.record.sizes[self.number]

    def read(self) -> bytes:
        self.record.read.append(self.number)
        return b"x" * self.number


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_contents_come_in_order_with_their_hash(readers: ThreadPoolExecutor) -> None:
    metadata = CropMetadata("c", None, None, {})
    refused = Quarantined("1.jpg", "not a regular file")
    entries: list[SourceEntry | Quarantined] = [
        HeldEntry("0.jpg", metadata, b"abc"),
        refused,
        HeldEntry("2.jpg", None, b""),
    ]
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert list(read_ahead(entries, readers, waiting=2)) == [
        ReadCrop("0.jpg", b"abc", abc, metadata),
        refused,
        ReadCrop("2.jpg", b"", hashlib.sha256().hexdigest(), None),
    ]


def test_what_cannot_be_read_is_quarantined(readers: ThreadPoolExecutor) -> None:
    class Gone(HeldEntry):
        def read(self) -> bytes:
            raise CropUnreadable("the file is gone")

    (item,) = read_ahead([Gone("a.jpg", None, b"")], readers, waiting=1)
    assert item == Quarantined("a.jpg", "the file is gone")


def test_reading_runs_ahead_but_not_far(readers: ThreadPoolExecutor) -> None:
    record = Recorded([1] * 500)
    items = read_ahead(record.entries(), readers, waiting=10)
    next(items)
    time.sleep(0.1)  # the caller is busy, the readers go on
    assert sorted(record.read) == list(range(10))
    assert record.drawn <= 2 * 64
    assert [item.path for item in items] == [str(number) for number in range(1, 500)]


def test_large_files_are_not_read_far_ahead(
    readers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_WAITING_BYTES", 100)
    record = Recorded([40] * 10 + [1000] * 3)
    items = read_ahead(record.entries(), readers, waiting=10)
    next(items)
    time.sleep(0.1)
    assert sorted(record.read) == [0, 1]  # two of 40 fit in 100, three do not
    assert record.drawn == 4  # 25 bytes are drawn at a time: one waits its turn, one is ready
    assert len(list(items)) == 12  # those of 1,000 come one by one


def test_entries_are_drawn_off_the_calling_thread(readers: ThreadPoolExecutor) -> None:
    threads = set()

    def entries() -> Iterator[HeldEntry]:
        for number in range(200):
            threads.add(threading.get_ident())
            yield HeldEntry(str(number), None, b"")

    assert len(list(read_ahead(entries(), readers, waiting=4))) == 200
    assert threading.get_ident() not in threads


def test_an_error_of_the_source_reaches_the_caller(readers: ThreadPoolExecutor) -> None:
    def entries() -> Iterator[HeldEntry]:
        yield HeldEntry("0", None, b"")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(read_ahead(entries(), readers, waiting=4))


def test_no_entries_give_nothing(readers: ThreadPoolExecutor) -> None:
    assert list(read_ahead([], readers, waiting=4)) == []
