"""``python -m service keys``: make, list and revoke API keys."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from service.access.granted import SCOPES, Scope
from service.access.key_store import KeyStore
from service.access.keys import StoredKey
from service.database_options import (
    DatabaseOption,
    DataOption,
    IndexOption,
    JsonOption,
    opened_database,
)

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Make, list and revoke API keys."
)


@app.command()
def create(  # noqa: PLR0913 - a parameter for each option of the command line
    *,
    name: Annotated[str, typer.Option(help="Whose key it is, or what for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may: search, ingest or admin; may be given again. Default: search."
        ),
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(help="A camera whose crops it may see; may be given again. Default: all."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Days until it expires. Default: never.")
    ] = None,
    index: IndexOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, this one time: only its hash is kept.

    As soon as there is any key, the service answers nobody without one.
    """
    with opened_database(index, data, database, as_json=as_json) as opened:
        store = KeyStore(opened)
        expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
        key, text = store.create(name, _scopes(scope or ["search"]), camera or None, expires)
        if as_json:
            typer.echo(json.dumps({"key": text, **_object(key)}))
            return
        typer.echo(text)
        typer.echo(f"{_line(key)}\nKeep the key: it cannot be shown again.", err=True)


@app.command(name="list")
def list_(
    *,
    index: IndexOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List all keys by id, those that are revoked or expired too."""
    with opened_database(index, data, database, as_json=as_json) as opened:
        store = KeyStore(opened)
        keys = store.all()
        if as_json:
            typer.echo(json.dumps([_object(key) for key in keys]))
            return
        for key in keys:
            typer.echo(_line(key))
        if not keys:
            typer.echo("There is no key.")


@app.command()
def revoke(
    *,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a key; see list.")],
    index: IndexOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a key open nothing any more; a service that runs knows it a second later."""
    with opened_database(index, data, database, as_json=as_json) as opened:
        store = KeyStore(opened)
        key = store.revoke(key_id)
        typer.echo(json.dumps(_object(key)) if as_json else _line(key))


def _scopes(names: list[str]) -> list[Scope]:
    unknown = [name for name in names if name not in SCOPES]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]!r} is no scope: {', '.join(SCOPES)}", param_hint="--scope"
        )
    return [scope for scope in SCOPES if scope in names]


def _object(key: StoredKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "cameras": None if key.cameras is None else sorted(key.cameras),
        "created": _moment(key.created),
        "expires": _moment(key.expires),
        "last_used": _moment(key.last_used),
        "revoked": _moment(key.revoked),
    }


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds")


def _line(key: StoredKey) -> str:
    cameras = "all cameras" if key.cameras is None else "cameras " + ", ".join(sorted(key.cameras))
    said = [key.id, key.name, ", ".join(sorted(key.scopes)), cameras]
    said.append(f"made {_moment(key.created)}")
    for word, time in (
        ("expires", key.expires),
        ("last used", key.last_used),
        ("revoked", key.revoked),
    ):
        if time is not None:
            said.append(f"{word} {_moment(time)}")
    return "  ".join(said)
