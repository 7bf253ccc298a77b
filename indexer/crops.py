"""Find the crops of a folder, without following what leads out of it."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indexer.crop_files import is_inside
from models.errors import ConfigurationInvalid

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


@dataclass(frozen=True)
class Quarantined:
    """A file, by its path relative to the crops folder, that is not indexed, and why."""

    path: str
    reason: str


@dataclass
class FoundCrops:
    """What lies in a crops folder; ``paths`` are relative, with ``/``, in byte order."""

    root: Path
    paths: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    skipped_hidden: int = 0
    skipped_outside: int = 0
    skipped_links: int = 0
    skipped_other: int = 0


def find_crops(folder: Path) -> FoundCrops:
    """List every jpg, jpeg, png, webp and bmp below a folder.

    Hidden files and folders are skipped, and links to folders: what they lead to inside the
    folder is found where it lies. A link to a file inside the folder is a crop of its own.

    Raises:
        ConfigurationInvalid: If the folder is missing, not a folder, or cannot be read.
    """
    root = _checked_root(folder)
    found = FoundCrops(root)
    pending = [""]
    while pending:
        relative = pending.pop()
        try:
            pending.extend(_look_into(found, relative))
        except OSError as error:
            reason = f"the folder cannot be read: {error.strerror or error}"
            found.quarantined.append(Quarantined(relative, reason))
    found.paths.sort(key=os.fsencode)
    found.quarantined.sort(key=lambda item: os.fsencode(item.path))
    return found


def _checked_root(folder: Path) -> Path:
    try:
        root = folder.resolve(strict=True)
        str(root).encode()
        with os.scandir(root):
            return root
    except NotADirectoryError as error:
        raise ConfigurationInvalid(
            f"crops folder {str(folder)!r} is a file: name the folder that holds the crops"
        ) from error
    except FileNotFoundError as error:
        raise ConfigurationInvalid(
            f"crops folder {str(folder)!r} does not exist: name an existing folder of images"
        ) from error
    except UnicodeEncodeError as error:
        raise ConfigurationInvalid(
            f"crops folder {str(folder)!r} has a name that is not UTF-8: rename it"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigurationInvalid(
            f"crops folder {str(folder)!r} cannot be read ({error}): "
            "allow this user to read it, or name another folder"
        ) from error


def _look_into(found: FoundCrops, relative: str) -> Iterator[str]:
    """Sort the entries of one folder into ``found``; yield its subfolders."""
    with os.scandir(found.root / relative) as entries:
        for entry in entries:
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.name.startswith("."):
                found.skipped_hidden += 1
            elif entry.is_symlink():
                _take_link(found, path)
            elif entry.is_dir(follow_symlinks=False):
                yield path
            else:
                _take_file(found, path, is_regular=entry.is_file(follow_symlinks=False))


def _take_link(found: FoundCrops, path: str) -> None:
    target = found.root / path
    try:
        if not is_inside(found.root, target):
            found.skipped_outside += 1
            return
        mode = target.stat().st_mode
    except OSError:  # it leads nowhere, or in a circle
        found.skipped_links += 1
        return
    if stat.S_ISDIR(mode):
        found.skipped_links += 1
    else:
        _take_file(found, path, is_regular=stat.S_ISREG(mode))


def _take_file(found: FoundCrops, path: str, *, is_regular: bool) -> None:
    if not path.lower().endswith(SUFFIXES):
        found.skipped_other += 1
    elif not is_regular:
        found.quarantined.append(Quarantined(path, "not a regular file"))
    elif not _is_utf8(path):
        found.quarantined.append(Quarantined(path, "its name is not UTF-8: rename it"))
    else:
        found.paths.append(path)


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
