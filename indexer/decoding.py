"""From the bytes of a file to an upright RGB image, whatever the bytes are."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from indexer.thumbnails import make_thumbnail
from models.errors import CropUnreadable
from models.upright_images import upright_rgb

MAX_PIXELS = 40_000_000
MIN_SIDE = 8
# A person crop is far below this. Larger photos are averaged down by whole factors as soon as
# they are decoded, so that the images waiting for the encoder fit in memory.
MAX_KEPT_PIXELS = 2_000_000

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what Pillow calls a JPEG with further pictures behind it
    "PNG": "image/png",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
}
_ID_DIGITS = 20


@dataclass(frozen=True)
class DecodedCrop:
    """One readable file: what it is, its RGB image, and its thumbnail (WebP).

    ``width`` and ``height`` are those of the upright image in the file; ``image`` is smaller
    where the file holds more than ``MAX_KEPT_PIXELS``.
    """

    id: str
    path: str
    content_sha256: str
    media_type: str
    size_bytes: int
    width: int
    height: int
    image: Image.Image
    thumbnail: bytes


def crop_id(content_sha256: str) -> str:
    """Return the 20 hexadecimal digits that name a content, wherever it lies."""
    return content_sha256[:_ID_DIGITS]


def decode_crop(path: str, content: bytes, content_sha256: str) -> DecodedCrop:
    """Decode the content of a file; ``content_sha256`` is what ``sha256`` says of it.

    Raises:
        CropUnreadable: If it cannot be decoded safely; the message is the reason alone.
    """
    image, media_type = decode_image(content)
    width, height = image.size
    if width * height > MAX_KEPT_PIXELS:
        image = image.reduce(int(np.ceil(np.sqrt(width * height / MAX_KEPT_PIXELS))))
    return DecodedCrop(
        id=crop_id(content_sha256),
        path=path,
        content_sha256=content_sha256,
        media_type=media_type,
        size_bytes=len(content),
        width=width,
        height=height,
        image=image,
        thumbnail=make_thumbnail(image),
    )


@contextlib.contextmanager
def silent_pillow() -> Iterator[None]:
    """Keep Pillow from warning of oddities in files; what cannot be decoded is an error anyway.

    For the one thread that runs a build: the filter holds for the whole process meanwhile.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def decode_image(content: bytes) -> tuple[Image.Image, str]:
    """Return the upright RGB image (the first frame) and its media type.

    Transparent parts become white. The header is judged before any pixel is decoded.

    Raises:
        CropUnreadable: If the bytes are no image, or one that is too small, too large or broken.
    """
    if not content:
        raise CropUnreadable("the file is empty")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check_size(*image.size)
            media_type = _MEDIA_TYPES[image.format or ""]
            image.load()
            return upright_rgb(image), media_type
    except CropUnreadable:
        raise
    except UnidentifiedImageError as error:
        raise CropUnreadable("not a JPEG, PNG, WebP or BMP image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise CropUnreadable(f"too many pixels: {error}; at most {MAX_PIXELS:,}") from error
    except Exception as error:
        # Broken files make decoders fail in many ways; none of them may end a build.
        raise CropUnreadable(f"the image is broken: {error}") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise CropUnreadable(f"too many pixels: {width}x{height}, at most {MAX_PIXELS:,} in all")
    if min(width, height) < MIN_SIDE:
        raise CropUnreadable(f"too small: {width}x{height}, at least {MIN_SIDE}x{MIN_SIDE}")
