"""Routes whose bodies have one kind and a size: refused by headers where that can be done."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from service.disconnects import ClientGone, while_connected
from service.problems import BODY_TOO_LARGE, MEDIA_TYPE_UNSUPPORTED, ProblemRaised, shorten

BODY_LIMIT_BYTES = 64 * 1024
IMAGE_BODY_LIMIT_BYTES = 10 * 1024 * 1024

# The rest of a refused body this small is taken in and dropped, so that the client, which is
# still sending, comes to read the answer; a larger one ends with the connection.
DRAINED_BYTES = 1024 * 1024

# For the log: no client reads it. Where nginx logs a client that left, it is this number too.
CLIENT_GONE_STATUS = 499

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedRoute(APIRoute):
    """Checks the media type and the size of the body before anything parses it."""

    media_type: str
    limit_bytes: int
    how: str
    """How to send a body of the right kind."""
    shorter: str
    """How to make it smaller."""

    def get_route_handler(self) -> Handler:
        """Wrap the route's handler in the two checks; it ends when the client leaves."""
        handle = super().get_route_handler()

        async def handle_checked(request: Request) -> Response:
            self._check_media_type(request)
            body = await self._read_body(request)

            async def replay() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            try:
                answering = handle(Request(request.scope, replay))
                return await while_connected(request.receive, answering)
            except ClientGone:
                return Response(status_code=CLIENT_GONE_STATUS)

        return handle_checked

    def _check_media_type(self, request: Request) -> None:
        given = request.headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != self.media_type:
            shown = f"has content-type {shorten(given)}" if given else "has no content-type"
            raise ProblemRaised(
                MEDIA_TYPE_UNSUPPORTED,
                f"the body {shown}: {self.how}",
                headers={"accept": self.media_type},
            )

    async def _read_body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.limit_bytes:
            raise self._too_large(int(declared))
        chunks = bytearray()
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > self.limit_bytes:
                raise self._too_large(None)
        return bytes(chunks)

    def _too_large(self, size_bytes: int | None) -> ProblemRaised:
        shown = "more bytes than that" if size_bytes is None else f"{size_bytes} bytes"
        close = size_bytes is None or size_bytes > DRAINED_BYTES
        return ProblemRaised(
            BODY_TOO_LARGE,
            f"a body of at most {self.limit_bytes} bytes is taken, this one has {shown}: "
            f"{self.shorter}",
            headers={"connection": "close"} if close else None,
        )


class JsonRoute(BoundedRoute):
    """Takes JSON of at most 64 kB."""

    media_type = "application/json"
    limit_bytes = BODY_LIMIT_BYTES
    how = "send JSON with the header content-type: application/json"
    shorter = "shorten the description to 1000 characters"


class ImageRoute(BoundedRoute):
    """Takes a form with a picture, at most 10 MB in all."""

    media_type = "multipart/form-data"
    limit_bytes = IMAGE_BODY_LIMIT_BYTES
    how = "send a form with the file image, as curl -F image=@crop.jpg does"
    shorter = "send a smaller picture"
