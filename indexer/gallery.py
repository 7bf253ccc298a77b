"""What the service knows of a gallery: a protocol behind which an index of any size can stand."""

from collections.abc import Sequence
from typing import Protocol

from indexer.bundle import read_manifest
from indexer.filters import ALL_CROPS, Condition, Filters
from indexer.local_gallery import open_gallery
from indexer.manifest import IndexManifest
from indexer.records import Answer, Crop, Hit, JsonScalar, NeighbourShares
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
    "NeighbourShares",
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

    def vectors(self, crop_ids: Sequence[str]) -> Float32Array:
        """Return the unit rows of some crops, in their order: float32 ``(n, d)``.

        Raises:
            KeyError: If an id is unknown.
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

    def sharing_neighbours(
        self, best: Sequence[str], candidates: Sequence[str], filters: Filters = ALL_CROPS
    ) -> NeighbourShares | None:
        """Return which crops share visual neighbours with the best ones of a query.

        A crop's neighbourhood is itself and its K - 1 nearest among those that meet the filters,
        where K crops are the best. None where no neighbours are stored. Without filters, and with
        filters that few crops meet, all crops that share any are found; else those of the
        ``candidates`` and of the crops that have one of the best on their stored lists.

        Raises:
            KeyError: If an id is unknown.
            ConfigurationInvalid: If the lists are shorter than needed, or a filter names no
                column, or compares it with what it is not.
        """
        ...

    def close(self) -> None:
        """Release the files; the gallery cannot be used afterwards."""
        ...
