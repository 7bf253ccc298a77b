"""The description of the API is true: examples work, errors are declared, nothing is foreign."""

import re
from pathlib import Path
from typing import Any

import pytest

from service.routes.page import PAGE_DIRECTORY
from tests.service.conftest import Service

PAGE_FILES = sorted(PAGE_DIRECTORY.iterdir())


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.client.get("/openapi.json").json()
    return found


def test_the_example_request_is_the_one_of_the_readme_and_works(
    service: Service, document: dict[str, Any]
) -> None:
    (example,) = document["components"]["schemas"]["SearchRequest"]["examples"]
    assert example == {"text": "woman in red coat"}
    assert service.client.post("/search", json=example).status_code == 200


def test_problems_are_declared_under_their_own_media_type(document: dict[str, Any]) -> None:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path in ("/search", "/v1/search"):
        responses = document["paths"][path]["post"]["responses"]
        assert set(responses) == {"200", "400", "413", "415", "422", "500", "503"}
        for status in set(responses) - {"200"}:
            assert responses[status]["content"] == {"application/problem+json": problem}
    assert set(document["paths"]["/v1/crops/{crop_id}"]["get"]["responses"]) >= {
        "200",
        "304",
        "404",
        "410",
    }
    assert "ValidationError" not in str(document)


def test_limits_are_declared(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    text, limit = (schemas["SearchRequest"]["properties"][name] for name in ("text", "limit"))
    assert (text["minLength"], text["maxLength"]) == (1, 1000)
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 200, 20)
    assert schemas["SearchRequest"]["additionalProperties"] is False


def test_every_route_is_listed(document: dict[str, Any]) -> None:
    everywhere = {"/healthz", "/readyz", "/metrics"}
    twice = {"/search", "/crops/{crop_id}", "/crops/{crop_id}/thumbnail", "/info"}
    assert set(document["paths"]) == everywhere | twice | {f"/v1{path}" for path in twice}


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_are_served_with_a_strict_policy(service: Service, path: str) -> None:
    response = service.client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "img-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert service.client.head(path).headers["etag"] == response.headers["etag"]
    known = {"if-none-match": response.headers["etag"]}
    assert service.client.get(path, headers=known).status_code == 304


@pytest.mark.parametrize("file", PAGE_FILES, ids=lambda path: path.name)
def test_what_is_in_the_repository_is_what_the_browser_runs(service: Service, file: Path) -> None:
    response = service.client.get(f"/page/{file.name}")
    assert response.content == file.read_bytes()
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("file", PAGE_FILES, ids=lambda path: path.name)
def test_page_files_load_nothing_foreign_and_never_write_markup(file: Path) -> None:
    text = file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text)
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert forbidden not in text
    if file.suffix == ".html":
        assert "style=" not in text
        assert not re.search(r"<script(?![^>]*src=)", text)
        assert not re.search(r"\son[a-z]+=", text)
