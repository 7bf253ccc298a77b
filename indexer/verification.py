"""Read a published generation again and compare its files with each other."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import bundle
from indexer.ann import ROUNDING_ERROR, ExactIndex
from indexer.crop_table import CropTable
from indexer.decoding import crop_id
from indexer.gallery import Gallery
from indexer.manifest import IndexManifest
from indexer.thumbnails import ThumbnailPack
from models.contracts import Float32Array
from models.errors import BundleDamaged, CropUnreadable

_SAMPLE = 200
_ROWS_AT_ONCE = 65_536
_UNIT_TOLERANCE = 1e-3
_EXAMPLES = 20


@dataclass(frozen=True)
class Verification:
    """What was checked and what was found wrong; no problem means the generation is sound."""

    folder: Path
    manifest: IndexManifest
    checks: tuple[str, ...]
    problems: tuple[str, ...]


class _Generation:
    """The opened files of one generation; opening compares their numbers of rows."""

    def __init__(self, folder: Path, manifest: IndexManifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.gallery = Gallery(folder, manifest)
        self.crops = CropTable(folder / bundle.CROPS)
        self.index = ExactIndex.open(folder / bundle.FAISS_INDEX, folder / bundle.VECTORS)


def verify_index(index: Path, *, sources: bool = False) -> Verification:
    """Check checksums, counts, vectors, searches and thumbnails; with ``sources`` also the crops.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If there is no manifest to compare anything with.
    """
    folder = bundle.published_generation(index)
    manifest = bundle.read_generation_manifest(folder)
    checks = [f"size and SHA-256 of {len(manifest.files)} files"]
    problems = bundle.damaged_files(folder, manifest)
    if not problems:
        try:
            generation = _Generation(folder, manifest)
        except BundleDamaged as error:
            problems.append(str(error))
        else:
            for check, found in _checks(generation, sources=sources):
                checks.append(check)
                problems.extend(found)
            generation.gallery.close()
    return Verification(folder, manifest, tuple(checks), tuple(problems))


def _checks(generation: _Generation, *, sources: bool) -> Iterator[tuple[str, list[str]]]:
    size = generation.gallery.size
    sample = [int(row) for row in np.linspace(0, size - 1, min(_SAMPLE, size))]
    yield f"counts of {size:,} crops", list(_count_problems(generation))
    wrong_vectors = list(_vector_problems(generation.index.vectors))
    yield f"{size:,} vectors of length 1", wrong_vectors
    if not wrong_vectors:  # nothing can be searched with NaN
        yield f"{len(sample)} crops find themselves", list(_search_problems(generation, sample))
    yield f"{len(sample)} thumbnails", list(_thumbnail_problems(generation, sample))
    yield "known answers are indexed crops", list(_canary_problems(generation))
    if sources:
        yield f"{size:,} original files are unchanged", _source_problems(generation)


def _count_problems(generation: _Generation) -> Iterator[str]:
    counts = generation.manifest.counts
    if counts.found != counts.indexed + counts.quarantined:
        yield (
            f"manifest: {counts.found} crops found, but {counts.indexed} indexed and "
            f"{counts.quarantined} quarantined"
        )
    lines = (generation.folder / bundle.QUARANTINE).read_bytes().count(b"\n")
    if lines != counts.quarantined:
        yield f"{bundle.QUARANTINE} has {lines} lines for {counts.quarantined} files"


def _vector_problems(vectors: Float32Array) -> Iterator[str]:
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        lengths = np.linalg.norm(vectors[start : start + _ROWS_AT_ONCE], axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))  # NaN is wrong too
        if len(wrong):
            yield f"row {start + wrong[0]} has length {lengths[wrong[0]]:.3g} ({len(wrong)} such)"


def _search_problems(generation: _Generation, rows: list[int]) -> Iterator[str]:
    for row in rows:
        crop = generation.crops.crop(row)
        if crop.id != crop_id(crop.path, crop.content_sha256):
            yield f"row {row}: {crop.id} is not the id of its path and content"
        vector = np.asarray(generation.index.vectors[row])
        # Copies of one picture share a score: the best need not be this row, only score as high.
        best = generation.index.search(vector, 1).scores[0]
        if abs(best - 1) > 2 * _UNIT_TOLERANCE:
            yield f"row {row}: the best score for its own vector is {best:.4f}, not 1"
        if np.abs(generation.index.stored(row) - vector).max() > ROUNDING_ERROR:
            yield f"row {row}: {bundle.FAISS_INDEX} and {bundle.VECTORS} hold different vectors"


def _thumbnail_problems(generation: _Generation, rows: list[int]) -> Iterator[str]:
    folder = generation.folder
    pack = ThumbnailPack(folder / bundle.THUMBNAILS, folder / bundle.THUMBNAIL_OFFSETS)
    for row in rows:
        try:
            with Image.open(io.BytesIO(pack.read(row)), formats=("WEBP",)) as image:
                image.load()
        except (OSError, SyntaxError, ValueError) as error:
            yield f"row {row}: its thumbnail cannot be decoded: {error}"
    pack.close()


def _canary_problems(generation: _Generation) -> Iterator[str]:
    for canary in generation.manifest.canaries:
        unknown = [each for each in canary.ids if generation.gallery.crop(each) is None]
        if unknown:
            yield f"the known answer to {canary.text!r} names unknown crops: {unknown}"


def _source_problems(generation: _Generation) -> list[str]:
    problems = []
    for row in range(generation.gallery.size):
        try:
            generation.gallery.read_crop(generation.crops.crop(row).id)
        except CropUnreadable as error:
            problems.append(str(error))
    more = len(problems) - _EXAMPLES
    return problems if more <= 0 else [*problems[:_EXAMPLES], f"and {more:,} more such files"]
