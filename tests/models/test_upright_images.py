import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from models.upright_images import upright_rgb

ORIENTATION = 0x0112
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
CLEAR = (0, 0, 255, 0)


def opened(image: Image.Image, kind: str = "PNG", **options: object) -> Image.Image:
    """The image as Pillow gives it when it opens a file of it, not yet decoded."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(io.BytesIO(buffer.getvalue()))


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def colours(image: Image.Image) -> list[list[tuple[int, ...]]]:
    return [[tuple(map(int, pixel)) for pixel in row] for row in np.asarray(image)]


def two_pixels(mode: str, left: float | tuple[int, ...], right: float | tuple[int, ...]) -> (
    Image.Image
):  # fmt: skip
    image = Image.new(mode, (2, 1), left)
    image.putpixel((1, 0), right)
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (two_pixels("1", 0, 1), [(0, 0, 0), WHITE]),
        (two_pixels("L", 7, 200), [(7, 7, 7), (200, 200, 200)]),
        (two_pixels("RGB", RED, BLUE), [RED, BLUE]),
        (two_pixels("RGBX", (*RED, 0), (*BLUE, 9)), [RED, BLUE]),
        (two_pixels("CMYK", (0, 255, 255, 0), (0, 0, 0, 255)), [RED, (0, 0, 0)]),
        (two_pixels("HSV", (0, 255, 255), (0, 0, 255)), [RED, WHITE]),
        (two_pixels("YCbCr", (255, 128, 128), (0, 128, 128)), [WHITE, (0, 0, 0)]),
        (two_pixels("RGBA", CLEAR, (*RED, 255)), [WHITE, RED]),
        (two_pixels("RGBa", (0, 0, 0, 0), (*RED, 255)), [WHITE, RED]),
        (two_pixels("LA", (0, 0), (9, 255)), [WHITE, (9, 9, 9)]),
        (two_pixels("La", (0, 0), (9, 255)), [WHITE, (9, 9, 9)]),
        (two_pixels("I;16", 0x80FF, 0x0100), [(0x80,) * 3, (1, 1, 1)]),
        (two_pixels("I;16B", 0x80FF, 0x0100), [(0x80,) * 3, (1, 1, 1)]),
        (two_pixels("I", 0x80FF, 0x0100), [(0x80,) * 3, (1, 1, 1)]),
        (two_pixels("I", -5, 70_000), [(0, 0, 0), WHITE]),
        (two_pixels("F", 127.9, 3.0), [(127,) * 3, (3, 3, 3)]),
        (two_pixels("F", -1.0, 1e9), [(0, 0, 0), WHITE]),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_each_mode_becomes_the_colours_that_people_see(
    image: Image.Image, expected: list[tuple[int, ...]]
) -> None:
    rgb = upright_rgb(image)
    assert (rgb.mode, colours(rgb)) == ("RGB", [expected])


def test_half_transparent_colours_are_mixed_with_white() -> None:
    """51 / 255 of red on white: 255, and 255 - 51 of the others."""
    assert colours(upright_rgb(Image.new("RGBA", (1, 1), (*RED, 51)))) == [[(255, 204, 204)]]


def test_palettes_keep_colours_and_transparency() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([*BLUE, *RED, 0, 255, 0])
    for x in range(3):
        image.putpixel((x, 0), x)
    assert colours(upright_rgb(image)) == [[BLUE, RED, (0, 255, 0)]]
    one_clear = opened(image, transparency=0)
    each = opened(image, transparency=bytes([255, 51, 0]))
    assert (one_clear.mode, each.mode) == ("P", "P")
    assert colours(upright_rgb(one_clear)) == [[WHITE, RED, (0, 255, 0)]]
    assert colours(upright_rgb(each)) == [[BLUE, (255, 204, 204), WHITE]]


@pytest.mark.parametrize(
    ("image", "clear"),
    [
        (two_pixels("L", 7, 200), 7),
        (two_pixels("1", 0, 1), 0),
        (two_pixels("RGB", BLUE, (200, 200, 200)), BLUE),
        (two_pixels("I;16", 0x0701, 0xC8FF), 0x0701),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_a_colour_that_stands_for_transparent_becomes_white(
    image: Image.Image, clear: int | tuple[int, ...]
) -> None:
    left, right = colours(upright_rgb(opened(image, transparency=clear)))[0]
    assert left == WHITE
    assert right == (WHITE if image.mode == "1" else (200, 200, 200))


def test_16_bit_greys_are_the_same_in_both_modes_of_pillow() -> None:
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    narrow, wide = Image.fromarray(values), Image.fromarray(values.astype(np.int32))
    assert (narrow.mode, wide.mode) == ("I;16", "I")
    expected = (values // 256).astype(np.uint8)
    for image in (narrow, wide, opened(narrow), opened(wide, "PPM")):
        assert np.array_equal(np.asarray(upright_rgb(image))[..., 1], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "I;16", "RGBA"])
def test_a_turned_picture_is_set_upright_as_pillow_does(mode: str, orientation: int) -> None:
    values = np.random.default_rng(orientation).integers(0, 256, (5, 3, 3), np.uint8)
    image = Image.fromarray(values)
    image = Image.fromarray(values[..., 0].astype(np.uint16) << 8) if mode == "I;16" else (
        image.convert(mode)
    )  # fmt: skip
    file = opened(image, exif=turned(orientation))
    expected = ImageOps.exif_transpose(file)
    assert expected is not None
    assert np.array_equal(np.asarray(upright_rgb(file)), np.asarray(upright_rgb(expected)))
    assert upright_rgb(file).size == ((3, 5) if orientation < 5 else (5, 3))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO"])
def test_a_picture_is_turned_once_however_often_it_is_handed_on(kind: str) -> None:
    image = Image.new("RGB", (32, 16), "red")
    image.paste(BLUE, (0, 0, 16, 16))
    once = upright_rgb(opened(image, kind, exif=turned(6)))  # its left side is the top
    assert once.size == (16, 32)
    assert np.abs(np.asarray(once)[4, 8].astype(int) - BLUE).max() < 9
    for again in (upright_rgb(once), upright_rgb(once.copy()), upright_rgb(once.reduce(1))):
        assert colours(again) == colours(once)


def test_a_copy_that_kept_the_tag_of_its_turned_file_is_set_upright() -> None:
    file = opened(Image.new("RGB", (32, 16)), "JPEG", exif=turned(6))
    assert upright_rgb(file.convert("L").resize((8, 4))).size == (4, 8)


def test_a_turn_that_only_xmp_tells_is_made_once() -> None:
    image = Image.new("RGB", (4, 2))
    image.info["xmp"] = b'<rdf:Description tiff:Orientation="6"/>'
    once = upright_rgb(image)
    assert once.size == upright_rgb(once).size == (2, 4)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0garbage",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12",
        b"garbage",
        b"Exif\0\0II*\0" * 9,
    ],
)
def test_broken_exif_does_not_lose_the_picture(exif: bytes) -> None:
    image = Image.new("RGB", (4, 8), BLUE)
    image.info["exif"] = exif
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        rgb = upright_rgb(image)
    assert colours(rgb) == colours(image)
    assert colours(upright_rgb(rgb)) == colours(image)  # and now without a warning


def test_truncated_pixels_are_an_error() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    with pytest.raises(OSError, match="truncated"):
        upright_rgb(Image.open(io.BytesIO(buffer.getvalue()[:3000])))


def test_a_16_bit_colour_picture_keeps_its_upper_bits() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
    pixel = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">HHH", 0x80FF, 0x0100, 0xFFFF)))
    content = b"\x89PNG\r\n\x1a\n" + header + pixel + chunk(b"IEND", b"")
    assert colours(upright_rgb(Image.open(io.BytesIO(content)))) == [[(0x80, 1, 0xFF)]]


def test_the_image_handed_in_stays_as_it_is() -> None:
    image = Image.new("RGB", (32, 16))
    image.info["exif"] = turned(6).tobytes()
    copy = upright_rgb(image)
    copy.putpixel((0, 0), RED)
    assert image.size == (32, 16)
    assert "exif" in image.info
    assert image.getpixel((0, 0)) == (0, 0, 0)
