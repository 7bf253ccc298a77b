"""Read and hash the files of a source ahead of those who want them, in its order."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from indexer.metadata import CropMetadata
from indexer.sources.entries import Quarantined, SourceEntry
from models.errors import CropUnreadable

MAX_WAITING_BYTES = 128 * 2**20
_LISTED_AT_ONCE = 64


@dataclass(frozen=True)
class ReadCrop:
    """The content of a file, its SHA-256, and what its source says of it."""

    path: str
    content: bytes
    content_sha256: str
    metadata: CropMetadata | None


@dataclass(frozen=True)
class _Listed:
    """An entry and how much memory its content will take."""

    entry: SourceEntry | Quarantined
    size_bytes: int


def read_ahead(
    entries: Iterable[SourceEntry | Quarantined], readers: Executor, waiting: int
) -> Iterator[ReadCrop | Quarantined]:
    """Yield what each entry holds, in order.

    While the caller is busy, ``readers`` go on until ``waiting`` files or ``MAX_WAITING_BYTES``
    are read. The entries are drawn from their source by one of the readers at a time.
    """
    pending: deque[tuple[_Listed, Future[ReadCrop | Quarantined]]] = deque()
    pending_bytes = 0
    listed = _listed_ahead(entries, readers)
    upcoming = next(listed, None)
    while pending or upcoming is not None:
        while (
            upcoming is not None
            and len(pending) < waiting
            and (not pending or pending_bytes + upcoming.size_bytes <= MAX_WAITING_BYTES)
        ):
            pending.append((upcoming, readers.submit(_read, upcoming.entry)))
            pending_bytes += upcoming.size_bytes
            upcoming = next(listed, None)
        first, reading = pending.popleft()
        pending_bytes -= first.size_bytes
        yield reading.result()


def _listed_ahead(
    entries: Iterable[SourceEntry | Quarantined], readers: Executor
) -> Iterator[_Listed]:
    """Yield the entries in order, while a reader draws the next few from their source."""
    source = iter(entries)
    drawing = readers.submit(_draw, source)
    while drawn := drawing.result():
        drawing = readers.submit(_draw, source)
        yield from drawn


def _draw(source: Iterator[SourceEntry | Quarantined]) -> list[_Listed]:
    drawn: list[_Listed] = []
    size_bytes = 0
    for entry in source:
        size = 0 if isinstance(entry, Quarantined) else entry.size_bytes
        drawn.append(_Listed(entry, size))
        size_bytes += size
        if len(drawn) == _LISTED_AT_ONCE or size_bytes > MAX_WAITING_BYTES // 4:
            break
    return drawn


def _read(entry: SourceEntry | Quarantined) -> ReadCrop | Quarantined:
    if isinstance(entry, Quarantined):
        return entry
    try:
        content = entry.read()
    except CropUnreadable as error:
        return Quarantined(entry.path, str(error))
    digest = hashlib.sha256(content).hexdigest()
    return ReadCrop(entry.path, content, digest, entry.metadata)
