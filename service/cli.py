"""The command line: settings, model, index, server, and one clear line where one is wrong."""

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

from pydantic import ValidationError

from indexer.gallery import open_gallery, read_manifest
from models.contracts import PersonEncoder
from models.errors import DescryError
from models.loading import load_encoder
from service.app import create_app
from service.listening import run_server, stopping_quietly, take_address
from service.logs import configure_logs
from service.settings import Settings, read_settings

FAILED = 1
WRONG_USE = 2


class LoadEncoder(Protocol):
    """How a model is loaded: ``models.loading.load_encoder``, or a test's stand-in."""

    def __call__(self, source: str, *, device: str, precision: str) -> PersonEncoder:
        """Return the encoder of that source."""
        ...


def main(arguments: Sequence[str], load: LoadEncoder = load_encoder) -> int:
    """Serve until stopped; return the exit code: 0 stopped, 1 cannot serve, 2 wrong use."""
    try:
        settings = read_settings(arguments)
    except ValidationError as error:
        for line in wrong_settings(error):
            sys.stderr.write(f"error: {line}\n")
        return WRONG_USE
    configure_logs(settings.log_format)
    try:
        with stopping_quietly():
            serve(settings, load)
    except DescryError as error:
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    return 0


def wrong_settings(error: ValidationError) -> list[str]:
    """Return one line for each setting that is missing or wrong, naming option and variable."""
    lines = []
    for each in error.errors():
        name = str(each["loc"][0])
        option, variable = f"--{name.replace('_', '-')}", f"DESCRY_{name.upper()}"
        if each["type"] == "missing":
            lines.append(f"{option} (or {variable}) is missing; see python -m service --help")
        else:
            lines.append(f"{option} (or {variable}) is {each['input']!r}: {each['msg']}")
    return lines


def serve(settings: Settings, load: LoadEncoder) -> None:
    """Open what the settings name and serve it, until a signal stops it.

    Raises:
        DescryError: If there is no index, the model cannot be loaded or is not the index's, or
            the address cannot be listened on.
    """
    source = settings.model or read_manifest(settings.index).model.source
    with take_address(settings.host, settings.port) as bound:
        encoder = load(source, device=settings.device, precision=settings.precision)
        with closing(open_gallery(settings.index, encoder.card)) as gallery:
            run_server(create_app(encoder, gallery), bound)
