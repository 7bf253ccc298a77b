"""Crops as an index keeps them, made from a number instead of a picture."""

import hashlib
from dataclasses import replace

import numpy as np

from indexer.decoding import crop_id
from indexer.records import Crop
from indexer.segments import StoredCrop
from models.contracts import Float32Array

WIDTH = 4


def digest(number: int) -> str:
    """Return the SHA-256 of the content of crop ``number``: its digits."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def crop(number: int, **changes: object) -> Crop:
    """Return a record without metadata; its file is ``number.png`` below ``/crops``."""
    plain = Crop(
        id=crop_id(digest(number)),
        root="/crops",
        path=f"{number}.png",
        other_paths=(),
        content_sha256=digest(number),
        media_type="image/png",
        size_bytes=len(str(number)),
        width=8,
        height=16,
        camera=None,
        captured_at=None,
        track_id=None,
        extra={},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name


def vector(number: int) -> Float32Array:
    """Return a unit row: an axis of space by turns."""
    rows: Float32Array = np.eye(WIDTH, dtype=np.float32)
    row: Float32Array = rows[number % WIDTH]
    return row


def stored(number: int, **changes: object) -> StoredCrop:
    """Return crop ``number`` with a thumbnail and a content that say the number."""
    return StoredCrop(
        crop(number, **changes), vector(number), b"thumbnail %d" % number, b"%d" % number
    )
