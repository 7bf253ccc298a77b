"""``export``: a run as a model directory."""

from pathlib import Path
from typing import Annotated

import typer

from models.command_lines import one_line_errors
from training import running
from training.commands.progress_bars import console, progress_bar


def export_model(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    directory: Annotated[Path, typer.Argument(help="The model directory to write.")],
) -> None:
    """Write a run's best weights (its last, where none were validated) as a model directory."""
    with one_line_errors(), progress_bar("rendering") as on_progress:
        fingerprint = running.export(run, directory, on_progress)
        console.print(f"wrote {directory}, fingerprint {fingerprint}", soft_wrap=True)
