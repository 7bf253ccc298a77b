"""Patterns of cloth, as functions of a place on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.person import Colour, Weave
from training.datasets.rendered_people.textures import Floats, Mask, lookup, textures


@dataclass(frozen=True)
class Dyes:
    """The colours of a pattern; ``third`` is used where a pattern has three."""

    base: Colour
    second: Colour
    third: Colour


def print_pattern(name: str, dyes: Dyes, weave: Weave, x: Floats, y: Floats) -> Floats:
    """Return the colour ``(n, 3)`` of a pattern at ``x``, ``y`` ``(n,)`` in metres.

    Raises:
        KeyError: If there is no pattern of that name.
    """
    colour = np.empty((len(x), 3), np.float32)
    colour[:] = dyes.base
    _PATTERNS[name](colour, dyes, weave, x, y)
    return colour


def _plain(_colour: Floats, _dyes: Dyes, _weave: Weave, _x: Floats, _y: Floats) -> None:
    """Leave the base colour: the drawn print of a "graphic" top is put on the torso alone."""


def _band(place: Floats, frequency: float, offset: float, share: float) -> Mask:
    return np.asarray((place * frequency + offset) % 1 < share)


def _horizontal_stripes(colour: Floats, dyes: Dyes, weave: Weave, _x: Floats, y: Floats) -> None:
    colour[_band(y, weave.frequency, weave.offsets[0], weave.band)] = dyes.second


def _vertical_stripes(colour: Floats, dyes: Dyes, weave: Weave, x: Floats, _y: Floats) -> None:
    colour[_band(x, weave.frequency * 1.3, weave.offsets[0], weave.band * 0.6)] = dyes.second


def _checked(colour: Floats, dyes: Dyes, weave: Weave, x: Floats, y: Floats) -> None:
    frequency, (right, up, *_) = weave.frequency, weave.offsets
    columns, rows = _band(x, frequency, right, 0.45), _band(y, frequency, up, 0.45)
    colour[columns ^ rows] = (np.array(dyes.base) + np.array(dyes.second)) / 2
    colour[columns & rows] = dyes.second
    if weave.overcheck:
        lines = _band(x, frequency, right + 0.22, 0.08) | _band(y, frequency, up + 0.22, 0.08)
        colour[lines] = dyes.third


def _dotted(colour: Floats, dyes: Dyes, weave: Weave, x: Floats, y: Floats) -> None:
    right = (x * weave.frequency * 1.3 + weave.offsets[0]) % 1 - 0.5
    up = (y * weave.frequency * 1.3 + weave.offsets[1]) % 1 - 0.5
    colour[right * right + up * up < 0.07] = dyes.second


def _blotches(weave: Weave, x: Floats, y: Floats, scale: float) -> tuple[Floats, Floats]:
    """Return two noises that know nothing of each other."""
    tiles, (right, up, *_) = textures().coarse, weave.offsets
    first = lookup(tiles[weave.texture], x * scale + right, y * scale + up)
    other = tiles[(weave.texture + 3) % len(tiles)]
    return first, lookup(other, x * scale * 1.15 + up, y * scale * 1.15 + right)


def _floral(colour: Floats, dyes: Dyes, weave: Weave, x: Floats, y: Floats) -> None:
    petals, leaves = _blotches(weave, x, y, 1.6)
    colour[petals > 0.7] = dyes.second
    colour[leaves > 0.95] = dyes.third


def _camouflage(colour: Floats, _dyes: Dyes, weave: Weave, x: Floats, y: Floats) -> None:
    dark, light = _blotches(weave, x, y, 0.8)
    colour[dark > 0.4] *= np.float32(0.55)
    colour[light > 0.5] = (150, 135, 95)
    colour[light < -1] = (40, 38, 32)


_PATTERNS: Mapping[str, Callable[[Floats, Dyes, Weave, Floats, Floats], None]] = {
    "plain": _plain,
    "graphic": _plain,
    "none": _plain,
    "horizontal stripes": _horizontal_stripes,
    "vertical stripes": _vertical_stripes,
    "checked": _checked,
    "dotted": _dotted,
    "floral": _floral,
    "camouflage": _camouflage,
}
