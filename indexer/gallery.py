"""What the service knows of a gallery: a protocol behind which an index of any size can stand."""

from collections.abc import Sequence
from typing import Protocol

from indexer.bundle import read_manifest
from indexer.filters import ALL_CROPS, Condition, Filters
from indexer.local_gallery import open_gallery
from indexer.manifest import IndexManifest
from indexer.records import Answer, Crop, Hit, JsonScalar
from models.contracts import Float32Array
from models.parts import Parts

__all__ = [
    "ALL_CROPS",
    "Answer",
    "Condition",
    "Crop",
    "Filters",
    "Gallery",
    "Hit",
    "JsonScalar",
    "open_gallery",
    "read_manifest",
]


class Gallery(Protocol):
    """One generation of an index, opened for reading; safe to use from many threads.

    What it holds never changes: a newer generation is another gallery.
    """

    @property
    def manifest(self) -> IndexManifest:
        """What the generation says about itself."""
        ...

    @property
    def size(self) -> int:
        """The number of crops."""
        ...

    def search(self, query: Float32Array, limit: int, filters: Filters = ALL_CROPS) -> Answer:
        """Return the best crops for a unit vector ``(d,)``, best first, ties by row.

        If at least ``limit`` crops meet the filters, ``limit`` are returned.

        Raises:
            ValueError: If the query is not a finite vector of the gallery's width, or limit < 1.
            ConfigurationInvalid: If a filter names no column, or compares it with what it is not.
        """
        ...

    def crop(self, crop_id: str) -> Crop | None:
        """Return the crop of that id, or None."""
        ...

    def read_crop(self, crop_id: str) -> bytes:
        """Return the bytes of the original, if they are still the ones that were indexed.

        Raises:
            KeyError: If the id is unknown.
            CropUnreadable: If the file is gone, changed, or no longer inside its folder.
        """
        ...

    def read_thumbnail(self, crop_id: str) -> bytes:
        """Return the thumbnail as WebP.

        Raises:
            KeyError: If the id is unknown.
        """
        ...

    def parts(self, crop_ids: Sequence[str]) -> Parts | None:
        """Return the part vectors of some crops, in their order; None where none are stored.

        Raises:
            KeyError: If an id is unknown.
        """
        ...

    def neighbours(self, crop_id: str) -> list[Crop] | None:
        """Return the crops that look most like one, nearest first; None where none are stored.

        Raises:
            KeyError: If the id is unknown.
        """
        ...

    def listed_by(self, crop_id: str) -> list[Crop] | None:
        """Return the crops that have one among their neighbours; None where none are stored.

        Raises:
            KeyError: If the id is unknown.
        """
        ...

    def close(self) -> None:
        """Release the files; the gallery cannot be used afterwards."""
        ...
