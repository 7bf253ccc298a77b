"""What a client hands in: judged before it is read, and before it is decoded."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from fastapi import FastAPI, Request
from PIL import Image
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from service.access.gate import install_gate
from service.problems import ProblemRaised, install_problem_handlers
from service.uploads import BODY_LIMIT_BYTES, decode_upload


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


def encoded(width: int, height: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_an_image_of_a_known_format_is_decoded(kind: str) -> None:
    image = decode_upload(encoded(40, 80, kind), "image")
    assert (image.mode, image.size) == ("RGB", (40, 80))
    red, green, _ = np.asarray(image)[40, 20]
    assert red > 150 > green


def png_that_claims(width: int, height: int) -> bytes:
    """A header without pixels: decoding it would fail, so that only the header can be judged."""
    fields = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(fields)) + b"IHDR" + fields
    header = chunk + struct.pack(">I", zlib.crc32(b"IHDR" + fields))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 100) + b"IDAT"


@pytest.mark.parametrize("size", [(8001, 5000), (200_000, 201), (60_000, 60_000)])
def test_forty_megapixels_are_the_most_and_told_from_the_header(size: tuple[int, int]) -> None:
    with pytest.raises(ProblemRaised, match="too many pixels") as raised:
        decode_upload(png_that_claims(*size), "image")
    assert raised.value.kind.status == 422
    (error,) = raised.value.errors
    assert (error.field, error.code) == ("image", "image_unreadable")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"GIF89a" + b"\x00" * 50, "not a JPEG, PNG, WebP or BMP"),
        (b"http://192.0.2.1/picture.jpg", "not a JPEG, PNG, WebP or BMP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG, PNG, WebP or BMP"),
        (encoded(7, 80), "too small: 7x80"),
        (encoded(80, 80)[:-30], "broken"),
    ],
)
def test_what_is_no_image_is_refused_by_name(content: bytes, said: str) -> None:
    with pytest.raises(ProblemRaised, match=said) as raised:
        decode_upload(content, "image")
    assert raised.value.detail.startswith("image cannot be used: ")
