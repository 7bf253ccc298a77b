"""``python -m models``: what a checkpoint holds, and a model directory made of it.

Exit codes: 0 all is well, 1 the model cannot be used, 2 wrong use.
"""

import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue

from models.command_lines import one_line_errors
from models.descriptions import describe, description_lines
from models.loading import StoredModel, assemble_encoder, read_model

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)

SourceArgument = Annotated[
    str,
    typer.Argument(
        help="A checkpoint or its folder, a model directory, default, compact-nafs, or "
        "open_clip:ARCH/TAG."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Put one JSON object on stdout.")]


@app.command()
def inspect(source: SourceArgument, *, as_json: JsonOption = False) -> None:
    """Print what a model is, after checking that it can be used."""
    with one_line_errors(as_json=as_json):
        _, description = _read(source)
        _tell(description, as_json=as_json)


@app.command()
def convert(
    source: SourceArgument,
    directory: Annotated[Path, typer.Argument(help="The model directory to make.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Write a Descry model directory: card, weights, vocabulary; print what was read.

    It gives the vectors of its original and can be served with an index made by it.
    """
    with one_line_errors(as_json=as_json):
        model, description = _read(source)
        state_dicts: Any = importlib.import_module("models.state_dicts")
        state_dicts.write_converted(directory, model)
        _tell(description | {"written": str(directory)}, as_json=as_json)


def _read(source: str) -> tuple[StoredModel, dict[str, JsonValue]]:
    model = read_model(source)
    encoder = assemble_encoder(model, device="cpu", precision="fp32")
    second_stage = "no" if encoder.part_scorer is None else "yes"
    return model, describe(model) | {"second_stage": second_stage}


def _tell(description: dict[str, JsonValue], *, as_json: bool) -> None:
    typer.echo(json.dumps(description) if as_json else "\n".join(description_lines(description)))
