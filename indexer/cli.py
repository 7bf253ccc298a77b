"""``python -m indexer``: build, grow, shrink, check and measure a gallery.

Exit codes: 0 all is well, 1 failed, 2 wrong use, 3 built, but some files were quarantined.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Never

import structlog
import typer
from pydantic import JsonValue
from rich.console import Console

from indexer import reports
from indexer.build import run_build
from indexer.bundle import generation_folders, published_generation, read_generation_manifest
from indexer.deletion import Selection, delete_crops, require_absent
from indexer.doctor import examine_index, examine_machine, examine_model
from indexer.evaluation import evaluate_index
from indexer.filter_expressions import parse_age, parse_filters
from indexer.gallery import open_gallery, read_manifest
from indexer.generation import open_generation
from indexer.judged_queries import read_judged_queries
from indexer.planning import parse_size, plan, resources_at
from indexer.precision import encode_rate, first_images, parity_checked
from indexer.preparation import (
    DEFAULT_OPTIONS,
    BuildOptions,
    Growth,
    PreparedBuild,
    prepare_build,
)
from indexer.progress import drawn_progress
from indexer.retention import clear, compact, roll_back
from indexer.verification import verify_index
from indexer.wishes import DEFAULT_RECALL, IndexWishes
from models.command_lines import FAILED, one_line_errors
from models.contracts import PersonEncoder
from models.loading import DEFAULT, SHIPPED, load_encoder
from models.parts import PART_FORMATS, PartFormat

SOME_QUARANTINED = 3
_WORTH_TIMING = 1000  # crops: below, a build is over before its time is estimated

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
log = structlog.get_logger()

IndexOption = Annotated[Path, typer.Option(help="The index folder.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Put one JSON object on stdout; logs stay on stderr.")
]

CropsOption = Annotated[
    str,
    typer.Option(
        help="A folder of person crops, searched wholly; tar files or parquet files, as one name "
        "or a pattern; or a URL such as s3://bucket/crops."
    ),
]
ModelOption = Annotated[
    str, typer.Option(help="default, a model directory, a checkpoint, or open_clip:ARCH/TAG.")
]
MetadataOption = Annotated[
    Path | None,
    typer.Option(help="csv, jsonl or parquet: path, camera, captured_at, track_id, others."),
]
BatchOption = Annotated[int, typer.Option(min=1, max=4096, help="Crops encoded at once.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, fp32 or bf16.")]
WorkersOption = Annotated[int, typer.Option(min=1, max=64, help="Threads that decode images.")]
PartsOption = Annotated[
    str,
    typer.Option(
        help="How to store the vectors of the model's second stage: int8, fp16, fp32 or none."
    ),
]
KindOption = Annotated[
    Literal["auto", "flat", "ivf"],
    typer.Option(help="How to search: exactly, by lists, or as the size asks for."),
]
MemoryOption = Annotated[
    str | None, typer.Option(help="The most memory that making the index may take, as 4GB.")
]
RecallOption = Annotated[
    float, typer.Option(min=0.5, max=1, help="Recall@10 that lists must reach.")
]
NeighboursOption = Annotated[
    int, typer.Option(min=0, max=100, help="Look-alikes to list for each crop; 20 for re-ranking.")
]
CopyOption = Annotated[
    bool | None,
    typer.Option(
        "--copy/--no-copy",
        help="Keep the originals in the index; by default where they cannot be read again.",
    ),
]


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
        parts=_part_format(parts),
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
        encoder = _loaded_for(prepared, *machine)
        _tell_plan(prepared, encoder)
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


def _loaded_for(prepared: PreparedBuild, device: str, precision: str) -> PersonEncoder:
    """Load the model; where the precision is left to us, in one that keeps its vectors."""
    model = prepared.options.model_source
    log.info("loading the model", model=model)
    encoder = load_encoder(model, device=device, precision=precision)
    if precision != "auto" or encoder.precision == "fp32":
        return encoder
    fp32 = partial(load_encoder, model, device=device, precision="fp32")
    encoder, parity = parity_checked(encoder, fp32, first_images(prepared.source))
    if parity.warning is not None:
        log.warning(parity.warning)
    return encoder


def _tell_plan(prepared: PreparedBuild, encoder: PersonEncoder) -> None:
    """Say what the build will take, as far as can be told; refuse what does not fit."""
    count = prepared.source.count()
    if count is None:
        log.info("how many crops there are only the end of the archive will tell: no plan")
        return
    rate = None
    if count >= _WORTH_TIMING:
        rate = encode_rate(encoder, first_images(prepared.source))
    resources = resources_at(prepared.index, rate)
    width = encoder.card.embedding_width
    for line in plan(count, width, resources, prepared.options.wishes).lines():
        log.info(line)


def _part_format(name: str) -> PartFormat | None:
    known: dict[str, PartFormat | None] = {"none": None, **{each: each for each in PART_FORMATS}}
    if name not in known:
        raise typer.BadParameter(f"{name!r} is no format: {', '.join(known)}", param_hint="--parts")
    return known[name]


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
