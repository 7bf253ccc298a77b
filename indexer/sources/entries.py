"""What a source of crops hands out, and the names it takes."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from indexer.crop_files import MAX_FILE_BYTES, too_large
from indexer.metadata import CropMetadata
from indexer.records import ColumnType
from models.errors import CropUnreadable

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


@dataclass(frozen=True)
class Quarantined:
    """A file, by its path within its source, that is not indexed, and why."""

    path: str
    reason: str


@dataclass
class Skipped:
    """How many files a source passed over; counted while its entries are handed out.

    ``outside`` are links that lead out of a folder, ``links`` all others that are not followed,
    ``other`` are files of other kinds.
    """

    hidden: int = 0
    outside: int = 0
    links: int = 0
    other: int = 0


class SourceEntry(Protocol):
    """One image file of a source.

    ``path`` is relative to the source's root, with ``/``, and UTF-8; no two entries of a source
    share one. ``metadata`` is what the source itself says of the crop, None where it says nothing.
    """

    @property
    def path(self) -> str:
        """Where the file is in its source."""
        ...

    @property
    def metadata(self) -> CropMetadata | None:
        """What the source says of the crop."""
        ...

    @property
    def size_bytes(self) -> int:
        """How much memory its content will take, as far as is known before it is read."""
        ...

    def read(self) -> bytes:
        """Return the content; safe to call from any thread.

        Raises:
            CropUnreadable: If it cannot be read or is too large; the message is the reason alone.
        """
        ...


class CropSource(Protocol):
    """A place that holds crops.

    ``root`` is an absolute folder, or the location as it was given. Where ``rereadable``, the
    content is found again later with ``read_crop_file(root, path)``; elsewhere it must be copied
    to be kept. ``columns`` are the names of the metadata that entries carry (never ``path``), and
    ``extra_types`` the types of the free ones among them.
    """

    @property
    def root(self) -> str:
        """Where the source is."""
        ...

    @property
    def rereadable(self) -> bool:
        """Whether a file can be read again by root and path."""
        ...

    @property
    def name(self) -> str:
        """What people call the source; empty where there is nothing to go by."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The metadata columns that entries carry."""
        ...

    @property
    def extra_types(self) -> Mapping[str, ColumnType]:
        """The types of the free columns."""
        ...

    @property
    def skipped(self) -> Skipped:
        """What the latest ``entries()`` has passed over so far."""
        ...

    def entries(self) -> Iterator[SourceEntry | Quarantined]:
        """Hand out every file once, in an order that is the same each time."""
        ...

    def count(self) -> int | None:
        """Return how many ``entries()`` hands out, None where only reading it all would tell."""
        ...


@dataclass(frozen=True)
class HeldEntry:
    """A file whose content came with its place in a stream."""

    path: str
    metadata: CropMetadata | None
    content: bytes

    @property
    def size_bytes(self) -> int:
        """The size of the content, which is in memory already."""
        return len(self.content)

    def read(self) -> bytes:
        """Return the content.

        Raises:
            CropUnreadable: If it is too large.
        """
        if len(self.content) > MAX_FILE_BYTES:
            raise CropUnreadable(too_large(len(self.content)))
        return self.content


def is_image(path: str) -> bool:
    """Tell whether a name has the suffix of an image format that is indexed."""
    return path.lower().endswith(SUFFIXES)


def is_hidden(path: str) -> bool:
    """Tell whether a relative path leads through a name that begins with a dot."""
    return any(part.startswith(".") for part in posixpath.normpath(path).split("/"))


def is_utf8(path: str) -> bool:
    """Tell whether a name that the system decoded was UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def unusable_name(path: str) -> str | None:
    """Say why a name from an archive or a store is no relative path, None if it is one."""
    if not is_utf8(path):
        return "its name is not UTF-8: rename it"
    if path.startswith("/") or ".." in path.split("/"):
        return "its name is absolute or contains '..': rename it"
    if not path or "\0" in path:
        return "its name is empty or holds a NUL: rename it"
    return None
