"""A route whose body is JSON of at most 64 kB: refused by its headers where that can be done."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from service.disconnects import ClientGone, while_connected
from service.problems import BODY_TOO_LARGE, MEDIA_TYPE_UNSUPPORTED, ProblemRaised, shorten

BODY_LIMIT_BYTES = 64 * 1024

# The rest of a refused body this small is taken in and dropped, so that the client, which is
# still sending, comes to read the answer; a larger one ends with the connection.
DRAINED_BYTES = 1024 * 1024

# For the log: no client reads it. Where nginx logs a client that left, it is this number too.
CLIENT_GONE_STATUS = 499

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class JsonRoute(APIRoute):
    """Checks the media type and the size of the body before anything parses it."""

    def get_route_handler(self) -> Handler:
        """Wrap the route's handler in the two checks; it ends when the client leaves."""
        handle = super().get_route_handler()

        async def handle_checked(request: Request) -> Response:
            _check_media_type(request)
            body = await _read_body(request)

            async def replay() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            try:
                answering = handle(Request(request.scope, replay))
                return await while_connected(request.receive, answering)
            except ClientGone:
                return Response(status_code=CLIENT_GONE_STATUS)

        return handle_checked


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        shown = f"has content-type {shorten(given)}" if given else "has no content-type"
        raise ProblemRaised(
            MEDIA_TYPE_UNSUPPORTED,
            f"the body {shown}: send JSON with the header content-type: application/json",
            headers={"accept": "application/json"},
        )


async def _read_body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > BODY_LIMIT_BYTES:
        raise _too_large(int(declared))
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > BODY_LIMIT_BYTES:
            raise _too_large(None)
    return bytes(chunks)


def _too_large(size_bytes: int | None) -> ProblemRaised:
    shown = "more bytes than that" if size_bytes is None else f"{size_bytes} bytes"
    close = size_bytes is None or size_bytes > DRAINED_BYTES
    return ProblemRaised(
        BODY_TOO_LARGE,
        f"a body of at most {BODY_LIMIT_BYTES} bytes is taken, this one has {shown}: "
        "shorten the description to 1000 characters",
        headers={"connection": "close"} if close else None,
    )
