"""``blend``: the weights before and after training on, as one model."""

from pathlib import Path
from typing import Annotated

import typer

from models.command_lines import one_line_errors
from models.state_dicts import write_model_directory
from training.commands.progress_bars import console
from training.compact.blended import blend


def blend_models(
    start: Annotated[Path, typer.Argument(help="The model directory training went on from.")],
    end: Annotated[Path, typer.Argument(help="The one it arrived at.")],
    directory: Annotated[Path, typer.Argument(help="The model directory to write.")],
    *,
    share: Annotated[float, typer.Option(help="How much of the end: between 0 and 1.")] = 0.5,
) -> None:
    """Average two compact dual encoders, of which one was trained on from the other."""
    with one_line_errors():
        card = write_model_directory(directory, blend(start, end, share))
        console.print(f"wrote {directory}, fingerprint {card.fingerprint()}", soft_wrap=True)
