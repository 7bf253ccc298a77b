"""Make a new generation where no reader looks, and let it appear whole or not at all."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.bundle import (
    CURRENT,
    DATA_FILES,
    GENERATIONS,
    LOCK,
    MANIFEST,
    measure_file,
    published_generation,
)
from indexer.manifest import IndexManifest, StoredFile
from models.errors import BundleDamaged, BundleError, BundleNotFound

_BUILDING = ".building-"


@dataclass(frozen=True)
class BuildingSite:
    """The folder that becomes generation number ``generation`` of an index."""

    index: Path
    generation: int
    folder: Path


@contextlib.contextmanager
def building_site(index: Path) -> Iterator[BuildingSite]:
    """Lock the index, clear what killed builds left, and lend an empty folder.

    The folder is removed on leaving, unless it was published.

    Raises:
        BundleError: If another build is at work on this index.
        OSError: If the index folder cannot be written.
    """
    index.mkdir(parents=True, exist_ok=True)
    with (index / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BundleError(
                f"another build is at work on {index}: wait for it, or name another index"
            ) from error
        # A number is not used twice, even where its generation is cleared away now.
        generation = max(_generation_numbers(index), default=0) + 1
        for leftover in _leftovers(index):
            shutil.rmtree(leftover)
        folder = index / f"{_BUILDING}{generation:06d}"
        folder.mkdir()
        try:
            yield BuildingSite(index, generation, folder)
        finally:
            if folder.exists():
                shutil.rmtree(folder)


def describe_files(folder: Path) -> dict[str, StoredFile]:
    """Force the data files to disk and return their sizes and checksums.

    Raises:
        OSError: If a file is missing or the disk fails.
    """
    for name in DATA_FILES:
        _sync(folder / name)
    return {name: measure_file(folder / name) for name in DATA_FILES}


def publish(site: BuildingSite, manifest: IndexManifest) -> Path:
    """Write the manifest, rename the folder into its place, then switch ``CURRENT`` to it.

    A reader meets the old generation before the switch and the new one after it; each step is
    on disk before the next begins.

    Raises:
        OSError: If the disk fails; the old generation stays published.
    """
    _write(site.folder / MANIFEST, manifest.model_dump_json(indent=2))
    _sync(site.folder)
    generations = site.index / GENERATIONS
    generations.mkdir(exist_ok=True)
    published = site.folder.rename(generations / f"{site.generation:06d}")
    _sync(generations)
    pointer = site.index / f"{CURRENT}.new"
    _write(pointer, f"{published.name}\n")
    pointer.replace(site.index / CURRENT)
    _sync(site.index)
    return published


def _generation_numbers(index: Path) -> list[int]:
    folders = (index / GENERATIONS).glob("[0-9]*")
    return [int(folder.name) for folder in folders if folder.name.isdecimal()]


def _leftovers(index: Path) -> list[Path]:
    """Return builds killed at work, and generations whose build died before the switch."""
    try:
        current = int(published_generation(index).name)
    except BundleNotFound:
        current = 0
    except BundleDamaged:
        # What CURRENT once named is unknown, so no generation may be taken for a leftover.
        current = max(_generation_numbers(index), default=0)
    unpublished = [number for number in _generation_numbers(index) if number > current]
    return [
        *index.glob(f"{_BUILDING}*"),
        *(index / GENERATIONS / f"{number:06d}" for number in unpublished),
    ]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
