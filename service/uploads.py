"""What a client may hand in: the size of a body, and an image that is judged before it is decoded.

Nothing is ever fetched for a client: an image comes in the body, or is one of the gallery.
"""

from fastapi import HTTPException
from PIL import Image
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.decoding import decode_image
from models.errors import CropUnreadable
from service.problems import BODY_TOO_LARGE, REQUEST_INVALID, ProblemRaised, problem_response
from service.schemas import FieldError

BODY_LIMIT_BYTES = 10_000_000


class BodyLimit:
    """ASGI middleware: no route is given more than 10 MB, whether or not the length is declared."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or refuse it by its declared length."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > BODY_LIMIT_BYTES:
            problem = ProblemRaised(
                BODY_TOO_LARGE, _too_large(f"{declared} bytes"), headers={"connection": "close"}
            )
            answer = problem_response(scope["path"], scope["state"]["request_id"], problem)
            await answer(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_LIMIT_BYTES:
                # Anything else FastAPI would take for a body that cannot be parsed.
                raise HTTPException(
                    BODY_TOO_LARGE.status, _too_large("more than that"), {"connection": "close"}
                )
            return message

        await self._app(scope, receive_limited, send)


def _too_large(shown: str) -> str:
    return f"a body of at most {BODY_LIMIT_BYTES} bytes is taken, this one has {shown}"


def decode_upload(content: bytes, field: str) -> Image.Image:
    """Return the upright RGB image that a client sent in a field of a form.

    Raises:
        ProblemRaised: If it is no JPEG, PNG, WebP or BMP, broken, smaller than 8 pixels, or has
            more than 40 megapixels, which its header tells before any pixel is decoded.
    """
    try:
        return decode_image(content)[0]
    except CropUnreadable as error:
        message = f"{field} cannot be used: {error}"
        found = FieldError(
            field=field, code="image_unreadable", message=message, value=f"{len(content)} bytes"
        )
        raise ProblemRaised(REQUEST_INVALID, message, errors=(found,)) from error
