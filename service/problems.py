"""Every error as RFC 9457 ``application/problem+json``; the one place that knows HTTP statuses."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.schemas import Check, FieldError, Problem

PROBLEM_MEDIA_TYPE = "application/problem+json"
SHOWN_LENGTH = 80
SHOWN_ERRORS = 20
SPELT_OUT_ERRORS = 3


@dataclass(frozen=True)
class ProblemKind:
    """A kind of error: its name in ``urn:descry:problem:NAME``, its status, its title."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The URI that identifies the kind."""
        return f"urn:descry:problem:{self.name}"


JSON_MALFORMED = ProblemKind("json-malformed", 400, "The body is not JSON")
KEY_NEEDED = ProblemKind("key-needed", 401, "An API key is needed")
NOT_ALLOWED = ProblemKind("not-allowed", 403, "This is not allowed")
NOT_FOUND = ProblemKind("not-found", 404, "There is nothing at this address")
CROP_UNKNOWN = ProblemKind("crop-unknown", 404, "There is no crop of this id")
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", 405, "This address does not take the method")
CROP_GONE = ProblemKind("crop-gone", 410, "The crop's file is gone or has changed")
CURSOR_EXPIRED = ProblemKind("cursor-expired", 410, "The ranking of the cursor is gone")
BODY_TOO_LARGE = ProblemKind("body-too-large", 413, "The body is too large")
MEDIA_TYPE_UNSUPPORTED = ProblemKind("media-type-unsupported", 415, "The body is of another kind")
REQUEST_INVALID = ProblemKind("request-invalid", 422, "The request has a value that cannot be used")
INTERNAL = ProblemKind("internal", 500, "The service failed")
IMAGE_UNREADABLE = ProblemKind("image-unreadable", 422, "The picture cannot be read")
ACCESS_UNKNOWN = ProblemKind("access-unknown", 503, "Who may cannot be told")
AUDIT_FAILED = ProblemKind("audit-failed", 503, "The search cannot be written down")
NOT_READY = ProblemKind("not-ready", 503, "The service is not ready")

_OF_STATUS = {
    400: JSON_MALFORMED,
    404: NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    413: BODY_TOO_LARGE,
    415: MEDIA_TYPE_UNSUPPORTED,
}


class ProblemRaised(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: tuple[FieldError, ...] = (),
        checks: tuple[Check, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.errors = errors
        self.checks = checks


def problem_response(path: str, request_id: str, problem: ProblemRaised) -> Response:
    """Write a problem as the answer to the request of that path and id."""
    body = Problem(
        type=problem.kind.type,
        title=problem.kind.title,
        status=problem.kind.status,
        detail=problem.detail,
        instance=shorten(path),
        request_id=request_id,
        errors=problem.errors,
        checks=problem.checks,
    )
    empty = {name for name in ("errors", "checks") if not getattr(body, name)}
    return Response(
        body.model_dump_json(exclude=empty),
        status_code=problem.kind.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"cache-control": "no-store", **(problem.headers or {})},
    )


def shorten(text: str) -> str:
    """Return printable text of at most 80 characters; what cannot be encoded is escaped."""
    encodable = text.encode("utf-8", "backslashreplace").decode()
    printable = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in encodable[:200])
    return printable if len(printable) <= SHOWN_LENGTH else printable[: SHOWN_LENGTH - 1] + "…"


def refused(validation_errors: Iterable[Mapping[str, Any]]) -> ProblemRaised:
    """Turn what pydantic found into a problem that names each field, its value and the remedy."""
    found = list(validation_errors)
    malformed = next((error for error in found if error["type"] == "json_invalid"), None)
    if malformed is not None:
        reason = malformed.get("ctx", {}).get("error", "cannot be parsed")
        position = malformed["loc"][-1]
        return ProblemRaised(
            JSON_MALFORMED,
            f"the body is not JSON: {shorten(str(reason))} at character {position}; "
            'send, for example, {"text": "woman in red coat"}',
        )
    errors = tuple(_field_error(error) for error in found[:SHOWN_ERRORS])
    detail = "; ".join(error.message for error in errors[:SPELT_OUT_ERRORS])
    if len(found) > SPELT_OUT_ERRORS:
        detail += f"; and {len(found) - SPELT_OUT_ERRORS} more"
    return ProblemRaised(REQUEST_INVALID, detail, errors=errors)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    location: Sequence[str | int] = error["loc"]
    names = [str(part) for part in location if part not in ("body", "query", "path")]
    field = shorten(".".join(names)) or "body"
    code: str = error["type"]
    value = None if code == "missing" else _as_json(error.get("input"))
    return FieldError(
        field=field, code=code, message=_message(field, code, error["msg"], value), value=value
    )


def _message(field: str, code: str, reason: str, value: str | None) -> str:
    if code == "missing":
        return f"{field} is missing"
    if code == "extra_forbidden":
        return f"{field} is not a known field: remove it or correct its spelling"
    if code.startswith("text_"):
        return reason
    if code == "model_attributes_type":
        return 'the body must be a JSON object, for example {"text": "woman in red coat"}'
    return f"{field} is {value}: {reason[0].lower()}{reason[1:]}"


def _as_json(value: object) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    return shorten(json.dumps(value, ensure_ascii=False, default=lambda _: "(not JSON)"))


def of_http_exception(error: HTTPException, method: str, path: str) -> ProblemRaised:
    """Turn an error of the framework into a problem."""
    kind = _OF_STATUS.get(error.status_code)
    if kind is None:
        kind = ProblemKind(f"http-{error.status_code}", error.status_code, str(error.detail))
    details = {
        400: "the body cannot be parsed (JSON nested too deeply, a number too long, or broken "
        "multipart)",
        404: f"{shorten(path)} does not exist; /docs lists what does",
        405: f"{shorten(path)} does not take {method}; allowed: "
        f"{(error.headers or {}).get('Allow', 'see /docs')}",
    }
    detail = details.get(error.status_code, str(error.detail))
    return ProblemRaised(kind, detail, headers=error.headers)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error that a route or the framework raises a problem."""

    def respond(request: Request, problem: ProblemRaised) -> Response:
        request_id: str = request.state.request_id
        return problem_response(request.url.path, request_id, problem)

    def handle_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemRaised)  # noqa: S101 - registered for this class only
        return respond(request, error)

    def handle_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        return respond(request, refused(error.errors()))

    def handle_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        return respond(request, of_http_exception(error, request.method, request.url.path))

    app.add_exception_handler(ProblemRaised, handle_problem)
    app.add_exception_handler(RequestValidationError, handle_validation)
    app.add_exception_handler(HTTPException, handle_http)
