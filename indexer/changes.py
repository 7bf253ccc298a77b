"""What a build or an addition changes in a gallery: which rows stay, which go, which come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from indexer.crop_table import CropTable
from indexer.decoding import crop_id
from indexer.listing import ListedCrop, Listing
from indexer.metadata import CropMetadata
from indexer.records import Crop, JsonScalar
from indexer.segments import StoredCrop

Int64Array = npt.NDArray[np.int64]
_AT_ONCE = 8192
_NOTHING_KNOWN = CropMetadata(None, None, None, {})


@dataclass(frozen=True)
class NewRow:
    """A crop as it shall be indexed; ``row`` is where the parent has its vector, or None."""

    content_sha256: str
    crop: Crop | None
    listed: ListedCrop
    row: int | None


@dataclass(frozen=True)
class Changes:
    """``new`` rows come, by root and path; ``deleted`` rows of the parent are found no longer.

    ``replaced`` of the deleted ones come again with other metadata or another content, ``removed``
    ones do not; ``reused`` crops were in the parent.
    """

    new: Sequence[NewRow]
    deleted: Int64Array
    replaced: int
    removed: int
    reused: int


def decide(
    parent: CropTable | None, listing: Listing, root: str, change: Literal["build", "add"]
) -> Changes:
    """Compare what a source holds with what is indexed.

    A build makes the gallery equal to the source: what is not in it goes. An addition keeps it,
    apart from files of the source whose content changed.
    """
    digests = list(listing.crops)
    rows = np.full(len(digests), -1, np.int64)
    if parent is not None and digests:
        rows = parent.rows_of([crop_id(digest) for digest in digests])
    new, kept, replaced_rows = [], [], []
    wanted = wanted_crop if change == "build" else extended_crop
    for start in range(0, len(digests), _AT_ONCE):
        part = range(start, min(start + _AT_ONCE, len(digests)))
        known = [place for place in part if rows[place] >= 0]
        crops: dict[int, Crop] = {}
        if parent is not None and known:
            crops = dict(zip(known, parent.crops(rows[known]), strict=True))
        for place in part:
            digest, row = digests[place], int(rows[place])
            listed = listing.crops[digest]
            if place not in crops:
                new.append(NewRow(digest, None, listed, None))
            elif _same(crops[place], want := wanted(crops[place], listed, root)):
                kept.append(row)
            else:
                replaced_rows.append(row)
                new.append(NewRow(digest, want, listed, row))
    known_rows = np.array([*kept, *replaced_rows], np.int64)
    changed, gone = _gone(parent, listing, root, known_rows, change)
    new.sort(key=lambda row: row.listed.path.encode(errors="surrogateescape"))
    deleted = np.sort(np.concatenate([np.array(replaced_rows, np.int64), changed, gone]))
    replaced = len(replaced_rows) + len(changed)
    return Changes(new, deleted, replaced, len(gone), len(known_rows))


def stored_rows(
    changes: Changes,
    root: str,
    encoded: Callable[[str], StoredCrop],
    parent: Callable[[int], StoredCrop] | None,
) -> Iterator[StoredCrop]:
    """Yield the new rows with their vectors, from the journal or from the parent."""
    for row in changes.new:
        if row.row is not None and row.crop is not None and parent is not None:
            yield replace(parent(row.row), crop=row.crop)
        else:
            stored = encoded(row.content_sha256)
            yield replace(stored, crop=wanted_crop(stored.crop, row.listed, root))


def wanted_crop(crop: Crop, listed: ListedCrop, root: str) -> Crop:
    """Return a crop as a source describes it."""
    known = listed.metadata or _NOTHING_KNOWN
    return replace(
        crop,
        root=root,
        path=listed.path,
        other_paths=tuple(listed.other_paths),
        camera=known.camera,
        captured_at=known.captured_at,
        track_id=known.track_id,
        extra=known.extra,
    )


def extended_crop(crop: Crop, listed: ListedCrop, root: str) -> Crop:
    """Return an indexed crop with what another source adds: paths, and metadata it has."""
    known = {crop.path, *crop.other_paths} if crop.root == root else {*crop.other_paths}
    prefix = "" if crop.root == root else f"{root}/"
    paths = [f"{prefix}{path}" for path in (listed.path, *listed.other_paths)]
    others = tuple(path for path in paths if path not in known)
    extended = replace(crop, other_paths=(*crop.other_paths, *others))
    if listed.metadata is None:
        return extended
    described = wanted_crop(crop, listed, root)
    return replace(
        extended,
        camera=described.camera,
        captured_at=described.captured_at,
        track_id=described.track_id,
        extra={**crop.extra, **described.extra},
    )


def _same(crop: Crop, other: Crop) -> bool:
    """Tell whether two records say the same; a column without a value says nothing."""
    own, others = _values(crop.extra), _values(other.extra)
    return replace(crop, extra={}) == replace(other, extra={}) and own == others


def _values(extra: Mapping[str, JsonScalar]) -> dict[str, JsonScalar]:
    return {name: value for name, value in extra.items() if value is not None}


def _gone(
    parent: CropTable | None,
    listing: Listing,
    root: str,
    known: Int64Array,
    change: Literal["build", "add"],
) -> tuple[Int64Array, Int64Array]:
    """Return the rows whose files have another content now, and those whose files are gone."""
    nothing = np.zeros(0, np.int64)
    if parent is None:
        return nothing, nothing
    listed = listing.crops.values()
    paths = [path for each in listed for path in (each.path, *each.other_paths)]
    changed = np.setdiff1d(parent.with_paths(root, paths), known)
    if change == "add":
        return changed, nothing
    return changed, np.setdiff1d(np.setdiff1d(parent.rows, known), changed)
