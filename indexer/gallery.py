"""An opened index: search it, look up a crop, read its bytes."""

import hashlib
from pathlib import Path
from typing import Self

from indexer.ann import ExactIndex
from indexer.bundle import (
    CROPS,
    FAISS_INDEX,
    THUMBNAIL_OFFSETS,
    THUMBNAILS,
    VECTORS,
    check_files,
    published_generation,
    read_generation_manifest,
    read_manifest,
)
from indexer.crop_files import read_crop_file
from indexer.crop_table import CropTable
from indexer.filters import ALL_CROPS, Condition, Filters
from indexer.manifest import IndexManifest
from indexer.records import Answer, Crop, Hit, JsonScalar
from indexer.thumbnails import ThumbnailPack
from models.card import ModelCard
from models.contracts import Float32Array
from models.errors import BundleDamaged, CropUnreadable, EncoderMismatch

__all__ = [
    "ALL_CROPS",
    "Answer",
    "Condition",
    "Crop",
    "Filters",
    "Gallery",
    "Hit",
    "JsonScalar",
    "read_manifest",
]


class Gallery:
    """The published generation of an index, opened for reading; safe to use from many threads.

    The files are memory-mapped: an opened gallery stays what it is when a newer generation is
    published.
    """

    def __init__(self, folder: Path, manifest: IndexManifest) -> None:
        self._manifest = manifest
        self._root = Path(manifest.crops_root)
        self._crops = CropTable(folder / CROPS)
        self._index = ExactIndex.open(folder / FAISS_INDEX, folder / VECTORS)
        self._thumbnails = ThumbnailPack(folder / THUMBNAILS, folder / THUMBNAIL_OFFSETS)
        sizes = {
            "manifest": manifest.counts.indexed,
            CROPS: self._crops.size,
            FAISS_INDEX: self._index.size,
            THUMBNAIL_OFFSETS: self._thumbnails.size,
        }
        if len(set(sizes.values())) > 1 or self._index.width != manifest.embedding_width:
            raise BundleDamaged(
                f"the files of {folder} do not belong together (rows: {sizes}; "
                f"width {self._index.width}, manifest {manifest.embedding_width}). "
                "Build the index again."
            )

    @classmethod
    def open(cls, index: Path, card: ModelCard, *, verify: bool = True) -> Self:
        """Open the published generation; ``verify`` checks size and SHA-256 of every file.

        Raises:
            BundleNotFound: If nothing is published there.
            BundleDamaged: If a file is missing, differs from its checksum or cannot be read.
            EncoderMismatch: If the index was built with another model than ``card``'s.
        """
        folder = published_generation(index)
        manifest = read_generation_manifest(folder)
        _check_model(index, manifest, card)
        if verify:
            check_files(folder, manifest)
        return cls(folder, manifest)

    @property
    def manifest(self) -> IndexManifest:
        """What the generation says about itself."""
        return self._manifest

    @property
    def size(self) -> int:
        """The number of crops."""
        return self._crops.size

    def search(self, query: Float32Array, limit: int, filters: Filters = ALL_CROPS) -> Answer:
        """Return the best crops for a unit vector ``(d,)``, best first, ties by row.

        If at least ``limit`` crops meet the filters, ``limit`` are returned.

        Raises:
            ValueError: If the query is not a finite vector of the gallery's width, or limit < 1.
            ConfigurationInvalid: If a filter names no column, or compares it with what it is not.
        """
        selected = self._crops.matching(filters) if filters else None
        found = self._index.search(query, limit, selected)
        ranked = zip(found.scores, self._crops.crops(found.rows), strict=True)
        hits = [
            Hit(rank=rank, score=float(score), crop=crop)
            for rank, (score, crop) in enumerate(ranked, start=1)
        ]
        matching = self.size if selected is None else len(selected)
        return Answer(hits, matching, found.strategy, found.scanned, found.recall)

    def crop(self, crop_id: str) -> Crop | None:
        """Return the crop of that id, or None."""
        found = self._crops.find(crop_id)
        return None if found is None else found[1]

    def ids_by_path(self) -> dict[str, str]:
        """Return the id of every crop by its path."""
        return self._crops.ids_by_path()

    def read_crop(self, crop_id: str) -> bytes:
        """Return the bytes of the original file, if they are still the ones that were indexed.

        Raises:
            KeyError: If the id is unknown.
            CropUnreadable: If the file is gone, changed, or no longer inside the crops folder.
        """
        _, crop = self._known(crop_id)
        try:
            content = read_crop_file(self._root, crop.path)
        except CropUnreadable as error:
            raise CropUnreadable(
                f"crop {str(self._root / crop.path)!r}: {error}. "
                "Put the file back, or build the index again."
            ) from error
        if hashlib.sha256(content).hexdigest() != crop.content_sha256:
            raise CropUnreadable(
                f"crop {str(self._root / crop.path)!r} changed since it was indexed. "
                "Build the index again."
            )
        return content

    def read_thumbnail(self, crop_id: str) -> bytes:
        """Return the thumbnail as WebP.

        Raises:
            KeyError: If the id is unknown.
        """
        row, _ = self._known(crop_id)
        return self._thumbnails.read(row)

    def close(self) -> None:
        """Release the files; the gallery cannot be used afterwards."""
        self._thumbnails.close()

    def _known(self, crop_id: str) -> tuple[int, Crop]:
        found = self._crops.find(crop_id)
        if found is None:
            raise KeyError(crop_id)
        return found


def _check_model(index: Path, manifest: IndexManifest, card: ModelCard) -> None:
    built_with = manifest.model
    given = card.fingerprint()
    if built_with.fingerprint != given:
        remedy = f"Use --model {built_with.source}, or build the index again with {card.name!r}."
        if card.name == built_with.name:
            # The same source may hold other weights than it did, after an upgrade for one.
            remedy = "Build the index again, or name the model it was built with by --model."
        raise EncoderMismatch(
            f"{index} was built with model {built_with.name!r} ({built_with.fingerprint[:12]}), "
            f"not with {card.name!r} ({given[:12]}). {remedy}"
        )
