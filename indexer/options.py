"""What the commands of the indexer may be told, and how they explain it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from models.parts import PART_FORMATS, PartFormat

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


def part_format(name: str) -> PartFormat | None:
    """Return the format that ``--parts`` names; None for ``none``.

    Raises:
        BadParameter: If there is no such format.
    """
    known: dict[str, PartFormat | None] = {"none": None, **{each: each for each in PART_FORMATS}}
    if name not in known:
        raise typer.BadParameter(f"{name!r} is no format: {', '.join(known)}", param_hint="--parts")
    return known[name]
