"""A gallery whose files are on this machine, memory-mapped."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.bundle import check_files, published_generation, read_generation_manifest
from indexer.crop_files import read_crop_file
from indexer.filters import ALL_CROPS, Filters
from indexer.generation import Generation, Int64Array
from indexer.manifest import IndexManifest
from indexer.neighbour_overlap import SMALL_SELECTION, NeighbourOverlap, shared_among
from indexer.records import Answer, Crop, Hit, NeighbourShares
from indexer.stored_parts import joined_parts
from models.card import ModelCard
from models.contracts import Float32Array
from models.errors import ConfigurationInvalid, CropUnreadable, EncoderMismatch
from models.parts import Parts

_ID = re.compile(r"[0-9a-f]{16,}")


class LocalGallery:
    """The published generation of an index: see ``Gallery`` for what its methods promise."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    @property
    def manifest(self) -> IndexManifest:
        """What the generation says about itself."""
        return self._generation.manifest

    @property
    def size(self) -> int:
        """The number of crops."""
        return self._generation.size

    def search(self, query: Float32Array, limit: int, filters: Filters = ALL_CROPS) -> Answer:
        """Return the best crops for a unit vector ``(d,)``, best first, ties by row.

        Raises:
            ValueError: If the query is not a finite vector of the gallery's width, or limit < 1.
            ConfigurationInvalid: If a filter names no column, or compares it with what it is not.
        """
        selected = self._generation.crops.matching(filters) if filters else None
        found = self._generation.search(query, limit, selected)
        ranked = zip(found.scores, self._generation.crops.crops(found.rows), strict=True)
        hits = [
            Hit(rank=rank, score=float(score), crop=crop)
            for rank, (score, crop) in enumerate(ranked, start=1)
        ]
        matching = self.size if selected is None else len(selected)
        return Answer(hits, matching, found.strategy, found.scanned, found.recall)

    def crop(self, crop_id: str) -> Crop | None:
        """Return the crop of that id, or None."""
        found = self._generation.crops.find(crop_id)
        return None if found is None else found[1]

    def ids_by_path(self) -> dict[str, str]:
        """Return the id of every crop by each of its paths."""
        return self._generation.crops.ids_by_path()

    def read_crop(self, crop_id: str) -> bytes:
        """Return the bytes of the original, if they are still the ones that were indexed.

        Raises:
            KeyError: If the id is unknown.
            CropUnreadable: If the file is gone, changed, or no longer inside its folder.
        """
        row, crop = self._known(crop_id)
        segment, own = self._generation.place(row)
        copied = segment.contents.read(own)
        if copied:
            return copied
        path = str(Path(crop.root) / crop.path)
        try:
            content = read_crop_file(Path(crop.root), crop.path)
        except CropUnreadable as error:
            raise CropUnreadable(
                f"crop {path!r}: {error}. Put the file back, or build the index again."
            ) from error
        if hashlib.sha256(content).hexdigest() != crop.content_sha256:
            raise CropUnreadable(
                f"crop {path!r} changed since it was indexed. Build the index again."
            )
        return content

    def read_thumbnail(self, crop_id: str) -> bytes:
        """Return the thumbnail as WebP.

        Raises:
            KeyError: If the id is unknown.
        """
        row, _ = self._known(crop_id)
        segment, own = self._generation.place(row)
        return segment.thumbnails.read(own)

    def vectors(self, crop_ids: Sequence[str]) -> Float32Array:
        """Return the unit rows of some crops, in their order: float32 ``(n, d)``.

        Raises:
            KeyError: If an id is unknown.
        """
        return self._vectors(self._rows_of(crop_ids))

    def parts(self, crop_ids: Sequence[str]) -> Parts | None:
        """Return the part vectors of some crops, in their order; None where none are stored.

        Raises:
            KeyError: If an id is unknown.
        """
        if self.manifest.parts is None or not crop_ids:
            return None
        found = [self._generation.stored_parts(row) for row in self._rows_of(crop_ids).tolist()]
        return joined_parts([parts for parts in found if parts is not None])

    def neighbours(self, crop_id: str) -> list[Crop] | None:
        """Return the crops that look most like one, nearest first; None where none are stored.

        Raises:
            KeyError: If the id is unknown.
        """
        row, _ = self._known(crop_id)
        lists = self._generation.neighbours
        return None if lists is None else self._generation.crops.crops(lists.of(row))

    def listed_by(self, crop_id: str) -> list[Crop] | None:
        """Return the crops that have one among their neighbours; None where none are stored.

        Raises:
            KeyError: If the id is unknown.
        """
        row, _ = self._known(crop_id)
        lists = self._generation.listed_by
        return None if lists is None else self._generation.crops.crops(lists.of(row))

    def sharing_neighbours(
        self, best: Sequence[str], candidates: Sequence[str], filters: Filters = ALL_CROPS
    ) -> NeighbourShares | None:
        """Return which crops share visual neighbours with the best ones of a query.

        Raises:
            KeyError: If an id is unknown.
            ConfigurationInvalid: If the lists are shorter than needed, or a filter names no
                column, or compares it with what it is not.
        """
        lists, reverse = self._generation.neighbours, self._generation.listed_by
        if lists is None or reverse is None:
            return None
        if lists.rows.shape[1] < len(best) - 1:
            raise ConfigurationInvalid(
                f"{lists.rows.shape[1]} neighbours of each crop are stored, {len(best) - 1} are "
                "needed. Build the index with --neighbours 20."
            )
        rows = self._rows_of(best)
        selected = self._generation.crops.matching(filters) if filters else None
        if selected is not None and len(selected) <= SMALL_SELECTION:
            found = shared_among(rows, selected, self._vectors(selected))
        else:

            def nearest(row: int, count: int) -> Int64Array:
                vector = self._vectors(np.array([row]))[0]
                return self._generation.search(vector, count, selected).rows

            overlap = NeighbourOverlap(lists, reverse, nearest)
            found = overlap.shared(rows, self._rows_of(candidates), selected)
        crops = self._generation.crops.crops(found.rows)
        return NeighbourShares(crops, found.shares.tolist(), found.unknown)

    def close(self) -> None:
        """Release the files; the gallery cannot be used afterwards."""
        self._generation.close()

    def _rows_of(self, crop_ids: Sequence[str]) -> Int64Array:
        # Many at once: one by one, each would take half a millisecond.
        asked = [each for each in crop_ids if _ID.fullmatch(each)]
        rows = self._generation.crops.rows_of(asked)
        if len(asked) < len(crop_ids) or (rows < 0).any():
            unknown = next(each for each in crop_ids if self.crop(each) is None)
            raise KeyError(unknown)
        # A row is found by the beginning of an id, which two crops may share.
        found = self._generation.crops.ids_of(rows)
        for place in (n for n in range(len(asked)) if found[n] != asked[n]):
            rows[place] = self._known(asked[place])[0]
        return rows

    def _vectors(self, rows: Int64Array) -> Float32Array:
        found = np.empty((len(rows), self.manifest.embedding_width), np.float32)
        for place, row in enumerate(rows.tolist()):
            segment, own = self._generation.place(row)
            found[place] = segment.vectors[own]
        return found

    def _known(self, crop_id: str) -> tuple[int, Crop]:
        found = self._generation.crops.find(crop_id)
        if found is None:
            raise KeyError(crop_id)
        return found


def open_gallery(index: Path, card: ModelCard, *, verify: bool = True) -> LocalGallery:
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
    return LocalGallery(Generation(folder, manifest))


def _check_model(index: Path, manifest: IndexManifest, card: ModelCard) -> None:
    built_with = manifest.model
    given = card.fingerprint()
    if built_with.fingerprint != given:
        beside = "build the crops into another index folder and serve that one"
        remedy = f"Use --model {built_with.source}, or {beside}."
        if card.name == built_with.name:
            # The same source may hold other weights than it did, after an upgrade for one.
            remedy = f"Name the model it was built with by --model, or {beside}."
        raise EncoderMismatch(
            f"{index} was built with model {built_with.name!r} ({built_with.fingerprint[:12]}), "
            f"not with {card.name!r} ({given[:12]}). {remedy}"
        )
