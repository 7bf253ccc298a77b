"""``python -m service keys | audit | erase``: what an operator does beside serving."""

from collections.abc import Sequence
from typing import Annotated

import typer

from service.access.commands import app as keys_app
from service.audit.commands import app as audit_app
from service.audit.erasure import Erasure, erase
from service.audit.search_store import SearchStore
from service.database_options import (
    DatabaseOption,
    DataOption,
    JsonOption,
    RequiredIndexOption,
    opened_database,
    told,
)

COMMANDS = frozenset({"keys", "audit", "erase"})

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(keys_app, name="keys")
app.add_typer(audit_app, name="audit")


@app.command(name="erase")
def erase_(
    *,
    crop_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the crop.")],
    index: RequiredIndexOption,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a crop from the index and from the rows of searches, and prove that it is gone.

    Older generations are removed too. A service that runs shows the crop until it opens the new
    generation. Files that the crop was read from are named, not touched.
    """
    with opened_database(index, data, database, as_json=as_json) as opened:
        erasure = erase(index, crop_id, SearchStore(opened))
    told(erasure, _lines(erasure), as_json=as_json)


def _lines(erasure: Erasure) -> list[str]:
    was = "was erased" if erasure.indexed else "was not in the index"
    lines = [
        f"Crop {erasure.crop_id} {was}; {erasure.rows} rows of searches named it.",
        f"No trace of it is left in {erasure.files} files of the index ({erasure.bytes} bytes).",
        "No trace of it is left in the database of searches.",
    ]
    if erasure.originals:
        lines.append("It was read from these files; the next build would index them again:")
        lines += [f"  {path}" for path in erasure.originals]
    return lines


def run_command(arguments: Sequence[str]) -> int:
    """Run one of the commands; return its exit code."""
    try:
        app(args=list(arguments), prog_name="python -m service")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0
