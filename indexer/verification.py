"""Read a generation again and compare its files with each other."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import bundle
from indexer.ann import EXACT_KIND
from indexer.decoding import crop_id
from indexer.generation import Generation
from indexer.local_gallery import LocalGallery
from indexer.manifest import IndexManifest
from indexer.segments import Segment
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


def verify_index(index: Path, *, sources: bool = False) -> Verification:
    """Check checksums, counts, vectors, searches and thumbnails; with ``sources`` also the crops.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If there is no manifest to compare anything with.
    """
    folder = bundle.published_generation(index)
    manifest = bundle.read_generation_manifest(folder)
    checks = [f"size and SHA-256 of {len(manifest.files) + 1} files"]
    problems = bundle.damaged_files(folder, manifest)
    if not problems:
        try:
            generation = Generation(folder, manifest)
        except BundleDamaged as error:
            problems.append(str(error))
        else:
            for check, found in _checks(generation, sources=sources):
                checks.append(check)
                problems.extend(found)
            generation.close()
    return Verification(folder, manifest, tuple(checks), tuple(problems))


def _checks(generation: Generation, *, sources: bool) -> Iterator[tuple[str, list[str]]]:
    size = generation.size
    parts = f" in {len(generation.segments)} segments" if len(generation.segments) > 1 else ""
    deleted = f", {len(generation.deleted):,} deleted" if len(generation.deleted) else ""
    yield f"counts of {size:,} crops{parts}{deleted}", list(_count_problems(generation))
    rows = generation.crops.rows
    sample = [int(rows[place]) for place in np.linspace(0, size - 1, min(_SAMPLE, size), dtype=int)]
    wrong_vectors = [
        problem
        for segment in generation.segments
        for problem in _vector_problems(segment.vectors, _label(generation, segment))
    ]
    yield f"{generation.crops.size:,} vectors of length 1", wrong_vectors
    if not wrong_vectors:  # nothing can be searched with NaN
        yield f"{len(sample)} crops find themselves", list(_search_problems(generation, sample))
    yield f"{len(sample)} thumbnails", list(_thumbnail_problems(generation, sample))
    yield "known answers are indexed crops", list(_canary_problems(generation))
    if sources:
        yield f"{size:,} originals are unchanged", _source_problems(generation)


def _label(generation: Generation, segment: Segment) -> str:
    return f"segment {segment.folder.name}, " if len(generation.segments) > 1 else ""


def _count_problems(generation: Generation) -> Iterator[str]:
    counts = generation.manifest.counts
    if counts.found and counts.found != (
        counts.encoded + counts.reused + counts.duplicates + counts.quarantined
    ):
        yield (
            f"manifest: {counts.found} files found, but {counts.encoded} encoded, {counts.reused} "
            f"reused, {counts.duplicates} duplicates and {counts.quarantined} quarantined"
        )
    lines = (generation.folder / bundle.QUARANTINE).read_bytes().count(b"\n")
    if lines != counts.quarantined:
        yield f"{bundle.QUARANTINE} has {lines} lines for {counts.quarantined} files"
    ids = [crop.id for _, crop in generation.crops.each()]
    if len(set(ids)) != len(ids):
        yield f"{len(ids) - len(set(ids))} crops are there twice"


def _vector_problems(vectors: Float32Array, label: str) -> Iterator[str]:
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        lengths = np.linalg.norm(vectors[start : start + _ROWS_AT_ONCE], axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))  # NaN is wrong too
        if len(wrong):
            row = f"{label}row {start + wrong[0]}"
            yield f"{row} has length {lengths[wrong[0]]:.3g} ({len(wrong)} such)"


def _search_problems(generation: Generation, rows: list[int]) -> Iterator[str]:
    exact = all(index.kind == EXACT_KIND for index in generation.indexes)
    for row in rows:
        crop = generation.crops.crop(row)
        if crop.id != crop_id(crop.content_sha256):
            yield f"row {row}: {crop.id} is not the id of its content"
        segment, own = generation.place(row)
        vector = np.asarray(segment.vectors[own])
        # Copies of one picture share a score: the best need not be this row, only score as high.
        # Lists may pass a row over that is its own best answer, so that there it is asked alone.
        best = generation.search(vector, 1, None if exact else np.array([row])).scores[0]
        if abs(best - 1) > 2 * _UNIT_TOLERANCE:
            yield f"row {row}: the best score for its own vector is {best:.4f}, not 1"
        index = generation.indexes[generation.segments.index(segment)]
        if len(index.disagreeing(np.array([own]))):
            yield f"row {row}: {bundle.FAISS_INDEX} and {bundle.VECTORS} hold different vectors"


def _thumbnail_problems(generation: Generation, rows: list[int]) -> Iterator[str]:
    for row in rows:
        segment, own = generation.place(row)
        try:
            with Image.open(io.BytesIO(segment.thumbnails.read(own)), formats=("WEBP",)) as image:
                image.load()
        except (OSError, SyntaxError, ValueError) as error:
            yield f"row {row}: its thumbnail cannot be decoded: {error}"


def _canary_problems(generation: Generation) -> Iterator[str]:
    for canary in generation.manifest.canaries:
        unknown = [each for each in canary.ids if generation.crops.find(each) is None]
        if unknown:
            yield f"the known answer to {canary.text!r} names unknown crops: {unknown}"


def _source_problems(generation: Generation) -> list[str]:
    gallery, problems = LocalGallery(generation), []
    for _, crop in generation.crops.each():
        try:
            gallery.read_crop(crop.id)
        except CropUnreadable as error:
            problems.append(str(error))
    more = len(problems) - _EXAMPLES
    return problems if more <= 0 else [*problems[:_EXAMPLES], f"and {more:,} more such files"]
