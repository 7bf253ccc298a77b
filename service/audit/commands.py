"""``python -m service audit``: list, export and prune the rows of searches."""

import json
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from service.audit.search_store import Asked, SearchStore
from service.database_options import (
    DatabaseOption,
    DataOption,
    IndexOption,
    JsonOption,
    moment,
    opened_database,
)
from service.tables import Search

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="List, export and prune the rows of searches.",
)

SinceOption = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="Not before: 2026-05-01.")
]
BeforeOption = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="Before: 2026-06-01.")
]
KeyOption = Annotated[str | None, typer.Option(help="Searches of the key with this id.")]
CropOption = Annotated[str | None, typer.Option(help="Searches that returned this crop.")]
QueryOption = Annotated[
    str | None, typer.Option(help="Searches for exactly this text, stored as hash or as text.")
]


@app.command(name="list")
def list_(  # noqa: PLR0913 - a parameter for each option of the command line
    *,
    since: SinceOption = None,
    before: BeforeOption = None,
    key: KeyOption = None,
    crop: CropOption = None,
    query: QueryOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, latest first.")] = 50,
    index: IndexOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Print searches, latest first, one a line."""
    with opened_database(index, data, database) as opened:
        store = SearchStore(opened)
        for row in store.rows(Asked(since, before, key, crop, query), limit):
            typer.echo(_line(row))


@app.command()
def export(  # noqa: PLR0913 - a parameter for each option of the command line
    *,
    out: Annotated[Path | None, typer.Option(help="A new file; default: stdout.")] = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    key: KeyOption = None,
    crop: CropOption = None,
    query: QueryOption = None,
    index: IndexOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Write searches as JSON, one a line, latest first, with all that is stored of them."""
    with opened_database(index, data, database) as opened:
        store = SearchStore(opened)
        count = 0
        with nullcontext(sys.stdout) if out is None else out.open("x", encoding="utf-8") as file:
            for row in store.rows(Asked(since, before, key, crop, query)):
                file.write(json.dumps(_object(row), ensure_ascii=False) + "\n")
                count += 1
        if out is not None:
            typer.echo(f"{count} searches were written to {str(out)!r}.")


@app.command()
def prune(
    *,
    days: Annotated[int, typer.Option(min=0, help="Delete what is older than so many days.")],
    index: IndexOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete the rows of searches that are older than some days."""
    with opened_database(index, data, database, as_json=as_json) as opened:
        store = SearchStore(opened)
        pruned = store.prune(datetime.now(UTC) - timedelta(days=days))
        typer.echo(json.dumps({"pruned": pruned}) if as_json else f"{pruned} rows were deleted.")


def _object(row: Search) -> dict[str, object]:
    return {
        "time": row.time.isoformat(),
        "query_id": row.query_id,
        "request_id": row.request_id,
        "key_id": row.key_id,
        "client": row.client,
        "purpose": row.purpose,
        "query": row.query,
        "filters": json.loads(row.filters),
        "generation": row.generation,
        "returned": json.loads(row.returned),
        "outcome": row.outcome,
        "duration_ms": row.duration_ms,
    }


def _line(row: Search) -> str:
    count = len(json.loads(row.returned))
    return "  ".join(
        [
            row.time.isoformat(timespec="seconds"),
            row.query_id,
            f"key {row.key_id or 'none'}",
            row.client,
            f"purpose {row.purpose!r}" if row.purpose else "no purpose",
            row.query,
            f"filters {row.filters}",
            f"{count} crops of generation {row.generation}",
            row.outcome,
            f"{row.duration_ms:.0f} ms",
        ]
    )
