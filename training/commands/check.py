"""``check``: everything that is wrong with a data set."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from models.command_lines import FAILED, one_line_errors
from training.dataset_checks import check_dataset, clip_token_count
from training.datasets.catalogue import CATALOGUE, reader_of


def check_data(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(CATALOGUE)}.")],
    root: Annotated[Path, typer.Argument(help="Its folder, or the table of captions.")],
    *,
    images: Annotated[bool, typer.Option(help="Also decode every image.")] = True,
) -> None:
    """Say everything that is wrong with a data set; exit with 1 if anything is."""
    with one_line_errors():
        _check(dataset, root, images=images)


def _check(dataset: str, root: Path, *, images: bool) -> None:
    annotations = reader_of(dataset).survey(root)
    check = check_dataset(annotations, images=images, token_count=clip_token_count())
    sys.stdout.writelines(f"{line}\n" for line in check.lines())
    if not check.ok:
        raise typer.Exit(FAILED)
