"""Remove one crop from everywhere, and prove that nothing of it is left."""

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from indexer.deletion import Selection, delete_crops, find_traces, require_absent
from indexer.gallery import Crop, open_gallery, read_manifest
from indexer.retention import clear, compact
from models.errors import ConfigurationInvalid, DescryError
from service.audit.search_store import SearchStore

_ID = re.compile("[0-9a-f]{20}")


class ErasureFailed(DescryError):
    """Something of a crop is left; the message says where, and what to do before the next try."""


@dataclass(frozen=True)
class Erasure:
    """What was done: ``indexed`` says whether the crop was still in the index.

    ``rows`` of searches named it. ``files`` of the index, ``bytes`` in all, were read for the
    proof. ``originals`` are files outside the index, which were not touched.
    """

    crop_id: str
    indexed: bool
    rows: int
    files: int
    bytes: int
    originals: tuple[str, ...]


def erase(index: Path, crop_id: str, store: SearchStore) -> Erasure:
    """Erase a crop from an index and from the rows of searches; to be repeated after a failure.

    Older generations go with it: ``rollback`` could bring the crop back.

    Raises:
        ErasureFailed: If the id is left in the database.
        ConfigurationInvalid: If it is no id of a crop.
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the published generation cannot be read.
        BundleError: If another process is at work on the index, or something of the crop is left.
        OSError: If the disk fails.
    """
    if not _ID.fullmatch(crop_id):
        raise ConfigurationInvalid(
            f"{crop_id!r} is no id of a crop: ids come from the results of a search"
        )
    crop = find_crop(index, crop_id)
    if crop is not None:
        delete_crops(index, Selection(ids=(crop_id,)))
    # A deletion that was left half done is gone on with; for an id that never was, nothing changes.
    if find_traces(index, crop_id).found:
        compact(index)
        clear(index, keep=1)
    rows = store.erase(crop_id)  # after the index, out of which new rows come
    proof = require_absent(index, crop_id)
    if store.holds(crop_id):
        raise ErasureFailed(
            f"crop {crop_id} is gone from the index, but its id is still in the database of "
            "searches: stop the service, so that the database's log can be emptied, and erase it "
            "again"
        )
    return Erasure(
        crop_id=crop_id,
        indexed=crop is not None,
        rows=rows,
        files=proof.files,
        bytes=proof.bytes,
        originals=() if crop is None else _originals(crop),
    )


def find_crop(index: Path, crop_id: str) -> Crop | None:
    """Return the crop of that id in the published generation, or None.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the published generation cannot be read.
    """
    card = read_manifest(index).model.card
    with closing(open_gallery(index, card, verify=False)) as gallery:
        return gallery.crop(crop_id)


def _originals(crop: Crop) -> tuple[str, ...]:
    """Return the files that the crop was read from, as far as they are there."""
    named = [Path(crop.root) / crop.path, *(Path(crop.root) / path for path in crop.other_paths)]
    return tuple(str(path) for path in named if path.is_file())
