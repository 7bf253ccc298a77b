"""Force what was written to disk, so that it is there after a power cut."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Force one file, or the names in one folder, to disk.

    Raises:
        OSError: If it is missing or the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Force a folder and all that is below it to disk.

    Raises:
        OSError: If the disk fails.
    """
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def write_text(path: Path, text: str) -> None:
    """Write a text file and force it to disk.

    Raises:
        OSError: If the disk is full or fails.
    """
    path.write_text(text, encoding="utf-8")
    sync(path)
