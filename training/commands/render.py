"""``render``: rendered people as a folder of crops."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from models.command_lines import one_line_errors
from training.commands.progress_bars import console, progress_bar
from training.datasets.rendered_people.captions import full_caption
from training.datasets.rendered_people.contact_sheet import draw_sheet
from training.datasets.rendered_people.export import export_people
from training.datasets.rendered_people.population import member, sight

PEOPLE_ON_A_SHEET = 40
SHEET_CROP = (128, 384)  # width and height


def render_people(
    people: Annotated[int, typer.Option(min=1, help="How many people.")],
    sightings: Annotated[int, typer.Option(min=1, help="Crops of each.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same people.")],
    out: Annotated[Path, typer.Option(help="A folder for crops and metadata.")],
    sheet: Annotated[Path | None, typer.Option(help="One picture of many crops.")] = None,
) -> None:
    """Render people as a folder of crops that the indexer reads."""
    with one_line_errors():
        with progress_bar("rendering") as on_progress:
            report = export_people(
                out, people=people, sightings=sightings, seed=seed, on_progress=on_progress
            )
        console.print(f"{report.crops} crops of {report.people} people in {out}", soft_wrap=True)
        if sheet is not None:
            _draw_sheet(sheet, min(people, PEOPLE_ON_A_SHEET), seed)


def _draw_sheet(path: Path, people: int, seed: int) -> None:
    renderings = [sight(seed, member(seed, person), 0, SHEET_CROP) for person in range(people)]
    rng = np.random.default_rng(seed)
    captions = [full_caption(rendering.attributes, rng).text for rendering in renderings]
    draw_sheet(renderings, captions, path)
    console.print(f"the first {people} people with a caption each: {path}", soft_wrap=True)
