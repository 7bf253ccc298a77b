"""The gate before all routes: who brings no key that holds gets no further."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import FastAPI, Request, Security
from fastapi.params import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry, Counter
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.access.clients import client_of, is_from_this_machine, is_sent_by_another_site
from service.access.granted import SCOPES, Access, Scope, access_of
from service.access.key_ring import Keys, KeysUnknown, NoKeys
from service.access.keys import presented_key
from service.openapi import problems
from service.problems import (
    ACCESS_UNKNOWN,
    KEY_NEEDED,
    NOT_ALLOWED,
    ProblemRaised,
    problem_response,
)
from service.request_frame import RequestFrame
from service.uploads import BodyLimit

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
METRICS_PATH = "/metrics"
CHALLENGE = 'Bearer realm="descry"'
# What makes a browser ask its user, who gives the key as password.
BROWSER_CHALLENGE = 'Basic realm="descry", charset="UTF-8"'
ALL_SCOPES = frozenset(SCOPES)
GATE_PROBLEMS = problems(KEY_NEEDED, NOT_ALLOWED, ACCESS_UNKNOWN)
_bearer = HTTPBearer(auto_error=False, description="An API key; also taken as X-API-Key.")


@dataclass(frozen=True)
class AccessRules:
    """What an operator has set about access.

    ``trusted_proxies`` are addresses and networks whose forwarding headers count;
    ``cors_origins`` are sites whose pages may call the service from a browser.
    """

    allow_open: bool = False
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    metrics: Literal["open", "admin"] = "admin"


DEFAULT_RULES = AccessRules()


def requires(scope: Scope) -> Depends:
    """Return the dependency of a route that needs a scope."""

    async def check(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> None:
        if scope not in access_of(request).scopes:
            raise ProblemRaised(
                NOT_ALLOWED,
                f"this address needs a key with the scope {scope}; the key has "
                f"{', '.join(sorted(access_of(request).scopes))}",
                headers={
                    "www-authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
                },
            )

    checked: Depends = Security(check)
    return checked


class Gate:
    """ASGI middleware: grants each request its access, or answers it."""

    def __init__(self, app: ASGIApp, keys: Keys, rules: AccessRules, refusals: Counter) -> None:
        self._app = app
        self._keys = keys
        self._rules = rules
        self._refusals = refusals
        self._open = OPEN_PATHS | ({METRICS_PATH} if rules.metrics == "open" else set())

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Let one request pass, or refuse it before anything of its body is read."""
        if scope["type"] == "websocket":  # nothing here is one, so that none can be forgotten
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            try:
                scope["state"]["access"] = self._admit(Request(scope))
            except ProblemRaised as problem:
                self._refusals.labels(problem.kind.name).inc()
                answer = problem_response(scope["path"], scope["state"]["request_id"], problem)
                if problem.kind is KEY_NEEDED:
                    answer.headers.append("www-authenticate", BROWSER_CHALLENGE)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _admit(self, request: Request) -> Access:
        client = client_of(request)
        everything = Access(None, ALL_SCOPES, None, client)
        if request.scope["path"] in self._open:
            return everything
        if is_sent_by_another_site(request) and not self._is_welcome(request):
            raise ProblemRaised(
                NOT_ALLOWED,
                "a page of another site sends this; --cors-origins names the sites that may",
            )
        try:
            if not self._keys.any_made():
                self._require_this_machine(request)
                return everything
            key = self._keys.find(given) if (given := presented_key(request.headers)) else None
        except KeysUnknown as error:
            raise ProblemRaised(
                ACCESS_UNKNOWN,
                "the database of keys cannot be read; try again later",
                headers={"retry-after": "5"},
            ) from error
        if key is None:
            raise _key_needed(wrong=given is not None)
        return Access(key.id, key.scopes, key.cameras, client)

    def _is_welcome(self, request: Request) -> bool:
        return request.headers.get("origin") in self._rules.cors_origins

    def _require_this_machine(self, request: Request) -> None:
        if not self._rules.allow_open and not is_from_this_machine(request):
            raise ProblemRaised(
                NOT_ALLOWED,
                "this service has no API key yet, so that it answers only its own machine; "
                "python -m service keys create makes one",
            )


def _key_needed(*, wrong: bool) -> ProblemRaised:
    if wrong:
        detail = "the API key is unknown, revoked or expired"
        return ProblemRaised(
            KEY_NEEDED, detail, headers={"www-authenticate": f'{CHALLENGE}, error="invalid_token"'}
        )
    return ProblemRaised(
        KEY_NEEDED,
        "send an API key with the header authorization: Bearer KEY",
        headers={"www-authenticate": CHALLENGE},
    )


def install_gate(
    app: FastAPI,
    registry: CollectorRegistry,
    keys: Keys | None = None,
    rules: AccessRules = DEFAULT_RULES,
) -> None:
    """Put everything around an application that a request meets before its route.

    Without keys it answers its own machine only. Refusals are counted in ``registry``.
    """
    refusals = Counter(
        "descry_access_refusals",
        "Requests that the gate refused, by the kind of problem",
        ["problem"],
        registry=registry,
    )
    # The last one added is the outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(Gate, keys=keys or NoKeys(), rules=rules, refusals=refusals)
    if rules.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(rules.trusted_proxies))
    if rules.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(rules.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "x-api-key", "x-descry-purpose"],
            expose_headers=["x-request-id", "retry-after"],
        )
    app.add_middleware(RequestFrame)
