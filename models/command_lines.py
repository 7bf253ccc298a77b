"""How the command lines speak of what a user can mend."""

import contextlib
import json
import sys
from collections.abc import Iterator

import typer

from models.errors import DescryError

FAILED = 1


@contextlib.contextmanager
def one_line_errors(*, as_json: bool = False) -> Iterator[None]:
    """Turn what a user can mend into one line on stderr, and exit with 1.

    With ``as_json`` one JSON object on stdout says the same.

    Raises:
        Exit: In place of the error.
    """
    try:
        yield
    except (DescryError, OSError) as error:
        message = " ".join(str(error).split())
        sys.stderr.write(f"error: {message}\n")
        if as_json:
            typer.echo(json.dumps({"error": {"kind": type(error).__name__, "message": message}}))
        raise typer.Exit(FAILED) from error
