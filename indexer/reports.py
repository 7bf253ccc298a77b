"""What the commands tell: lines for people, one object for programs."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from indexer.build import BuildReport
from indexer.deletion import Deletion, Traces
from indexer.doctor import Finding
from indexer.evaluation import IndexFigures
from indexer.manifest import Counts, IndexManifest, SegmentEntry
from indexer.retention import Cleared, Republished
from indexer.verification import Verification
from models.errors import first_few

_SHOWN = 5
_MANY_SEGMENTS = 8


def build_lines(index: Path, report: BuildReport) -> Iterator[str]:
    """Yield the outcome of a build or an addition for people."""
    manifest, counts = report.manifest, report.counts
    resumed = f" ({report.resumed:,} before an interruption)" if report.resumed else ""
    yield (
        f"Indexed {counts.encoded + counts.reused:,} of {counts.found:,} files in "
        f"{report.elapsed_s:.1f} s ({counts.found / report.elapsed_s:,.0f} files/s): "
        f"{counts.encoded:,} encoded{resumed}, {counts.reused:,} known before; "
        f"{_counted(counts.duplicates, 'copy', 'copies')} of others. "
        f"The gallery has {_counted(counts.indexed, 'crop')}."
    )
    if counts.replaced or counts.removed:
        yield (
            f"Brought {_counted(counts.replaced, 'crop')} up to date (another content, path or "
            f"metadata), removed {counts.removed:,}."
        )
    yield from _skipped_lines(counts)
    if counts.quarantined:
        yield f"Quarantined {counts.quarantined:,}, see {report.quarantine}:"
        for item in report.quarantined[:_SHOWN]:
            yield f"  {item.path!r}: {item.reason}"
        if counts.quarantined > _SHOWN:
            yield f"  and {counts.quarantined - _SHOWN:,} more"
    if report.published:
        newest = manifest.segments[-1] if manifest.segments else None
        if newest is not None and newest.index.queries:
            yield f"Segment {newest.name}: {_index_words(newest)}."
        yield f"Generation {manifest.generation} of {str(index)!r} is published."
    else:
        yield f"Nothing changed: generation {manifest.generation} of {str(index)!r} stays."
    if len(manifest.segments) >= _MANY_SEGMENTS:
        yield (
            f"It has {len(manifest.segments)} segments, each searched for every query: merge them "
            f"with python -m indexer compact --index {index}"
        )
    yield f"Search it: python -m service --index {index}{_model_option(manifest)}"


def build_object(index: Path, report: BuildReport) -> dict[str, JsonValue]:
    """Return the outcome of a build for programs; ``quarantined`` holds the first 20."""
    manifest = report.manifest
    return {
        **_generation_object(index, report.folder, manifest),
        "published": report.published,
        "name": manifest.name,
        "model": _model_object(manifest),
        "counts": report.counts.model_dump(mode="json"),
        "resumed": report.resumed,
        "quarantined": [
            {"path": _printable(item.path), "reason": item.reason} for item in report.quarantined
        ],
        "quarantine_file": str(report.quarantine),
        "warnings": list(report.warnings),
        "elapsed_s": round(report.elapsed_s, 3),
    }


def deletion_lines(index: Path, deletion: Deletion) -> Iterator[str]:
    """Yield the outcome of a deletion for people."""
    manifest = deletion.manifest
    if not deletion.published:
        yield f"No crop was selected: generation {manifest.generation} of {str(index)!r} stays."
        return
    yield (
        f"Deleted {_counted(len(deletion.removed), 'crop')}, {manifest.counts.indexed:,} left. "
        f"Generation {manifest.generation} of {str(index)!r} is published."
    )
    yield (
        f"Their rows are still on disk. To remove them: python -m indexer compact --index {index}, "
        f"then python -m indexer gc --keep 1 --index {index}"
    )
    yield "A build or an addition brings them back where the source still holds them."


def deletion_object(index: Path, deletion: Deletion) -> dict[str, JsonValue]:
    """Return the outcome of a deletion for programs."""
    return {
        **_generation_object(index, deletion.folder, deletion.manifest),
        "published": deletion.published,
        "removed": list(deletion.removed),
        "indexed": deletion.manifest.counts.indexed,
    }


def republished_lines(index: Path, done: Republished) -> Iterator[str]:
    """Yield what a compaction or a rollback published, for people."""
    manifest = done.manifest
    if not done.published:
        yield f"Nothing to merge: generation {manifest.generation} of {str(index)!r} stays."
        return
    back = "" if manifest.restores is None else f", the crops of generation {manifest.restores}"
    yield (
        f"Generation {manifest.generation} of {str(index)!r} is published: "
        f"{_counted(manifest.counts.indexed, 'crop')} in "
        f"{_counted(len(manifest.segments), 'segment')}{back}."
    )


def republished_object(index: Path, done: Republished) -> dict[str, JsonValue]:
    """Return what a compaction or a rollback published, for programs."""
    return {
        **_generation_object(index, done.folder, done.manifest),
        "published": done.published,
        "restores": done.manifest.restores,
        "indexed": done.manifest.counts.indexed,
    }


def cleared_lines(index: Path, cleared: Cleared) -> Iterator[str]:
    """Yield what was cleared away, for people."""
    removed = ", ".join(map(str, cleared.removed)) or "none"
    yield (
        f"Removed generations of {str(index)!r}: {removed} "
        f"({cleared.freed_bytes / 2**20:,.1f} MiB). Kept: {', '.join(map(str, cleared.kept))}."
    )
    if cleared.journal:
        yield "Removed what a build that did not end had encoded."


def cleared_object(index: Path, cleared: Cleared) -> dict[str, JsonValue]:
    """Return what was cleared away, for programs."""
    return {
        "index": str(index),
        "removed": list(cleared.removed),
        "kept": list(cleared.kept),
        "freed_bytes": cleared.freed_bytes,
        "journal": cleared.journal,
    }


def absence_lines(index: Path, crop_id: str, traces: Traces) -> Iterator[str]:
    """Yield the proof that nothing of a crop is left, for people."""
    yield (
        f"No trace of {crop_id}: all {traces.files:,} files of {str(index)!r} were read "
        f"({traces.bytes / 2**20:,.1f} MiB)."
    )


def absence_object(index: Path, crop_id: str, traces: Traces) -> dict[str, JsonValue]:
    """Return the proof that nothing of a crop is left, for programs."""
    return {
        "index": str(index),
        "id": crop_id,
        "absent": not traces.found,
        "files": traces.files,
        "bytes": traces.bytes,
    }


def verify_lines(index: Path, verification: Verification) -> Iterator[str]:
    """Yield the outcome of a verification for people."""
    for check in verification.checks:
        yield f"checked: {check}"
    for problem in verification.problems:
        yield f"problem: {problem}"
    number = verification.manifest.generation
    if verification.problems:
        yield f"Generation {number} of {str(index)!r} is damaged. Build the index again."
    else:
        yield f"Generation {number} of {str(index)!r} is sound."


def verify_object(index: Path, verification: Verification) -> dict[str, JsonValue]:
    """Return the outcome of a verification for programs."""
    return {
        "index": str(index),
        "generation": verification.manifest.generation,
        "sound": not verification.problems,
        "checks": list(verification.checks),
        "problems": list(verification.problems),
    }


def info_lines(folder: Path, manifest: IndexManifest, others: Sequence[int]) -> Iterator[str]:
    """Yield what an index is, for people."""
    counts = manifest.counts
    yield f"name         {manifest.name}"
    yield (
        f"generation   {manifest.generation}, made {manifest.created_at:%Y-%m-%d %H:%M:%S %Z} by "
        f"{manifest.change}{_origin(manifest)}"
    )
    yield f"others       {', '.join(map(str, others)) or 'none'}"
    yield f"folder       {folder}"
    yield f"crops        {counts.indexed:,} indexed, {counts.quarantined:,} quarantined"
    yield f"crops from   {manifest.source}"
    yield f"metadata     {', '.join(manifest.metadata_columns) or 'none'}"
    yield f"model        {manifest.model.name}, load it as {manifest.model.source!r}"
    yield f"fingerprint  {manifest.model.fingerprint}"
    yield f"vectors      width {manifest.embedding_width}, precision {manifest.precision}"
    for segment in manifest.segments:
        yield f"segment      {segment.name}: {segment.rows:,} rows, {_index_words(segment)}"
    yield f"deleted      {manifest.deleted:,} rows, on disk until compact and gc"
    yield f"size         {_size_bytes(manifest) / 2**20:,.1f} MiB"
    for canary in manifest.canaries:
        if canary.ids:
            yield f"known answer {canary.text!r}: {canary.ids[0]} scores {canary.scores[0]:.3f}"


def info_object(
    index: Path, folder: Path, manifest: IndexManifest, others: Sequence[int]
) -> dict[str, JsonValue]:
    """Return what an index is, for programs: the manifest, and where it lies."""
    return {
        "index": str(index),
        "folder": str(folder),
        "other_generations": list(others),
        "size_bytes": _size_bytes(manifest),
        "manifest": manifest.model_dump(mode="json"),
    }


def evaluation_lines(index: Path, figures: IndexFigures) -> Iterator[str]:
    """Yield how well an index answers, for people."""
    yield f"{figures.queries:,} queries against the {figures.crops:,} crops of {str(index)!r}"
    for k, share in figures.recall.items():
        yield f"R@{k:<4} {100 * share:5.1f} %"
    yield (
        f"mAP    {100 * figures.mean_average_precision:5.1f} % "
        f"(of the first {figures.depth:,}; chance {100 * figures.chance:.1f} %)"
    )
    yield (
        f"One query takes {figures.latency_p50_ms:.1f} ms (median), "
        f"{figures.latency_p95_ms:.1f} ms (95th percentile)."
    )
    if figures.without_relevant:
        yield (
            f"Not counted, as nothing is relevant for them: {len(figures.without_relevant)}, "
            f"{first_few([repr(text) for text in figures.without_relevant])}"
        )


def doctor_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what was found out about machine, model and index, for people."""
    for finding in findings:
        yield f"{finding.part:<12} {finding.fact}"
        if finding.advice is not None:
            yield f"{'':<12} -> {finding.advice}"


def _skipped_lines(counts: Counts) -> Iterator[str]:
    skipped = {
        "hidden": counts.skipped_hidden,
        "links out of the folder": counts.skipped_outside,
        "links not followed": counts.skipped_links,
        "other files": counts.skipped_other,
    }
    shown = [f"{what}: {number:,}" for what, number in skipped.items() if number]
    if shown:
        yield f"Skipped {', '.join(shown)}."
    if counts.metadata_rows:
        yield (
            f"Metadata: {counts.metadata_rows:,} lines, {counts.metadata_without_crop:,} of them "
            f"without a crop; {counts.crops_without_metadata:,} crops without a line."
        )


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _generation_object(index: Path, folder: Path, manifest: IndexManifest) -> dict[str, JsonValue]:
    return {"index": str(index), "generation": manifest.generation, "folder": str(folder)}


def _index_words(segment: SegmentEntry) -> str:
    index = segment.index
    if not index.queries:
        return f"index {index.kind}, exact"
    return (
        f"index {index.kind}, recall@10 {index.recall:.3f} measured with {index.queries} queries "
        "as far from the crops as descriptions are"
    )


def _origin(manifest: IndexManifest) -> str:
    if manifest.restores is not None:
        return f" to generation {manifest.restores}"
    return "" if manifest.parent is None else f" from generation {manifest.parent}"


def _model_object(manifest: IndexManifest) -> dict[str, JsonValue]:
    model = manifest.model
    return {"name": model.name, "fingerprint": model.fingerprint, "source": model.source}


def _model_option(manifest: IndexManifest) -> str:
    source = manifest.model.source
    return "" if source == "default" else f" --model {source}"


def _printable(path: str) -> str:
    """Return a path whose bytes are not UTF-8 with escapes, for strict readers of JSON."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _size_bytes(manifest: IndexManifest) -> int:
    return sum(file.size_bytes for file in manifest.files.values())
