"""The command line: settings, model, index, server, and one clear line where one is wrong.

``keys``, ``audit`` and ``erase`` are commands of their own: see ``service.commands``.
"""

import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Protocol

import structlog
from pydantic import ValidationError

from indexer.gallery import open_gallery, read_manifest
from models.contracts import PersonEncoder
from models.errors import ConfigurationInvalid, DescryError
from models.loading import load_encoder
from service.access.key_ring import KeyRing
from service.access.key_store import KeyStore
from service.app import create_app
from service.audit.auditor import Auditor
from service.audit.retention import Retention
from service.audit.search_store import SearchStore
from service.commands import COMMANDS, run_command
from service.database import open_database
from service.listening import (
    is_reachable_by_others,
    run_server,
    stopping_quietly,
    take_address,
)
from service.logs import configure_logs
from service.settings import Settings, read_settings

FAILED = 1
WRONG_USE = 2

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class LoadEncoder(Protocol):
    """How a model is loaded: ``models.loading.load_encoder``, or a test's stand-in."""

    def __call__(self, source: str, *, device: str, precision: str) -> PersonEncoder:
        """Return the encoder of that source."""
        ...


def main(arguments: Sequence[str], load: LoadEncoder = load_encoder) -> int:
    """Serve until stopped; return the exit code: 0 stopped, 1 cannot serve, 2 wrong use."""
    if arguments and arguments[0] in COMMANDS:
        return run_command(arguments)
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
        DescryError: If there is no index, the model cannot be loaded or is not the index's, the
            address cannot be listened on or must not be without a key, or the database cannot be
            used.
    """
    source = settings.model or read_manifest(settings.index).model.source
    with ExitStack() as opened:
        bound = opened.enter_context(take_address(settings.host, settings.port))
        database = opened.enter_context(closing(open_database(settings.database_url)))
        keys = KeyRing(KeyStore(database))
        refuse_exposure(bound, settings, any_key=keys.any_made())
        encoder = load(source, device=settings.device, precision=settings.precision)
        gallery = opened.enter_context(closing(open_gallery(settings.index, encoder.card)))
        store = SearchStore(database, settings.audit_text)
        opened.enter_context(keys)
        auditor = opened.enter_context(Auditor(store, settings.audit_rules))
        opened.enter_context(Retention(store, settings.retention_days))
        if not keys.any_made():
            log.warning(
                "no_api_key", answers="everybody" if settings.allow_open else "this machine"
            )
        run_server(create_app(encoder, gallery, keys, settings.access_rules, auditor), bound)


def refuse_exposure(bound: socket.socket, settings: Settings, *, any_key: bool) -> None:
    """Let a service without any key be reached from this machine only.

    Raises:
        ConfigurationInvalid: If others could reach it.
    """
    if any_key or settings.allow_open or not is_reachable_by_others(bound):
        return
    raise ConfigurationInvalid(
        f"there is no API key, and others can reach --host {settings.host}: make one with "
        f"python -m service keys create --name NAME --index {settings.index}, or answer "
        "everybody with --allow-open"
    )
