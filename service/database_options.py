"""The options that the commands beside serving share."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from models.command_lines import one_line_errors
from models.errors import ConfigurationInvalid
from service.database import Database, open_database
from service.settings import database_url

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RequiredIndexOption = Annotated[Path, typer.Option(envvar="DESCRY_INDEX", help="The index folder.")]
IndexOption = Annotated[
    Path | None,
    typer.Option(envvar="DESCRY_INDEX", help="The index that is served, beside its data folder."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(envvar="DESCRY_DATA", help="The data folder; INDEX.data if left out."),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(envvar="DESCRY_DATABASE", help="PostgreSQL: postgresql+psycopg://…"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Put JSON on stdout.")]


@contextmanager
def opened_database(
    index: Path | None, data: Path | None, database: str | None, *, as_json: bool = False
) -> Iterator[Database]:
    """Open the database that the options name; what goes wrong in the block is told in a line.

    Raises:
        ConfigurationInvalid: Made an ``Exit`` of before it leaves, as all that a user can mend.
    """
    with (
        one_line_errors(as_json=as_json),
        closing(open_database(database_url(index, data, database))) as opened,
    ):
        try:
            yield opened
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise ConfigurationInvalid(f"database {opened.shown} failed: {reason}") from error


def told(value: "DataclassInstance", lines: Sequence[str], *, as_json: bool) -> None:
    """Write an outcome to stdout, for programs or for people."""
    shown = json.dumps(asdict(value), default=str) if as_json else "\n".join(lines)
    typer.echo(shown)


def moment(text: str) -> datetime:
    """Read a date or a time in ISO 8601; without zone it is UTC.

    Raises:
        BadParameter: If it is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time: write 2026-05-01 or 2026-05-01T17:30:00+02:00"
        ) from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
