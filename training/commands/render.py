"""``render``: rendered people as a folder of crops."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from models.command_lines import one_line_errors
from training.commands.progress_bars import console, progress_bar
from training.datasets.rendered_layouts import write_layouts
from training.datasets.rendered_people.captions import full_caption
from training.datasets.rendered_people.contact_sheet import draw_sheet
from training.datasets.rendered_people.export import export_people
from training.datasets.rendered_people.population import Population
from training.datasets.rendered_people.settings import SettingName

PEOPLE_ON_A_SHEET = 40
SHEET_CROP = (128, 384)  # width and height


def render_people(  # noqa: PLR0913  one option, one argument
    people: Annotated[int, typer.Option(min=1, help="How many people.")],
    sightings: Annotated[int, typer.Option(min=1, help="Crops of each.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same people.")],
    out: Annotated[Path, typer.Option(help="A folder for crops and metadata.")],
    sheet: Annotated[Path | None, typer.Option(help="One picture of many crops.")] = None,
    setting: Annotated[
        SettingName,
        typer.Option(help="How bodies, scenes and cameras vary; held_out is for tests."),
    ] = "training",
    evenness: Annotated[
        float, typer.Option(min=0, max=1, help="1: rare things as frequent as common ones.")
    ] = 0.0,
    siblings: Annotated[
        float,
        typer.Option(min=0, max=0.5, help="Share who equal the one before but for one thing."),
    ] = 0.0,
    captions: Annotated[int, typer.Option(min=1, help="Captions of each crop.")] = 2,
) -> None:
    """Render people as a folder of crops that the indexer reads, with captions to train on.

    The folder is also a data set in CUHK-PEDES's layout and, as a table, a captioned folder:
    `check cuhk-pedes OUT` and `check captioned-folder OUT` read it.
    """
    with one_line_errors():
        with progress_bar("rendering") as on_progress:
            report = export_people(
                out,
                people=people,
                sightings=sightings,
                seed=seed,
                setting=setting,
                evenness=evenness,
                siblings=siblings,
                on_progress=on_progress,
            )
        write_layouts(report, captions=captions, seed=seed)
        console.print(f"{report.crops} crops of {report.people} people in {out}", soft_wrap=True)
        if sheet is not None:
            population = Population(seed, setting, evenness, siblings)
            _draw_sheet(sheet, min(people, PEOPLE_ON_A_SHEET), population)


def _draw_sheet(path: Path, people: int, population: Population) -> None:
    renderings = [
        population.sight(population.member(person), 0, SHEET_CROP) for person in range(people)
    ]
    rng = np.random.default_rng(population.seed)
    captions = [full_caption(rendering.attributes, rng).text for rendering in renderings]
    draw_sheet(renderings, captions, path)
    console.print(f"the first {people} people with a caption each: {path}", soft_wrap=True)
