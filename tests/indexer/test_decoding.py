import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.decoding import (
    MAX_KEPT_PIXELS,
    DecodedCrop,
    crop_id,
    decode_crop,
    decode_image,
    silent_pillow,
)
from models.card import ImagePreprocessing
from models.errors import CropUnreadable
from models.images import preprocess
from tests.indexer.conftest import draw

ORIENTATION = 0x0112
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def decoded(content: bytes, path: str = "a.png") -> DecodedCrop:
    return decode_crop(path, content, hashlib.sha256(content).hexdigest())


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quartered() -> Image.Image:
    """Draw 16 x 32 pixels: red, green above; blue, white below."""
    image = Image.new("RGB", (16, 32), RED)
    image.paste(GREEN, (8, 0, 16, 16))
    image.paste(BLUE, (0, 16, 8, 32))
    image.paste(WHITE, (8, 16, 16, 32))
    return image


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colours at upper left, upper right, lower left, lower right."""
    width, height = image.size
    pixels = np.asarray(image)
    places = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    return [tuple(int(value) for value in pixels[place]) for place in places]


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that promises a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )


def turn(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def kinds_of_crops() -> dict[str, bytes]:
    """Files of one picture in every mode that the formats have."""
    colours = quartered()
    grey = colours.convert("L")
    faded = colours.convert("RGBA")
    faded.putalpha(grey)
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    palette = colours.convert("P")
    files = {
        "RGB": encoded(colours),
        "grey": encoded(grey),
        "grey with alpha": encoded(faded.convert("LA")),
        "alpha": encoded(faded),
        "alpha in WebP": encoded(faded, "WEBP", lossless=True),
        "black and white": encoded(grey.convert("1")),
        "CMYK": encoded(colours.convert("CMYK"), "JPEG"),
        "16 bits": encoded(wide),
        "16 bits, one grey transparent": encoded(wide, transparency=int(np.asarray(wide)[0, 0])),
        "palette": encoded(palette),
        "palette, one colour transparent": encoded(palette, transparency=0),
        "one colour transparent": encoded(colours, transparency=RED),
    }
    turned = {f"turned {n}": encoded(colours, "JPEG", exif=turn(n)) for n in range(1, 9)}
    clear = {f"alpha, turned {n}": encoded(faded, exif=turn(n)) for n in (3, 6)}
    return files | turned | clear


CROPS_OF_ALL_KINDS = kinds_of_crops()


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
    ],
)
def test_each_format_becomes_rgb_and_names_its_media_type(kind: str, media_type: str) -> None:
    image, found = decode_image(encoded(Image.new("RGB", (16, 32), RED), kind))
    assert (image.mode, image.size, found) == ("RGB", (16, 32), media_type)
    assert np.abs(np.asarray(image).astype(int) - RED).max() <= 3


def test_the_content_names_the_media_type_not_the_suffix() -> None:
    assert decoded(encoded(quartered()), "a.jpg").media_type == "image/png"


def test_a_jpeg_with_several_pictures_gives_the_first() -> None:
    two = encoded(quartered(), "MPO", save_all=True, append_images=[Image.new("RGB", (16, 32))])
    image, media_type = decode_image(two)
    assert media_type == "image/jpeg"
    assert np.asarray(image).mean() > 50


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), BLUE)]
    content = encoded(
        Image.new("RGB", (16, 16), RED), kind, save_all=True, append_images=frames, duration=50
    )
    image, _ = decode_image(content)
    assert np.abs(np.asarray(image).mean((0, 1)) - RED).max() < 5


# How the upright picture is stored for each value of the EXIF tag (EXIF 2.32, 4.6.4 A): the
# colours of its upper left, upper right, lower left and lower right corners.
STORED = {
    1: (RED, GREEN, BLUE, WHITE),
    2: (GREEN, RED, WHITE, BLUE),
    3: (WHITE, BLUE, GREEN, RED),
    4: (BLUE, WHITE, RED, GREEN),
    5: (RED, BLUE, GREEN, WHITE),
    6: (GREEN, WHITE, RED, BLUE),
    7: (WHITE, GREEN, BLUE, RED),
    8: (BLUE, RED, WHITE, GREEN),
}


@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_picture_is_set_upright(orientation: int) -> None:
    upper_left, upper_right, lower_left, lower_right = STORED[orientation]
    size = (16, 32) if orientation < 5 else (32, 16)
    stored = Image.new("RGB", size, upper_left)
    half_width, half_height = size[0] // 2, size[1] // 2
    stored.paste(upper_right, (half_width, 0, *size))
    stored.paste(lower_left, (0, half_height, half_width, size[1]))
    stored.paste(lower_right, (half_width, half_height, *size))
    image, _ = decode_image(encoded(stored, exif=turn(orientation)))
    assert image.size == (16, 32)
    assert corners(image) == [RED, GREEN, BLUE, WHITE]


def test_broken_exif_does_not_lose_the_picture() -> None:
    for exif in (
        b"Exif\0\0garbage",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12",
        b"Exif\0\0II*\0" * 9,
    ):
        content = encoded(quartered(), "JPEG", exif=exif)
        with silent_pillow():
            assert decode_image(content)[0].size == (16, 32)


def test_exif_that_cannot_be_written_again_still_turns_the_picture() -> None:
    tags = struct.pack(">HHI4s", ORIENTATION, 3, 1, b"\0\x06\0\0")
    tags += struct.pack(">HHI4s", 0x0101, 9, 1, b"\xff\xff\xff\xff")  # a height of -1
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 2) + tags + b"\0\0\0\0"
    image, _ = decode_image(encoded(quartered(), "JPEG", exif=exif))
    assert image.size == (32, 16)


def test_cmyk_becomes_rgb() -> None:
    content = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    assert np.abs(np.asarray(decode_image(content)[0]).astype(int) - RED).max() <= 5


def test_16_bits_are_scaled_not_clipped() -> None:
    grey = Image.fromarray(np.full((16, 16), 0x80FF, np.uint16))
    assert corners(decode_image(encoded(grey))[0])[0] == (0x80, 0x80, 0x80)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_pictures_become_rgb(mode: str) -> None:
    image, _ = decode_image(encoded(Image.new("RGB", (16, 16), WHITE).convert(mode)))
    assert (image.mode, corners(image)[0]) == ("RGB", WHITE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_parts_become_white(kind: str) -> None:
    image = Image.new("RGBA", (16, 16), (0, 0, 255, 0))
    image.paste((0, 0, 255, 255), (8, 0, 16, 16))
    options = {"lossless": True} if kind == "WEBP" else {}
    assert corners(decode_image(encoded(image, kind, **options))[0])[:2] == [WHITE, BLUE]


def test_a_transparent_palette_becomes_white() -> None:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (8, 0, 16, 16))
    content = encoded(image, transparency=0)
    assert corners(decode_image(content)[0])[:2] == [WHITE, RED]


def test_a_crop_handed_to_an_encoder_as_pillow_opens_it_is_read_as_its_file_is() -> None:
    """Both ways to a vector give the encoder the same pixels."""
    recipe = ImagePreprocessing(height=48, width=16, mean=(0, 0, 0), std=(1, 1, 1))
    for name, content in CROPS_OF_ALL_KINDS.items():
        opened = Image.open(io.BytesIO(content))
        decoded, _ = decode_image(content)
        alone, indexed, again = preprocess([opened, decoded, decoded.copy()], recipe)
        assert torch.equal(alone, indexed), name
        assert torch.equal(indexed, again), name
        plain = torch.from_numpy(np.array(decoded.resize((16, 48), Image.Resampling.BILINEAR)))
        assert torch.equal(indexed, plain.permute(2, 0, 1) / 255), name


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"just some text", "not a JPEG, PNG, WebP or BMP image"),
        (encoded(quartered(), "GIF"), "not a JPEG, PNG, WebP or BMP image"),
        (encoded(quartered(), "TIFF"), "not a JPEG, PNG, WebP or BMP image"),
        (encoded(Image.new("RGB", (1, 1))), "too small: 1x1, at least 8x8"),
        (encoded(Image.new("RGB", (7, 300))), "too small: 7x300, at least 8x8"),
        (png_header(30_000, 30_000), "too many pixels"),
        (png_header(6_000, 8_000), "too many pixels: 6000x8000, at most 40,000,000 in all"),
        (png_header(16, 16), "the image is broken"),
        (encoded(quartered().resize((64, 128)), "JPEG")[:700], "the image is broken"),
        (encoded(quartered().resize((64, 128)), "WEBP")[:60], "the image is broken"),
        (encoded(quartered().resize((64, 128)), "BMP")[:900], "the image is broken"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "not a JPEG|the image is broken"),
    ],
)
def test_what_cannot_be_decoded_safely_is_refused_with_its_reason(
    content: bytes, reason: str
) -> None:
    with pytest.raises(CropUnreadable, match=reason):
        decode_image(content)


def test_a_header_of_900_million_pixels_allocates_nothing() -> None:
    # Decoded, it would take 2.7 GB; the peak of this process may not move by a hundredth of it.
    before = _peak_kib()
    with pytest.raises(CropUnreadable, match="too many pixels"):
        decoded(png_header(30_000, 30_000))
    assert _peak_kib() - before < 27_000


def test_broken_bytes_anywhere_never_raise_anything_else() -> None:
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "WEBP", "BMP"):
        good = encoded(quartered(), kind)
        for _ in range(150):
            broken = bytearray(good)
            for place in rng.integers(0, len(good), 3):
                broken[place] = rng.integers(256)
            try:
                with silent_pillow():
                    image, _ = decode_image(bytes(broken))
            except CropUnreadable:
                continue
            assert image.mode == "RGB"


def test_a_decoded_crop_tells_all_of_its_file(tmp_path: Path) -> None:
    path = draw(tmp_path / "cam 1" / "a.png", "blue", (20, 40))
    content = path.read_bytes()
    crop = decoded(content, "cam 1/a.png")
    assert crop.path == "cam 1/a.png"
    assert crop.content_sha256 == hashlib.sha256(content).hexdigest()
    assert crop.id == hashlib.sha256(content).hexdigest()[:20]
    assert (crop.size_bytes, crop.width, crop.height) == (len(content), 20, 40)
    with Image.open(io.BytesIO(crop.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (20, 40))


def test_an_id_is_the_begin_of_the_content_s_sha256() -> None:
    # of b"abc" (FIPS 180-2, B.1)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert crop_id(digest) == "ba7816bf8f01cfea4141"


def test_a_large_photo_is_kept_small_but_tells_its_true_size(tmp_path: Path) -> None:
    crop = decoded(draw(tmp_path / "a.png", "green", (2000, 3000)).read_bytes())
    assert (crop.width, crop.height) == (2000, 3000)
    assert crop.image.size == (1000, 1500)  # sqrt(6 / 2) = 1.7: averaged over 2 x 2 pixels
    assert crop.image.width * crop.image.height <= MAX_KEPT_PIXELS
    assert corners(crop.image)[0] == GREEN


def _peak_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])
