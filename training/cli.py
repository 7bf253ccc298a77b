"""The command line of training: render people, train, evaluate, export."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from models.errors import DescryError
from models.loading import load_encoder
from training.checkpoints import LAST_FILE, restore_state
from training.config import TrainConfig, read_config
from training.datasets.rendered_people.captions import full_caption
from training.datasets.rendered_people.contact_sheet import draw_sheet
from training.datasets.rendered_people.export import export_people
from training.datasets.rendered_people.population import member, sight
from training.evaluation import Figures, evaluate
from training.export import EVALUATION_FILE, export_run
from training.loop import start_state, train
from training.preparation import build_method, prepare_corpus, prepare_people
from training.runs import LOG_FILE, open_run

MODEL_FOLDER = "model"
FAILED = 1
PEOPLE_ON_A_SHEET = 40
SHEET_CROP = (128, 384)  # width and height

app = typer.Typer(
    help="Render people, train an encoder on them, measure it, and export it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)


@app.command("run")
def run_training(
    config: Annotated[Path, typer.Argument(help="A TOML file; see training/configs.")],
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/NAME.")] = None,
    *,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train as a configuration says, export the model into the run folder, and measure it."""
    with _errors_told():
        settings = read_config(config)
        folder = out or Path("runs") / config.stem
        open_run(folder, settings, resume=resume)
        with _log_to(folder / LOG_FILE):
            _train(settings, folder, resume=resume)
        model = folder / MODEL_FOLDER
        export_run(folder, model)
        held_out = settings.evaluation
        figures = _measure(
            str(model), settings.people.folder, (held_out.people, held_out.sightings, held_out.seed)
        )
        (folder / EVALUATION_FILE).write_text(figures.model_dump_json(indent=1), encoding="utf-8")
        # Once more, so that the card carries the figures.
        export_run(folder, model)
        sys.stdout.write(figures.model_dump_json(indent=1) + "\n")


@app.command("evaluate")
def evaluate_model(
    model: Annotated[str, typer.Argument(help="A model directory or name, as for the indexer.")],
    people: Annotated[int, typer.Option(min=2, help="Held-out people.")] = 1000,
    sightings: Annotated[int, typer.Option(min=2, help="Crops of each.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Another seed than training's.")] = 9001,
    data: Annotated[Path, typer.Option(help="Where the people are rendered to.")] = Path(
        "runs/data"
    ),
) -> None:
    """Measure a model on held-out rendered people; one JSON object on standard output."""
    with _errors_told():
        figures = _measure(model, data, (people, sightings, seed))
        sys.stdout.write(figures.model_dump_json(indent=1) + "\n")


@app.command("render")
def render_people(
    people: Annotated[int, typer.Option(min=1, help="How many people.")],
    sightings: Annotated[int, typer.Option(min=1, help="Crops of each.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same people.")],
    out: Annotated[Path, typer.Option(help="A folder for crops and metadata.")],
    sheet: Annotated[Path | None, typer.Option(help="One picture of many crops.")] = None,
) -> None:
    """Render people as a folder of crops that the indexer reads."""
    with _errors_told():
        with _progress("rendering", people * sightings) as on_progress:
            report = export_people(
                out, people=people, sightings=sightings, seed=seed, on_progress=on_progress
            )
        console.print(f"{report.crops} crops of {report.people} people in {out}")
        if sheet is not None:
            _draw_sheet(sheet, min(people, PEOPLE_ON_A_SHEET), seed)


@app.command("export")
def export_model(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    directory: Annotated[Path, typer.Argument(help="The model directory to write.")],
) -> None:
    """Write the averaged weights of a run's last checkpoint as a model directory."""
    with _errors_told():
        card = export_run(run, directory)
        console.print(f"wrote {card.name} to {directory}, fingerprint {card.fingerprint()}")


def _train(config: TrainConfig, folder: Path, *, resume: bool) -> None:
    people = config.people
    with _progress("rendering", people.people * people.sightings) as on_progress:
        crops = prepare_people(
            people.folder,
            people=people.people,
            sightings=people.sightings,
            seed=people.seed,
            on_progress=on_progress,
        )
    corpus, sizes = prepare_corpus(config, crops, folder)
    method = build_method(config, sizes)
    state = start_state(method, config.optimiser)
    if resume:
        restore_state(state, folder / LAST_FILE)
    with _progress("training", config.samples) as on_progress:
        train(state, method, corpus, config, folder, on_progress)


def _measure(model: str, data: Path, held_out: tuple[int, int, int]) -> Figures:
    people, sightings, seed = held_out
    with _progress("rendering held-out people", people * sightings) as on_progress:
        crops = prepare_people(
            data, people=people, sightings=sightings, seed=seed, on_progress=on_progress
        )
    return evaluate(load_encoder(model), crops, seed)


def _draw_sheet(path: Path, people: int, seed: int) -> None:
    renderings = [sight(seed, member(seed, person), 0, SHEET_CROP) for person in range(people)]
    rng = np.random.default_rng(seed)
    captions = [full_caption(rendering.attributes, rng).text for rendering in renderings]
    draw_sheet(renderings, captions, path)
    console.print(f"the first {people} people with a caption each: {path}")


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except DescryError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(FAILED) from error


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    reports = logging.getLogger("training")
    reports.setLevel(logging.INFO)
    reports.addHandler(handler)
    try:
        yield
    finally:
        reports.removeHandler(handler)
        handler.close()
