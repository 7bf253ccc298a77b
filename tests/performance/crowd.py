"""Vectors of a made-up crowd, as clustered as those of real person encoders, in any number.

People wear one of 2,000 outfits, each in their own way, and have five crops. Directions carry
variance as in the vectors of trained encoders: evenly up to about the 32nd, then steeply less
(the default model's have a participation ratio of 32). All crops share a direction, the cone of
images. IVF2048,SQ8 finds 0.88, 0.97 and 0.99 of the best ten of far queries here with 8, 32 and
128 lists.
"""

from pathlib import Path

import numpy as np

from models.contracts import Float32Array

WIDTH = 512
_OUTFITS = 2_000
_CROPS = 5
_PEOPLE_AT_ONCE = 10_000
_OUTFIT, _PERSON, _CROP = 0.8, 0.45, 0.4
_CONE = 0.52


class Crowd:
    """The outfits, and the space they are in."""

    def __init__(self, seed: int = 0) -> None:
        self._numbers = np.random.default_rng(seed)
        square = self._numbers.standard_normal((WIDTH, WIDTH))
        basis = np.linalg.qr(square)[0].astype(np.float32)
        self._cone, self._basis = basis[0], basis[1:]
        deviations = (1 + (np.arange(1, WIDTH) / 32) ** 3) ** -0.5
        self._deviations = deviations.astype(np.float32)
        self._outfits = self._draw(_OUTFITS)

    def people(self, number: int) -> Float32Array:
        """Return unit rows ``(5 * number, 512)``, the crops of a person in succession."""
        worn = self._outfits[self._numbers.integers(0, _OUTFITS, number)]
        people = _OUTFIT * worn + _PERSON * self._draw(number)
        crops = np.repeat(people, _CROPS, axis=0) + _CROP * self._draw(number * _CROPS)
        apart = np.float32(np.sqrt(1 - _CONE**2)) * unit(crops @ self._basis)
        return unit(apart + _CONE * self._cone)

    def _draw(self, number: int) -> Float32Array:
        rows = self._numbers.standard_normal((number, WIDTH - 1), dtype=np.float32)
        return unit(rows * self._deviations)


def write_crowd(path: Path, rows: int, seed: int = 0) -> None:
    """Write a ``vectors.npy`` of so many rows, a multiple of 50,000 or less than that, in parts."""
    crowd = Crowd(seed)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, WIDTH))
    for start in range(0, rows, _PEOPLE_AT_ONCE * _CROPS):
        part = file[start : start + _PEOPLE_AT_ONCE * _CROPS]
        part[:] = crowd.people(-(-len(part) // _CROPS))[: len(part)]
    file.flush()


def unit(rows: Float32Array) -> Float32Array:
    """Return the rows at length 1."""
    scaled: Float32Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled
