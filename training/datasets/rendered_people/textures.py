"""Tileable noise: weave, grime, foliage and folds."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

_SIZE = 256  # a power of two, so that wrapping is a bit mask


@dataclass(frozen=True)
class Textures:
    """Square tiles ``(256, 256)`` of zero mean and unit deviation."""

    coarse: tuple[Floats, ...]
    fine: tuple[Floats, ...]
    folds: tuple[Floats, ...]


@cache
def textures() -> Textures:
    """Return the tiles, the same in every process."""
    rng = np.random.default_rng(7)
    coarse = tuple(_noise(rng, (4, 8, 16, 32, 64, 128)) for _ in range(8))
    fine = tuple(_noise(rng, (16, 32, 64, 128)) for _ in range(4))
    return Textures(coarse, fine, tuple(_folds(rng) for _ in range(8)))


def lookup(tile: Floats, x: Floats, y: Floats) -> Floats:
    """Return the tile's values at ``x``, ``y``, where 1 is one whole tile."""
    size = tile.shape[0]
    row = (y * size).astype(np.int32) & (size - 1)
    column = (x * size).astype(np.int32) & (size - 1)
    return np.asarray(tile[row, column])


def box_blur(values: Floats, radius: int, times: int = 1) -> Floats:
    """Average each value of ``(h, w)`` or ``(h, w, 3)`` with its neighbours, edges repeated."""
    width = 2 * radius + 1
    for _ in range(times):
        for axis in (0, 1):
            padding = [(0, 0)] * values.ndim
            padding[axis] = (radius + 1, radius)
            total = np.cumsum(np.pad(values, padding, "edge"), axis=axis, dtype=np.float64)
            ahead = np.take(total, range(width, total.shape[axis]), axis)
            behind = np.take(total, range(total.shape[axis] - width), axis)
            values = ((ahead - behind) / width).astype(np.float32)
    return values


def _noise(
    rng: np.random.Generator, octaves: tuple[int, ...], stretch: tuple[float, float] = (1.0, 1.0)
) -> Floats:
    """Sum smooth value noise of several frequencies, each weaker than the one before."""
    total = np.zeros((_SIZE, _SIZE), np.float32)
    amplitude = 1.0
    for octave in octaves:
        columns, rows = (max(2, int(octave * factor)) for factor in stretch)
        grid = np.pad(rng.random((rows, columns)).astype(np.float32), ((0, 1), (0, 1)), "wrap")
        smooth = Image.fromarray(grid).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC)
        total += np.float32(amplitude) * (np.asarray(smooth) - np.float32(0.5))
        amplitude *= 0.55
    return np.asarray(total / total.std())


def _folds(rng: np.random.Generator) -> Floats:
    """Emboss a ridged noise, so that it looks like cloth lit from the upper left."""
    steep = _noise(rng, (3, 6, 12), (1.6, 1.0))
    shallow = _noise(rng, (5, 9), (0.7, 1.6))
    height = 1 - np.abs(steep) * 0.8 + 0.5 * (1 - np.abs(shallow))
    relief = (np.roll(height, 2, 1) - height) * 1.2 + (np.roll(height, 3, 0) - height) * 1.6
    return np.asarray(relief / relief.std(), np.float32)
