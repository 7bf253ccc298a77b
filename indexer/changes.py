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
    """A crop as it shall be indexed.

    ``row`` is where the parent has its vector, None where the journal has it. ``crop`` is what the
    parent knows of it, brought up to date; None where it knows nothing.
    """

    content_sha256: str
    crop: Crop | None
    listed: ListedCrop
    row: int | None


@dataclass(frozen=True)
class Changes:
    """``new`` rows come, by root and path; ``deleted`` rows of the parent are found no longer.

    ``replaced`` of the deleted ones come again with other metadata or another content, ``removed``
    ones do not; ``reused`` crops have their vectors from the parent.
    """

    new: Sequence[NewRow]
    deleted: Int64Array
    replaced: int
    removed: int
    reused: int


def decide(
    parent: CropTable | None,
    listing: Listing,
    root: str,
    change: Literal["build", "add"],
    *,
    encoded_again: Callable[[int], bool] = lambda _: False,
    may_stay: bool = True,
) -> Changes:
    """Compare what a source holds with what is indexed.

    A build makes the gallery equal to the source: what is not in it goes. An addition keeps it,
    apart from files of the source whose content changed. Rows of the parent that are
    ``encoded_again`` come from the journal; no row of it is kept where none ``may_stay``.
    """
    digests = list(listing.crops)
    rows = np.full(len(digests), -1, np.int64)
    if parent is not None and digests:
        rows = parent.rows_of([crop_id(digest) for digest in digests])
    contents = _contents(listing) if change == "add" else None
    new, kept, replaced_rows = [], [], []
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
                continue
            want = _wanted(crops[place], listed, root, contents)
            again = encoded_again(row)
            if may_stay and not again and _same(crops[place], want):
                kept.append(row)
            else:
                replaced_rows.append(row)
                new.append(NewRow(digest, want, listed, None if again else row))
    known_rows = np.array([*kept, *replaced_rows], np.int64)
    changed, gone = _gone(parent, listing, root, known_rows, change)
    new.sort(key=lambda row: row.listed.path.encode(errors="surrogateescape"))
    deleted = np.sort(np.concatenate([np.array(replaced_rows, np.int64), changed, gone]))
    reused = len(kept) + sum(row.row is not None for row in new)
    return Changes(new, deleted, len(replaced_rows) + len(changed), len(gone), reused)


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
            yield replace(stored, crop=row.crop or wanted_crop(stored.crop, row.listed, root))


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


def extended_crop(crop: Crop, listed: ListedCrop, root: str, contents: Mapping[str, str]) -> Crop:
    """Return an indexed crop with what another source adds: paths, and metadata it has.

    Args:
        crop: What is indexed.
        listed: What the source says of the same content.
        root: Where the source is.
        contents: The SHA-256 of what every path of the source holds now.
    """
    prefix = "" if crop.root == root else f"{root}/"

    def holds_another(path: str) -> bool:
        digest = contents.get(path.removeprefix(prefix)) if path.startswith(prefix) else None
        return digest not in (None, crop.content_sha256)

    listed_paths = [f"{prefix}{path}" for path in (listed.path, *listed.other_paths)]
    known = [path for path in (crop.path, *crop.other_paths) if not holds_another(path)]
    path = crop.path if crop.path in known else listed.path
    others = dict.fromkeys([*known, *listed_paths])
    others.pop(path, None)
    described = listed.metadata or _NOTHING_KNOWN
    return replace(
        crop,
        path=path,
        other_paths=tuple(others),
        camera=crop.camera if described.camera is None else described.camera,
        captured_at=described.captured_at or crop.captured_at,
        track_id=crop.track_id if described.track_id is None else described.track_id,
        extra={**crop.extra, **_values(described.extra)},
    )


def _wanted(crop: Crop, listed: ListedCrop, root: str, contents: Mapping[str, str] | None) -> Crop:
    if contents is None:
        return wanted_crop(crop, listed, root)
    return extended_crop(crop, listed, root, contents)


def _contents(listing: Listing) -> dict[str, str]:
    return {
        path: digest
        for digest, listed in listing.crops.items()
        for path in (listed.path, *listed.other_paths)
    }


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
