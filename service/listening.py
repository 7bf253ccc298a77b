"""A server on an address of its own: taken early, announced when it answers, left cleanly."""

import errno
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from models.errors import ConfigurationInvalid
from service.access.clients import is_loopback

GRACE_S = 5
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not bound


def take_address(host: str, port: int) -> socket.socket:
    """Bind the address, so that a port in use is known before a model is loaded.

    Raises:
        ConfigurationInvalid: If the address is in use, not allowed, or not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ConfigurationInvalid(
            f"host {host!r} has no address: use --host 127.0.0.1 or another address of this machine"
        ) from error
    bound = socket.socket(family, kind, protocol)
    try:
        # Without it a restart within a minute of a stop would find the port still in use.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise ConfigurationInvalid(_why_not(host, port, error)) from error
    return bound


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use: stop the other program, or choose another port "
            "with --port"
        )
    return f"cannot listen on {host} port {port}: {error.strerror}; choose another --host or --port"


class AnnouncingServer(uvicorn.Server):
    """Says where it is once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then print the address.

        Raises:
            ConfigurationInvalid: If another program has begun to listen there meanwhile.
        """
        listening = sockets or []
        for each in listening:
            host, port = each.getsockname()[:2]
            try:
                each.listen(self.config.backlog)
            except OSError as error:
                raise ConfigurationInvalid(_why_not(host, port, error)) from error
        await super().startup(sockets)
        if self.started:
            for each in listening:
                sys.stdout.write(f"Descry is ready at {address_of(each)}\n")
                sys.stdout.flush()


def is_reachable_by_others(bound: socket.socket) -> bool:
    """Tell whether other machines may reach the socket."""
    return not is_loopback(bound.getsockname()[0])


def address_of(bound: socket.socket) -> str:
    """Return the URL under which a browser on this machine reaches the socket."""
    host, port = bound.getsockname()[:2]
    shown = ANYWHERE.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def run_server(app: FastAPI, bound: socket.socket) -> None:
    """Serve until told to stop; searches under way may finish."""
    config = uvicorn.Config(
        app,
        log_config=None,
        # uvicorn's own access log shows query strings, which hold descriptions of people.
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn would trust this machine; the gate trusts what is set
        timeout_graceful_shutdown=GRACE_S,
    )
    AnnouncingServer(config).run(sockets=[bound])


@contextmanager
def stopping_quietly() -> Iterator[None]:
    """Make SIGINT and SIGTERM end the block without a traceback, before, in or after serving."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - given by the system
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Stopped:
        sys.stdout.write("stopped\n")
        sys.stdout.flush()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stopped(BaseException):
    """A signal asked the process to stop; no handler of errors may keep it."""
