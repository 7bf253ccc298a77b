"""What the commands tell: lines for people, one object for programs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import JsonValue

from indexer.build import BuildReport
from indexer.bundle import QUARANTINE
from indexer.doctor import Finding
from indexer.evaluation import IndexFigures
from indexer.manifest import Counts, IndexManifest
from indexer.verification import Verification
from models.errors import first_few

_SHOWN = 5


def build_lines(index: Path, report: BuildReport) -> Iterator[str]:
    """Yield the outcome of a build for people."""
    manifest, counts = report.manifest, report.manifest.counts
    yield (
        f"Indexed {counts.indexed:,} of {counts.found:,} crops in {report.elapsed_s:.1f} s "
        f"({counts.found / report.elapsed_s:,.0f} crops/s)."
    )
    yield from _skipped_lines(counts)
    if counts.quarantined:
        yield f"Quarantined {counts.quarantined:,}, see {report.folder / QUARANTINE}:"
        for item in report.quarantined[:_SHOWN]:
            yield f"  {item.path!r}: {item.reason}"
        if counts.quarantined > _SHOWN:
            yield f"  and {counts.quarantined - _SHOWN:,} more"
    yield f"Generation {manifest.generation} of {str(index)!r} is published."
    yield f"Search it: python -m service --index {index}{_model_option(manifest)}"


def build_object(index: Path, report: BuildReport) -> dict[str, JsonValue]:
    """Return the outcome of a build for programs; ``quarantined`` holds the first 20."""
    manifest = report.manifest
    return {
        "index": str(index),
        "generation": manifest.generation,
        "folder": str(report.folder),
        "name": manifest.name,
        "model": _model_object(manifest),
        "counts": manifest.counts.model_dump(mode="json"),
        "quarantined": [
            {"path": _printable(item.path), "reason": item.reason} for item in report.quarantined
        ],
        "quarantine_file": str(report.folder / QUARANTINE),
        "warnings": list(report.warnings),
        "elapsed_s": round(report.elapsed_s, 3),
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


def info_lines(folder: Path, manifest: IndexManifest) -> Iterator[str]:
    """Yield what an index is, for people."""
    counts = manifest.counts
    yield f"name         {manifest.name}"
    yield f"generation   {manifest.generation}, made {manifest.created_at:%Y-%m-%d %H:%M:%S %Z}"
    yield f"folder       {folder}"
    yield f"crops        {counts.indexed:,} indexed, {counts.quarantined:,} quarantined"
    yield f"crops from   {manifest.crops_root}"
    yield f"metadata     {', '.join(manifest.metadata_columns) or 'none'}"
    yield f"model        {manifest.model.name}, load it as {manifest.model.source!r}"
    yield f"fingerprint  {manifest.model.fingerprint}"
    yield f"vectors      width {manifest.embedding_width}, index {manifest.index_kind}"
    yield f"size         {_size_bytes(manifest) / 2**20:,.1f} MiB"
    for canary in manifest.canaries:
        yield f"known answer {canary.text!r}: {canary.ids[0]} scores {canary.scores[0]:.3f}"


def info_object(index: Path, folder: Path, manifest: IndexManifest) -> dict[str, JsonValue]:
    """Return what an index is, for programs: the manifest, and where it lies."""
    return {
        "index": str(index),
        "folder": str(folder),
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
