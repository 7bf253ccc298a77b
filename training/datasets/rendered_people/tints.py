"""Colours of cloth: a named shade varies from garment to garment."""

import numpy as np

from training.datasets.rendered_people.attributes import SHADES
from training.datasets.rendered_people.person import Colour

_SHADE_NAMES = tuple(SHADES)
_BASICS = ("white", "black", "dark blue", "grey")
_CONTRAST = 130  # sum of the three sRGB differences above which two colours read as two


def jitter(colour: tuple[int, int, int], rng: np.random.Generator, spread: float = 8.0) -> Colour:
    """Return a colour near another: mostly lighter or darker, a little of another hue."""
    red, green, blue = np.clip(
        np.array(colour) + rng.normal(0, spread, 3) * 0.6 + rng.normal(0, spread) * 0.7, 4, 252
    )
    return float(red), float(green), float(blue)


def tint(shade: str, rng: np.random.Generator) -> Colour:
    """Return one colour that goes by the name of ``shade``."""
    examples = SHADES[shade].examples
    return jitter(examples[rng.integers(len(examples))], rng)


def contrasting(base: Colour, rng: np.random.Generator) -> tuple[str, Colour]:
    """Return a shade, and a colour of it, that stands out from ``base``."""
    name = _BASICS[0] if sum(base) < 380 else _BASICS[1]
    for _ in range(12):
        names = _SHADE_NAMES if rng.random() < 0.6 else _BASICS
        candidate = names[rng.integers(len(names))]
        colour = tint(candidate, rng)
        if sum(abs(a - b) for a, b in zip(colour, base, strict=True)) > _CONTRAST:
            return candidate, colour
    return name, tint(name, rng)
