"""The images and JSON files of one tar archive, read as a stream, to a proper end or a reason."""

import gzip
import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO, Self

from indexer.crop_files import MAX_FILE_BYTES, too_large
from indexer.sources.entries import Quarantined, Skipped, is_hidden, is_image, unusable_name
from indexer.sources.shards import Shard

SIDECAR_SUFFIX = ".json"
_READ_AT_ONCE = 2**20
_HEADER_ERROR = tarfile.HeaderError  # where a method's argument has the module's name


@dataclass(frozen=True)
class Member:
    """An image or a sidecar; ``path`` is in its shortest form.

    ``problem`` says why the content, empty then, was not read.
    """

    path: str
    content: bytes
    problem: str | None = None

    @property
    def stem(self) -> str:
        """The path without its suffix: what an image and its sidecar share."""
        return posixpath.splitext(self.path)[0]


class _Broken(Exception):
    """An archive cannot be read on; the message says why."""


class _StrictHeader(tarfile.TarInfo):
    """Refuses what tarfile takes for the end: a header that is damaged, cut off or missing."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """Read the next header.

        Raises:
            _Broken: If there is neither a whole header nor the mark of the archive's end.
        """
        try:
            return super().fromtarfile(tarfile)
        except _HEADER_ERROR as error:
            # The class for a mark of the end is not public, its message is all there is.
            if str(error) == "end of file header":
                raise
            raise _Broken(str(error)) from error


def read_members(shard: Shard, skipped: Skipped) -> Iterator[Member | Quarantined]:
    """Hand out images and sidecars in the order of the archive; nothing is written to disk.

    Names that are absolute or lead upwards are quarantined, as is the archive itself, by its
    name alone, after the last member that could be read of a broken one.
    """
    try:
        yield from _read(shard, skipped)
    except _Broken as error:
        yield Quarantined(shard.name, f"the archive cannot be read to its end: {error}")


def _read(shard: Shard, skipped: Skipped) -> Iterator[Member | Quarantined]:
    try:
        with (
            shard.open() as raw,
            _decompressed(shard, raw) as stream,
            tarfile.open(
                fileobj=stream,
                mode="r|",
                bufsize=_READ_AT_ONCE,
                encoding="utf-8",
                errors="surrogateescape",
                tarinfo=_StrictHeader,
            ) as archive,
        ):
            while (info := archive.next()) is not None:
                # It would remember every header it has read.
                archive.members.clear()  # type: ignore[attr-defined]
                yield from _judged(shard, archive, info, skipped)
            _require_nothing_more(archive)
    except _Broken:
        raise
    except Exception as error:
        # The archive, its compression and the store it is in fail with errors of their own.
        raise _Broken(str(error) or type(error).__name__) from error


class _Unpacked(gzip.GzipFile):
    """A compressed stream that gives what it has before it fails.

    gzip's own reader finds a cut or changed stream; tarfile's looks at no checksum.
    """

    def read(self, size: int | None = -1) -> bytes:
        """Return some bytes, at most ``size``; none at the end."""
        return self.read1(-1 if size is None else size)


def _decompressed(shard: Shard, raw: IO[bytes]) -> "_Unpacked | nullcontext[IO[bytes]]":
    packed = shard.path.lower().endswith("gz")
    return _Unpacked(fileobj=raw, mode="rb") if packed else nullcontext(raw)


def _judged(
    shard: Shard, archive: tarfile.TarFile, info: tarfile.TarInfo, skipped: Skipped
) -> Iterator[Member | Quarantined]:
    if info.isdir():
        return
    problem = unusable_name(info.name)
    path = posixpath.normpath(info.name)
    if problem is not None:
        yield Quarantined(f"{shard.name}/{info.name.lstrip('/')}", problem)
    elif is_hidden(path):
        skipped.hidden += 1
    elif info.issym() or info.islnk():
        skipped.links += 1
    elif not is_image(path) and not path.lower().endswith(SIDECAR_SUFFIX):
        skipped.other += 1
    elif not info.isreg():
        yield Quarantined(f"{shard.name}/{path}", "not a regular file")
    elif info.size > MAX_FILE_BYTES:
        yield Member(path, b"", too_large(info.size))
    else:
        yield Member(path, _content(archive, info))


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    if file is None:
        raise _Broken(f"member {info.name!r} has no content")
    with file:
        return file.read()


def _require_nothing_more(archive: tarfile.TarFile) -> None:
    """Read on to the very end, which also checks the sum of a compressed archive.

    Raises:
        _Broken: If there is more than padding, as where archives were joined end to end.
    """
    stream = archive.fileobj
    while rest := stream.read(_READ_AT_ONCE):
        if rest.strip(b"\0"):
            raise _Broken("there is more behind its end mark: join archives with tar -A, not cat")
