"""The crops of a local folder, without following what leads out of it."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.crop_files import is_inside, read_crop_file
from indexer.records import ColumnType
from indexer.sources.entries import Quarantined, Skipped, is_image, is_utf8
from models.errors import ConfigurationInvalid


@dataclass(frozen=True)
class LocalFile:
    """A file below ``root``; a file alone carries no metadata."""

    root: Path
    path: str

    @property
    def metadata(self) -> None:
        """Nothing: a folder says nothing of its crops."""
        return

    @property
    def size_bytes(self) -> int:
        """The size of the file now, 0 if it is gone; reading it will say so."""
        try:
            return (self.root / self.path).stat().st_size
        except OSError:
            return 0

    def read(self) -> bytes:
        """Return the content.

        Raises:
            CropUnreadable: If it is gone, outside the root, no regular file, or too large.
        """
        return read_crop_file(self.root, self.path)


@dataclass
class LocalFolder:
    """Every jpg, jpeg, png, webp and bmp below a folder, in byte order of their paths.

    Hidden files and folders are skipped, and links to folders: what they lead to inside the
    folder is found where it lies. A link to a file inside the folder is a crop of its own.
    """

    folder: Path
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def root(self) -> str:
        """The absolute folder, links resolved."""
        return str(self.folder)

    @property
    def rereadable(self) -> bool:
        """The files stay where they are."""
        return True

    @property
    def name(self) -> str:
        """The folder's name; empty for the root of all."""
        return self.folder.name

    @property
    def columns(self) -> tuple[str, ...]:
        """None: a folder carries no metadata."""
        return ()

    @property
    def extra_types(self) -> Mapping[str, ColumnType]:
        """None: a folder carries no metadata."""
        return {}

    def count(self) -> int:
        """Walk the folder once and return how many files it would hand out."""
        return sum(1 for _ in LocalFolder(self.folder).entries())

    def entries(self) -> Iterator[LocalFile | Quarantined]:
        """Walk the folder; the listing of one subfolder at a time is in memory."""
        self.skipped = Skipped()
        open_folders = [iter([_Child("", is_folder=True)])]
        while open_folders:
            child = next(open_folders[-1], None)
            if child is None:
                open_folders.pop()
            elif child.is_folder:
                listed = self._children(child.path)
                if isinstance(listed, Quarantined):
                    yield listed
                else:
                    open_folders.append(iter(listed))
            else:
                yield from self._judged(child)

    def _children(self, relative: str) -> "list[_Child] | Quarantined":
        """List one folder without its hidden entries, sorted as the paths below it will be."""
        children = []
        try:
            with os.scandir(self.folder / relative) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        self.skipped.hidden += 1
                        continue
                    children.append(_Child.of(relative, entry))
        except OSError as error:
            reason = f"the folder cannot be read: {error.strerror or error}"
            return Quarantined(relative, reason)
        return sorted(children, key=_Child.sorting_key)

    def _judged(self, child: "_Child") -> Iterator[LocalFile | Quarantined]:
        is_regular = child.is_regular
        if child.is_link:
            try:
                if not is_inside(self.folder, self.folder / child.path):
                    self.skipped.outside += 1
                    return
                mode = (self.folder / child.path).stat().st_mode
            except OSError:  # it leads nowhere, or in a circle
                self.skipped.links += 1
                return
            if stat.S_ISDIR(mode):
                self.skipped.links += 1
                return
            is_regular = stat.S_ISREG(mode)
        if not is_image(child.path):
            self.skipped.other += 1
        elif not is_regular:
            yield Quarantined(child.path, "not a regular file")
        elif not is_utf8(child.path):
            yield Quarantined(child.path, "its name is not UTF-8: rename it")
        else:
            yield LocalFile(self.folder, child.path)


@dataclass(frozen=True)
class _Child:
    """An entry of a folder by its path relative to the root."""

    path: str
    is_folder: bool = False
    is_link: bool = False
    is_regular: bool = False

    @classmethod
    def of(cls, folder: str, entry: "os.DirEntry[str]") -> "_Child":
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_symlink():
            return cls(path, is_link=True)
        if entry.is_dir(follow_symlinks=False):
            return cls(path, is_folder=True)
        return cls(path, is_regular=entry.is_file(follow_symlinks=False))

    def sorting_key(self) -> bytes:
        # A folder stands where the paths below it do: after "a.jpg", "a/b.jpg" comes.
        return os.fsencode(self.path + "/" if self.is_folder else self.path)


def open_local_folder(folder: Path) -> LocalFolder:
    """Check that a folder can be listed.

    Raises:
        ConfigurationInvalid: If the folder is missing, not a folder, or cannot be read.
    """
    try:
        root = folder.resolve(strict=True)
        str(root).encode()
        with os.scandir(root):
            return LocalFolder(root)
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
