"""What a client hands in is judged before it is read."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from service.access.gate import install_gate
from service.problems import install_problem_handlers
from service.uploads import BODY_LIMIT_BYTES


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    install_gate(app, CollectorRegistry())
    install_problem_handlers(app)
    return TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 5))


def chunks(size: int) -> Iterator[bytes]:
    while size > 0:
        yield b"x" * min(size, 1_000_000)
        size -= 1_000_000


def test_ten_megabytes_are_taken(client: TestClient) -> None:
    assert client.post("/size", content=b"x" * 10_000_000).json() == 10_000_000
    assert client.post("/size", content=chunks(10_000_000)).json() == 10_000_000


def test_one_byte_more_is_refused_whether_or_not_it_is_declared(client: TestClient) -> None:
    for content in (b"x" * 10_000_001, chunks(10_000_001)):
        response = client.post("/size", content=content)
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["connection"] == "close"
        problem = response.json()
        assert problem["type"] == "urn:descry:problem:body-too-large"
        assert str(BODY_LIMIT_BYTES) in problem["detail"]
