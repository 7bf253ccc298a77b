"""The crops of a folder that is not local: an object store, or whatever fsspec lists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import fsspec

from indexer.crop_files import MAX_FILE_BYTES, too_large
from indexer.records import ColumnType
from indexer.sources.entries import (
    Quarantined,
    Skipped,
    is_hidden,
    is_image,
    unusable_name,
)
from models.errors import ConfigurationInvalid, CropUnreadable


@dataclass(frozen=True)
class StoredFile:
    """A file of a store by its full name; ``listed_bytes`` is None where the store is silent."""

    files: fsspec.AbstractFileSystem
    full_path: str
    path: str
    listed_bytes: int | None

    @property
    def metadata(self) -> None:
        """Nothing: a folder says nothing of its crops."""
        return

    @property
    def size_bytes(self) -> int:
        """The size in the listing, 0 where that is silent."""
        return self.listed_bytes or 0

    def read(self) -> bytes:
        """Return the content.

        Raises:
            CropUnreadable: If the store does not give it, or it is too large.
        """
        if self.size_bytes > MAX_FILE_BYTES:
            raise CropUnreadable(too_large(self.size_bytes))
        # A range of an empty object is an error in some stores, so none is asked for in vain.
        end = MAX_FILE_BYTES + 1 if self.listed_bytes is None else None
        try:
            content: bytes = self.files.cat_file(self.full_path, end=end)
        except FileNotFoundError as error:
            raise CropUnreadable("the file is gone") from error
        except Exception as error:
            # Each store fails with errors of its own; none of them may end a build.
            raise CropUnreadable(f"the file cannot be read: {error}") from error
        if len(content) > MAX_FILE_BYTES:
            raise CropUnreadable(too_large(len(content)))
        return content


@dataclass
class StoredFolder:
    """Every jpg, jpeg, png, webp and bmp below a folder of a store, in byte order of their paths.

    The listing, one name and size a file, is in memory. What is hidden is skipped.
    """

    root: str
    files: fsspec.AbstractFileSystem
    path: str
    name: str
    skipped: Skipped = field(default_factory=Skipped)
    _listed: dict[str, int | None] | None = None

    @property
    def rereadable(self) -> bool:
        """Objects may be out of reach when the index is served."""
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        """None: a folder carries no metadata."""
        return ()

    @property
    def extra_types(self) -> Mapping[str, ColumnType]:
        """None: a folder carries no metadata."""
        return {}

    def count(self) -> int:
        """Return how many images the listing holds.

        Raises:
            ConfigurationInvalid: If the store cannot be listed.
        """
        return sum(is_image(path) and not is_hidden(path) for path in self._listing())

    def entries(self) -> Iterator[StoredFile | Quarantined]:
        """Hand out the files of the listing.

        Raises:
            ConfigurationInvalid: If the store cannot be listed.
        """
        self.skipped = Skipped()
        for path, size_bytes in self._listing().items():
            problem = unusable_name(path)
            if not is_image(path):
                self.skipped.other += 1
            elif problem is not None:
                yield Quarantined(path, problem)
            elif is_hidden(path):
                self.skipped.hidden += 1
            else:
                yield StoredFile(self.files, f"{self._prefix()}{path}", path, size_bytes)

    def _listing(self) -> dict[str, int | None]:
        if self._listed is None:
            try:
                found = self.files.find(self.path, detail=True)
            except Exception as error:
                raise ConfigurationInvalid(
                    f"crops folder {self.root!r} cannot be listed: {error}"
                ) from error
            begin = len(self._prefix())
            sizes = {name[begin:]: about.get("size") for name, about in found.items()}
            in_order = sorted(sizes, key=lambda path: path.encode(errors="surrogateescape"))
            self._listed = {path: sizes[path] for path in in_order if path}
        return self._listed

    def _prefix(self) -> str:
        return self.path.rstrip("/") + "/"
