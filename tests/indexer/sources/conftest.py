"""Pictures as bytes, archives and tables of them, and a store that forgets after each test."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from indexer.sources.entries import CropSource, Quarantined, SourceEntry
from tests.indexer.conftest import RGB

Members = Mapping[str, bytes]


def picture(colour: str = "red", kind: str = "PNG") -> bytes:
    """Return the bytes of a small image file."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 32), RGB[colour]).save(buffer, kind)
    return buffer.getvalue()


def sidecar(**values: object) -> bytes:
    """Return the bytes of a metadata member."""
    return json.dumps(values).encode()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a regular file."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def pack(path: Path, members: Members) -> Path:
    """Write a tar archive; the suffix says whether it is compressed."""
    compressed = path.suffix in (".gz", ".tgz")
    with tarfile.open(path, "w:gz") if compressed else tarfile.open(path, "w") as archive:
        for name, content in members.items():
            add(archive, name, content)
    return path


def entries_of(source: CropSource) -> dict[str, SourceEntry]:
    """Return the readable entries by path, in their order."""
    return {item.path: item for item in source.entries() if not isinstance(item, Quarantined)}


def contents_of(source: CropSource) -> dict[str, bytes]:
    """Return the content of the readable entries by path."""
    return {path: entry.read() for path, entry in entries_of(source).items()}


def quarantined_in(source: CropSource) -> list[Quarantined]:
    """Return what is refused."""
    return [item for item in source.entries() if isinstance(item, Quarantined)]


@pytest.fixture
def store() -> Iterator[Callable[[str, bytes], None]]:
    """Lend a function that puts a file into fsspec's store in memory, by its absolute path."""
    files = fsspec.filesystem("memory")
    yield files.pipe
    files.store.clear()
    files.pseudo_dirs[:] = [""]
