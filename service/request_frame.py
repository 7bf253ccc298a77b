"""What surrounds every request: its id, security headers, one log line, and no leaked traceback."""

import time
import traceback
import uuid

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import INTERNAL, ProblemRaised, problem_response, shorten

PAGE_POLICY = (
    "default-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    # The page's address holds the description: it must not travel in a Referer header.
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-frame-options": "DENY",  # for browsers that do not know frame-ancestors
    # Answers tell of people: what may be kept says so itself.
    "cache-control": "no-store",
    "content-security-policy": PAGE_POLICY,
}
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class RequestFrame:
    """ASGI middleware, the outermost one: nothing gets past it unlogged or unanswered.

    It logs the path without its query string, because the page keeps the description there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = str(uuid.uuid4())
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["peer"] = scope["client"][0] if scope.get("client") else None
        status = 0

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_framed)
        except Exception as error:  # noqa: BLE001 - the last place that can answer
            log.error(  # noqa: TRY400 - a message could quote the description, so frames only
                "request_failed",
                request_id=request_id,
                error=type(error).__name__,
                frames=traceback.format_tb(error.__traceback__),
            )
            if status == 0:
                problem = ProblemRaised(INTERNAL, f"the log of the service has it as {request_id}")
                answer = problem_response(scope["path"], request_id, problem)
                await answer(scope, receive, send_framed)
        if scope["path"] not in QUIET_PATHS:
            access = state.get("access")
            log.info(
                "request",
                request_id=request_id,
                key=getattr(access, "key_id", None),
                method=scope["method"],
                path=shorten(scope["path"]),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
