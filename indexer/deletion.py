"""Take crops out of a gallery, and make sure that nothing of them is left."""

import mmap
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path

import numpy as np

from indexer import bundle
from indexer.drafts import Draft, read_canary_queries
from indexer.filters import Condition, Filters
from indexer.generation import Generation, Int64Array
from indexer.manifest import Counts, IndexManifest
from indexer.publishing import changing_site
from models.errors import BundleError, ConfigurationInvalid, first_few

_ID_DIGITS = 20


@dataclass(frozen=True)
class Selection:
    """Which crops to take out: those of ``ids``, and those that meet all else that is given."""

    ids: tuple[str, ...] = ()
    filters: Filters | None = None
    older_than: datetime | None = None


@dataclass(frozen=True)
class Deletion:
    """What was taken out; ``published`` is False where no crop was selected."""

    manifest: IndexManifest
    folder: Path
    published: bool
    removed: tuple[str, ...]


def delete_crops(index: Path, selection: Selection) -> Deletion:
    """Publish a generation that finds some crops no longer.

    Their rows stay in files until ``compact`` and ``gc``.

    Raises:
        ConfigurationInvalid: If nothing is selected by, an id is unknown, or a filter cannot be
            applied; nothing is taken out then.
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the published generation cannot be read, or its tables are not what
            their checksums say.
        BundleError: If another process is at work on the index.
        OSError: If the disk fails; the generation before stays published.
    """
    if not selection.ids and selection.filters is None and selection.older_than is None:
        raise ConfigurationInvalid("nothing to delete: name ids, a filter, or an age")
    with changing_site(index) as (site, folder):
        manifest = bundle.read_generation_manifest(folder)
        # What is written again gets a new checksum, which must not vouch for damaged bytes.
        tables = [f"{segment.name}/{bundle.CROPS}" for segment in manifest.segments]
        bundle.check_files(folder, manifest, [*bundle.GENERATION_FILES, *tables])
        parent = Generation(folder, manifest)
        try:
            rows = _selected(parent, selection)
            removed = tuple(crop.id for crop in parent.crops.crops(rows))
        finally:
            parent.close()
        if not len(rows):
            return Deletion(manifest, folder, published=False, removed=())
        draft = Draft(site, manifest.embedding_width, manifest.wishes)
        deleted = draft.take_segments(folder, manifest, np.union1d(parent.deleted, rows))
        counts = Counts(indexed=0, removed=len(rows))
        changed = manifest.model_copy(
            update={"change": "delete", "restores": None, "counts": counts}
        )
        finished, published = draft.finish(changed, deleted, read_canary_queries(folder))
    return Deletion(finished, published, published=True, removed=removed)


def _selected(parent: Generation, selection: Selection) -> Int64Array:
    crops = parent.crops
    rows = [np.zeros(0, np.int64)]
    found = {each: crops.find(each) for each in selection.ids}
    unknown = [each for each, place in found.items() if place is None]
    if unknown:
        raise ConfigurationInvalid(
            f"no crop has the id {first_few([repr(each) for each in unknown])}: nothing was "
            "deleted; ids come from the results of a search"
        )
    rows.append(np.array([place[0] for place in found.values() if place], np.int64))
    filters = [] if selection.filters is None else [selection.filters]
    if selection.older_than is not None:
        filters.append(Filters(columns={"captured_at": Condition(below=selection.older_than)}))
    if filters:
        rows.append(reduce(np.intersect1d, map(crops.matching, filters)))
    return np.unique(np.concatenate(rows))


@dataclass(frozen=True)
class Traces:
    """Where something of a crop is left; ``files`` and ``bytes`` say how much was read."""

    found: tuple[str, ...]
    files: int
    bytes: int


def find_traces(index: Path, crop_id: str) -> Traces:
    """Read every file below an index, whoever left it there, and look for a crop's id.

    The id is the beginning of the SHA-256 of the crop's content, so that it is found in every
    table, list and manifest that names the crop or its content. A row is bound to its record by
    its place alone: where no record names the crop, no vector, thumbnail or copy is its own.

    Raises:
        ConfigurationInvalid: If it is no id of a crop.
        BundleNotFound: If nothing is published there: an empty folder would prove anything.
        BundleDamaged: If it cannot be told which generation is.
        OSError: If a file cannot be read.
    """
    bundle.published_generation(index)
    if len(crop_id) < _ID_DIGITS or set(crop_id) - set("0123456789abcdef"):
        raise ConfigurationInvalid(
            f"{crop_id!r} is no id of a crop: {_ID_DIGITS} digits 0 to 9 and a to f, as a search "
            "gives them"
        )
    wanted = crop_id.encode()
    found, files, size = [], 0, 0
    for path in sorted(index.rglob("*")):
        if path.is_file():
            files += 1
            size += path.stat().st_size
            if _holds(path, wanted):
                found.append(path.relative_to(index).as_posix())
    return Traces(tuple(found), files, size)


def _holds(path: Path, wanted: bytes) -> bool:
    if not path.stat().st_size:  # an empty file cannot be mapped
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(wanted) >= 0


def require_absent(index: Path, crop_id: str) -> Traces:
    """Return what was read, if nothing of a crop is left.

    Raises:
        BundleError: If something is; the message says where, and how to remove it.
    """
    traces = find_traces(index, crop_id)
    if traces.found:
        raise BundleError(
            f"crop {crop_id} is still in {len(traces.found)} of {traces.files} files of {index}: "
            f"{first_few(traces.found)}. Delete it, then run compact, then gc --keep 1"
        )
    return traces
