"""``python -m indexer``: build, verify, info, evaluate and doctor.

Exit codes: 0 all is well, 1 failed, 2 wrong use, 3 built, but some files were quarantined.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Never

import structlog
import typer
from pydantic import JsonValue
from rich.console import Console

from indexer import reports
from indexer.build import DEFAULT_OPTIONS, BuildOptions, prepare_build, run_build
from indexer.bundle import published_generation, read_generation_manifest
from indexer.doctor import examine_index, examine_machine, examine_model
from indexer.evaluation import evaluate_index
from indexer.gallery import Gallery, read_manifest
from indexer.judged_queries import read_judged_queries
from indexer.progress import drawn_progress
from indexer.verification import verify_index
from models.command_lines import FAILED, one_line_errors
from models.loading import DEFAULT, SHIPPED, load_encoder

SOME_QUARANTINED = 3

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
log = structlog.get_logger()

IndexOption = Annotated[Path, typer.Option(help="The index folder.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Put one JSON object on stdout; logs stay on stderr.")
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
    crops: Annotated[Path, typer.Option(help="The folder of person crops, searched wholly.")],
    index: IndexOption,
    model: Annotated[
        str, typer.Option(help="default, a model directory, a checkpoint, or open_clip:ARCH/TAG.")
    ] = DEFAULT,
    metadata: Annotated[
        Path | None,
        typer.Option(help="csv, jsonl or parquet: path, camera, captured_at, track_id, others."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The index's name; default: the folder's.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, max=4096, help="Crops encoded at once.")
    ] = DEFAULT_OPTIONS.batch_size,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Threads that decode images.")
    ] = DEFAULT_OPTIONS.workers,
    as_json: JsonOption = False,
) -> None:
    """Index a folder of person crops and publish the result."""
    with one_line_errors(as_json=as_json):
        options = BuildOptions(
            model_source=_lasting_source(model),
            metadata=metadata,
            name=name or None,
            batch_size=batch_size,
            workers=workers,
            precision=precision,
        )
        prepared = prepare_build(crops, index, options)
        for warning in prepared.warnings:
            log.warning(warning)
        log.info("crops found, loading the model", crops=len(prepared.found.paths), model=model)
        encoder = load_encoder(model, device=device, precision=precision)
        with drawn_progress(Console(stderr=True)) as on_progress:
            report = run_build(prepared, encoder, on_progress)
        _tell(
            reports.build_object(index, report),
            reports.build_lines(index, report),
            as_json=as_json,
        )
    if report.manifest.counts.quarantined:
        _leave(SOME_QUARANTINED)


@app.command()
def verify(
    *,
    index: IndexOption,
    sources: Annotated[
        bool, typer.Option("--sources", help="Also read every original crop again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the published generation again and check it."""
    with one_line_errors(as_json=as_json):
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
    """Print what the published generation is."""
    with one_line_errors(as_json=as_json):
        folder = published_generation(index)
        manifest = read_generation_manifest(folder)
        _tell(
            reports.info_object(index, folder, manifest),
            reports.info_lines(folder, manifest),
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
        with closing(Gallery.open(index, encoder.card)) as gallery:
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
