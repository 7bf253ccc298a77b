"""``python -m indexer``: build, grow, shrink, check and measure a gallery.

Exit codes: 0 all is well, 1 failed, 2 wrong use, 3 built, but some files were quarantined.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Never

import structlog
import typer
from pydantic import JsonValue
from rich.console import Console

from indexer import reports
from indexer.build import run_build
from indexer.bundle import generation_folders, published_generation, read_generation_manifest
from indexer.deletion import Selection, delete_crops, require_absent
from indexer.doctor import examine_index, examine_machine, examine_model
from indexer.encoder_for_build import load_for, planned
from indexer.evaluation import evaluate_index
from indexer.filter_expressions import parse_age, parse_filters
from indexer.gallery import open_gallery, read_manifest
from indexer.generation import open_generation
from indexer.judged_queries import read_judged_queries
from indexer.options import (
    BatchOption,
    CopyOption,
    CropsOption,
    DeviceOption,
    IndexOption,
    JsonOption,
    KindOption,
    MemoryOption,
    MetadataOption,
    ModelOption,
    NeighboursOption,
    PartsOption,
    PrecisionOption,
    RecallOption,
    WorkersOption,
    part_format,
)
from indexer.planning import parse_size
from indexer.preparation import (
    DEFAULT_OPTIONS,
    BuildOptions,
    Growth,
    prepare_build,
)
from indexer.progress import drawn_progress
from indexer.retention import clear, compact, roll_back
from indexer.verification import verify_index
from indexer.wishes import DEFAULT_RECALL, IndexWishes
from models.command_lines import FAILED, one_line_errors
from models.loading import DEFAULT, SHIPPED, load_encoder

SOME_QUARANTINED = 3

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
log = structlog.get_logger()


@app.callback()
def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0),
        ],
        logger_factory=_logger_to_stderr,
    )


def _logger_to_stderr(*_: object) -> structlog.PrintLogger:
    """Return a logger to what stderr is now: a caller in this process may have replaced it."""
    return structlog.PrintLogger(sys.stderr)


@app.command()
def build(  # noqa: PLR0913 - a parameter for each option of the command line
    *,
    crops: CropsOption,
    index: IndexOption,
    model: ModelOption = DEFAULT,
    metadata: MetadataOption = None,
    name: Annotated[
        str | None, typer.Option(help="The index's name; default: the folder's.")
    ] = None,
    batch_size: BatchOption = DEFAULT_OPTIONS.batch_size,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    workers: WorkersOption = DEFAULT_OPTIONS.workers,
    copy: CopyOption = None,
    parts: PartsOption = "none",
    neighbours: NeighboursOption = 0,
    kind: KindOption = "auto",
    memory: MemoryOption = None,
    recall: RecallOption = DEFAULT_RECALL,
    as_json: JsonOption = False,
) -> None:
    """Make a gallery of person crops, or make one equal to them again.

    What is indexed already is not encoded again, whatever its file is called now. After a crash
    the same command goes on where the other one was.
    """
    with one_line_errors(as_json=as_json):
        most = None if memory is None else parse_size(memory)
    options = BuildOptions(
        model_source=_lasting_source(model),
        metadata=metadata,
        name=name or None,
        batch_size=batch_size,
        workers=workers,
        copy_contents=copy,
        parts=part_format(parts),
        neighbours=neighbours,
        wishes=IndexWishes(kind=kind, memory=most, recall=recall),
    )
    _grow("build", crops, index, options, (device, precision), as_json=as_json)


@app.command()
def add(  # noqa: PLR0913 - a parameter for each option of the command line
    *,
    crops: CropsOption,
    index: IndexOption,
    metadata: MetadataOption = None,
    batch_size: BatchOption = DEFAULT_OPTIONS.batch_size,
    device: DeviceOption = "auto",
    workers: WorkersOption = DEFAULT_OPTIONS.workers,
    copy: CopyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add crops to a gallery, encoded by the model it was built with."""
    with one_line_errors(as_json=as_json):
        before = read_manifest(index)
    options = BuildOptions(
        model_source=before.model.source,
        metadata=metadata,
        batch_size=batch_size,
        workers=workers,
        copy_contents=copy,
        parts=before.parts,
        neighbours=before.neighbours,
        wishes=before.wishes,
    )
    _grow("add", crops, index, options, (device, before.precision), as_json=as_json)


def _grow(
    change: Growth,
    crops: str,
    index: Path,
    options: BuildOptions,
    machine: tuple[str, str],
    *,
    as_json: bool,
) -> None:
    with one_line_errors(as_json=as_json):
        prepared = prepare_build(crops, index, options, change)
        log.info("loading the model", model=options.model_source)
        encoder, warning = load_for(prepared, load_encoder, *machine)
        if warning is not None:
            log.warning(warning)
        for line in planned(prepared, encoder):
            log.info(line)
        with drawn_progress(Console(stderr=True)) as on_progress:
            report = run_build(prepared, encoder, on_progress)
        for warning in report.warnings:
            log.warning(warning)
        _tell(
            reports.build_object(index, report),
            reports.build_lines(index, report),
            as_json=as_json,
        )
    if report.counts.quarantined:
        _leave(SOME_QUARANTINED)


@app.command()
def delete(
    *,
    index: IndexOption,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="The id of a crop; may be given again.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="camera=c1,c2 or captured_at<2024-05-01; several, and --older-than, must all hold."
        ),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(help="Captured before: 30d, 12h, or a time.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let crops be found no longer: those named by --id, and those that meet all else given.

    Their rows stay on disk until compact and gc; verify --absent proves that they are gone.
    """
    with one_line_errors(as_json=as_json):
        older = None if older_than is None else parse_age(older_than, datetime.now(UTC))
        opened = open_generation(published_generation(index))
        filters = parse_filters(where or [], opened.crops.extra_types)
        opened.close()
        deletion = delete_crops(index, Selection(tuple(ids or ()), filters, older))
        _tell(
            reports.deletion_object(index, deletion),
            reports.deletion_lines(index, deletion),
            as_json=as_json,
        )


@app.command(name="compact")
def compact_(*, index: IndexOption, as_json: JsonOption = False) -> None:
    """Merge all segments into one, without the rows that are deleted, indexed by its size."""
    with one_line_errors(as_json=as_json):
        done = compact(index)
        _tell(
            reports.republished_object(index, done),
            reports.republished_lines(index, done),
            as_json=as_json,
        )


@app.command()
def rollback(
    *,
    index: IndexOption,
    to: Annotated[int | None, typer.Option(help="A generation; default: the one before.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish an older generation again, under a new number."""
    with one_line_errors(as_json=as_json):
        done = roll_back(index, to)
        _tell(
            reports.republished_object(index, done),
            reports.republished_lines(index, done),
            as_json=as_json,
        )


@app.command()
def gc(
    *,
    index: IndexOption,
    keep: Annotated[
        int, typer.Option(min=1, help="Generations to keep, the published one among them.")
    ] = 2,
    as_json: JsonOption = False,
) -> None:
    """Remove older generations, and what builds that did not end have left."""
    with one_line_errors(as_json=as_json):
        cleared = clear(index, keep)
        _tell(
            reports.cleared_object(index, cleared),
            reports.cleared_lines(index, cleared),
            as_json=as_json,
        )


@app.command()
def verify(
    *,
    index: IndexOption,
    sources: Annotated[
        bool, typer.Option("--sources", help="Also read every original crop again.")
    ] = False,
    absent: Annotated[
        str | None,
        typer.Option(help="Instead prove that nothing of this crop's id is left in any file."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read the published generation again and check it."""
    with one_line_errors(as_json=as_json):
        if absent is not None:
            traces = require_absent(index, absent)
            _tell(
                reports.absence_object(index, absent, traces),
                reports.absence_lines(index, absent, traces),
                as_json=as_json,
            )
            return
        verification = verify_index(index, sources=sources)
        _tell(
            reports.verify_object(index, verification),
            reports.verify_lines(index, verification),
            as_json=as_json,
        )
    if verification.problems:
        _leave(FAILED)


@app.command()
def info(*, index: IndexOption, as_json: JsonOption = False) -> None:
    """Print what the published generation is, and which others there are."""
    with one_line_errors(as_json=as_json):
        folder = published_generation(index)
        manifest = read_generation_manifest(folder)
        others = [int(each.name) for each in generation_folders(index) if each != folder]
        _tell(
            reports.info_object(index, folder, manifest, others),
            reports.info_lines(folder, manifest, others),
            as_json=as_json,
        )


@app.command()
def evaluate(  # noqa: PLR0913 - a parameter for each option of the command line
    index: Annotated[Path, typer.Argument(help="The index folder.")],
    *,
    queries: Annotated[
        Path, typer.Option(help="jsonl, json or csv: text, and ids or paths of relevant crops.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Default: the one the index was built with.")
    ] = None,
    depth: Annotated[int, typer.Option(min=10, help="How far down a ranking is looked.")] = 1000,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Measure recall, mAP and latency with descriptions whose crops are known."""
    with one_line_errors(as_json=as_json):
        judged = read_judged_queries(queries)
        source = model or read_manifest(index).model.source
        encoder = load_encoder(source, device=device, precision=precision)
        with closing(open_gallery(index, encoder.card)) as gallery:
            figures = evaluate_index(gallery, encoder, judged, depth)
        _tell(
            {"index": str(index), **figures.model_dump(mode="json")},
            reports.evaluation_lines(index, figures),
            as_json=as_json,
        )


@app.command()
def doctor(
    *,
    index: Annotated[Path | None, typer.Option(help="Also open and search this index.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Default: the index's, or the shipped one.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Say what this machine offers, what would be slow here, and why."""
    with one_line_errors(as_json=as_json):
        findings = [*examine_machine(index or Path())]
        source = model or (DEFAULT if index is None else read_manifest(index).model.source)
        encoder = load_encoder(source, device=device, precision=precision)
        findings += examine_model(encoder, source)
        if index is not None:
            findings += examine_index(index, encoder)
        _tell(
            {"findings": [asdict(finding) for finding in findings]},
            reports.doctor_lines(findings),
            as_json=as_json,
        )


def _tell(value: Mapping[str, JsonValue], lines: Iterable[str], *, as_json: bool) -> None:
    typer.echo(json.dumps(value) if as_json else "\n".join(lines))


def _leave(code: int) -> Never:
    """End the command with an exit code.

    Raises:
        Exit: Always.
    """
    raise typer.Exit(code)


def _lasting_source(model: str) -> str:
    """Return what loads the same model from any working directory."""
    path = Path(model).expanduser()
    return str(path.resolve()) if model not in SHIPPED and path.exists() else model
