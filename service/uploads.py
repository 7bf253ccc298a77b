"""How much a client may hand in."""

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import BODY_TOO_LARGE, ProblemRaised, problem_response

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
