"""Deterministic weights and images of the recordings of NAFS and MIA.

The recordings store no weights: every tensor is a pure function of its name (without ``module.``;
for MIA ``<module>.<key>``) and its shape, drawn from the legacy ``RandomState`` stream, which
NumPy keeps frozen. They store SHA-256 prefixes of the tensors and the batch norms' statistics.
"""

import hashlib
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image


def det(name: str, shape: Sequence[int]) -> npt.NDArray[np.generic]:
    """The float32 weight of that name and shape; ``num_batches_tracked`` is 0, as int64."""
    sizes = tuple(int(size) for size in shape)
    if name.endswith("num_batches_tracked"):
        return np.zeros(sizes, np.int64)
    draw = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
    normal = draw.standard_normal(int(np.prod(sizes))).reshape(sizes)
    return np.ascontiguousarray(_scaled(name, normal), np.float32)


def _scaled(name: str, normal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shape = normal.shape
    # The first rule that fits counts, in this order.
    rules = (
        (name.endswith("running_mean"), lambda: 0.1 * normal),
        (name.endswith("running_var"), lambda: 1 + 0.1 * np.abs(normal)),
        (
            name.endswith("weight") and len(shape) == 1,
            lambda: (0.25 if ".bn3." in name else 1.0) * (1 + 0.1 * normal),
        ),
        ("local_bottleneck_text" in name and name.endswith("weight"), lambda: 1 + 0.1 * normal),
        ("bias" in name.split(".")[-1], lambda: 0.1 * normal),
        (len(shape) == 4, lambda: normal * np.sqrt(2.0 / np.prod(shape[1:]))),
        ("embedding" in name, lambda: 0.5 * normal),
        ("rnn." in name, lambda: normal / np.sqrt(shape[1])),
        (True, lambda: normal / np.sqrt(shape[-1])),
    )
    return next(value() for applies, value in rules if applies)


def sha16(values: npt.NDArray[np.generic]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of an array's bytes, as recorded."""
    return hashlib.sha256(values.tobytes()).hexdigest()[:16]


def det_input(name: str, shape: Sequence[int], scale: float = 1.0) -> npt.NDArray[np.float32]:
    """An input of a recorded case that is random numbers."""
    seed = zlib.crc32(f"input:{name}".encode()) & 0xFFFFFFFF
    draw = np.random.RandomState(seed)
    normal = draw.standard_normal(int(np.prod(shape)))
    return (scale * normal).reshape(tuple(shape)).astype(np.float32)


def smooth_image(seed: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Blobs of colour with noise, uint8 ``(h, w, 3)``; each seed gives another image."""
    draw = np.random.RandomState(seed)
    small = draw.randint(0, 256, size=(6, 3, 3)).astype(np.uint8)
    blobs = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    noise = draw.randint(-20, 21, size=(height, width, 3))
    pixels: npt.NDArray[np.uint8] = np.clip(np.asarray(blobs).astype(np.int32) + noise, 0, 255)
    return pixels.astype(np.uint8)
