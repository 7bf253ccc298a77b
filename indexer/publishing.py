"""Make a new generation where no reader looks, and let it appear whole or not at all."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.bundle import (
    BUILDING,
    CURRENT,
    GENERATIONS,
    LOCK,
    MANIFEST,
    MANIFEST_SUM,
    generation_folders,
    generation_name,
    manifest_sum,
    measure_file,
    pointer_text,
    published_generation,
)
from indexer.disk import sync, sync_tree, write_text
from indexer.manifest import IndexManifest, StoredFile
from models.errors import BundleDamaged, BundleError, BundleNotFound


@dataclass(frozen=True)
class BuildingSite:
    """The folder that becomes generation number ``generation`` of an index.

    ``parent`` is the folder of the published generation, None where nothing is published.
    """

    index: Path
    generation: int
    folder: Path
    parent: Path | None


@contextlib.contextmanager
def building_site(index: Path) -> Iterator[BuildingSite]:
    """Lock the index, clear what killed processes left, and lend an empty folder.

    The folder is removed on leaving, unless it was published.

    Raises:
        BundleError: If another process is at work on this index.
        OSError: If the index folder cannot be written.
    """
    index.mkdir(parents=True, exist_ok=True)
    with locked(index):
        # A number is not used twice, even where its generation is cleared away now.
        newest = max((int(folder.name) for folder in generation_folders(index)), default=0)
        generation = newest + 1
        parent: Path | None = None
        try:
            parent = published_generation(index)
            published = int(parent.name)
        except BundleNotFound:
            published = 0
        except BundleDamaged:
            # What CURRENT once named is unknown, so no generation may be taken for a leftover.
            published = newest
        for leftover in _leftovers(index, published):
            shutil.rmtree(leftover)
        folder = index / f"{BUILDING}{generation_name(generation)}"
        folder.mkdir()
        try:
            yield BuildingSite(index, generation, folder, parent)
        finally:
            if folder.exists():
                shutil.rmtree(folder)


@contextlib.contextmanager
def changing_site(index: Path) -> Iterator[tuple[BuildingSite, Path]]:
    """Lend a building site, and the folder of the published generation, which must be there.

    Where there is none, nothing is written: the name may be a slip.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If it cannot be told which generation is.
        BundleError: If another process is at work on this index.
        OSError: If the index folder cannot be written.
    """
    published_generation(index)
    with building_site(index) as site:
        yield site, published_generation(index)


@contextlib.contextmanager
def locked(index: Path) -> Iterator[None]:
    """Keep other processes from writing to an index; the lock ends with the process at the latest.

    Raises:
        BundleError: If another process is at work on it; the message has its number.
        OSError: If the index folder cannot be written.
    """
    with (index / LOCK).open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().decode(errors="replace").strip()
            raise BundleError(
                f"another command is at work on {index} (process {holder or 'unknown'}): wait for "
                "it, or name another index"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n".encode())
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def link_segment(parent: Path, site: BuildingSite, name: str) -> None:
    """Let the new generation have a segment of its parent, without copying where that can be.

    Raises:
        OSError: If the disk fails.
    """
    (site.folder / name).mkdir()
    for file in (parent / name).iterdir():
        target = site.folder / name / file.name
        try:
            os.link(file, target)
        except OSError:  # this file system has no hard links, or no more of them
            shutil.copyfile(file, target)


def describe_files(folder: Path, known: dict[str, StoredFile]) -> dict[str, StoredFile]:
    """Force the files of a generation to disk and return their sizes and checksums.

    Args:
        folder: The generation at work.
        known: Files that are the parent's, and need not be read again.

    Raises:
        OSError: If a file is missing or the disk fails.
    """
    sync_tree(folder)
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (MANIFEST, MANIFEST_SUM)
    )
    return {name: known.get(name) or measure_file(folder / name) for name in names}


def publish(site: BuildingSite, manifest: IndexManifest) -> Path:
    """Write the manifest, rename the folder into its place, then switch ``CURRENT`` to it.

    A reader meets the old generation before the switch and the new one after it; each step is
    on disk before the next begins.

    Raises:
        OSError: If the disk fails; the old generation stays published.
    """
    content = manifest.model_dump_json(indent=2)
    write_text(site.folder / MANIFEST, content)
    write_text(site.folder / MANIFEST_SUM, manifest_sum(content.encode()))
    sync(site.folder)
    generations = site.index / GENERATIONS
    generations.mkdir(exist_ok=True)
    sync(site.index)
    published = site.folder.rename(generations / generation_name(site.generation))
    sync(generations)
    pointer = site.index / f"{CURRENT}.new"
    write_text(pointer, pointer_text(published.name))
    pointer.replace(site.index / CURRENT)
    sync(site.index)
    return published


def _leftovers(index: Path, published: int) -> list[Path]:
    """Return what was made by a process that died before the switch."""
    return [
        *index.glob(f"{BUILDING}*"),
        *(folder for folder in generation_folders(index) if int(folder.name) > published),
    ]
