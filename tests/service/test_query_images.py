"""A picture of a query is judged before it is decoded."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from models.errors import CropUnreadable
from service.query_images import read_query_image


def encoded(width: int, height: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_an_image_of_a_known_format_is_decoded(kind: str) -> None:
    image = read_query_image(encoded(40, 80, kind)).image
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
    with pytest.raises(CropUnreadable, match="too many pixels"):
        read_query_image(png_that_claims(*size))


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
    with pytest.raises(CropUnreadable, match=said):
        read_query_image(content)
