"""An application whose OpenAPI says what its errors really look like."""

from typing import Any

from fastapi import FastAPI

from service.problems import PROBLEM_MEDIA_TYPE, ProblemKind
from service.schemas import Problem

# FastAPI's own shapes of an error, which install_problem_handlers replaces.
FOREIGN_SCHEMAS = ("HTTPValidationError", "ValidationError")

Responses = dict[int | str, dict[str, Any]]


def problems(*kinds: ProblemKind) -> Responses:
    """Return the ``responses`` of a route that can end in these problems."""
    described: Responses = {}
    for kind in kinds:
        entry = described.setdefault(kind.status, {"model": Problem, "description": kind.title})
        if kind.title not in entry["description"]:
            entry["description"] += f"; {kind.title[0].lower()}{kind.title[1:]}"
    return described


class DocumentedApp(FastAPI):
    """Declares errors as they are: problems, which FastAPI has no setting for."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        fresh = self.openapi_schema is None
        document = super().openapi()
        if fresh:
            for path in document["paths"].values():
                for operation in path.values():
                    _declare_problems(operation["responses"])
            for name in FOREIGN_SCHEMAS:
                document["components"]["schemas"].pop(name, None)
        return document


def _declare_problems(responses: dict[str, Any]) -> None:
    for status, response in list(responses.items()):
        schemas = [media.get("schema") for media in response.get("content", {}).values()]
        if _reference(Problem.__name__) in schemas:
            response["content"] = {PROBLEM_MEDIA_TYPE: {"schema": _reference(Problem.__name__)}}
        elif any(_reference(name) in schemas for name in FOREIGN_SCHEMAS):
            # Any text can stand in a path here, so this never comes; see problems.py for bodies.
            del responses[status]


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
