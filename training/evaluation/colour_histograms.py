"""A baseline that has learned nothing: which share of a crop's upper or lower body has a colour.

Every pixel of a region is of the basic colour whose nearest shade example of the schema is
nearest in CIELAB, by the colour difference of 1976; a colour query ranks crops by its share of the
pixels. A model is worth its name on colour queries only as far as it beats this.

Sources: sRGB to XYZ of IEC 61966-2-1, 1999 (white point D65); CIE 1976 L*a*b* and its colour
difference of CIE 15, Colorimetry, 2004.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.attributes import COLOURS, SHADES
from training.evaluation.named_queries import TOPS, TROUSERS, NamedQuery

Half = Literal["upper", "lower"]

REGIONS: dict[Half, tuple[float, float]] = {"upper": (0.18, 0.5), "lower": (0.5, 0.9)}
"""From and to which share of the crop's height a body half is looked for."""
COLUMNS = (0.25, 0.75)  # beside them is more background than body

_LEVELS = 64  # a channel of the table from sRGB to colours, so a pixel is off by 2 of 255 at most
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)  # of linear sRGB, from its primaries
_WHITE = _TO_XYZ.sum(axis=1)
_DELTA = 6 / 29


def lab_of(srgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return CIELAB ``(..., 3)``, L* in 0..100, of sRGB ``(..., 3)`` in 0..255."""
    encoded = srgb / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    relative = linear @ _TO_XYZ.T / _WHITE  # (..., 3)
    x, y, z = np.moveaxis(
        np.where(relative > _DELTA**3, np.cbrt(relative), relative / (3 * _DELTA**2) + 4 / 29),
        -1,
        0,
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def nearest_colours(srgb: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return the position in ``COLOURS`` ``(n,)`` of what sRGB ``(n, 3)`` in 0..255 is nearest."""
    colours = [COLOURS.index(shade.colour) for shade in SHADES.values() for _ in shade.examples]
    examples = [example for shade in SHADES.values() for example in shade.examples]
    known = lab_of(np.array(examples, np.float64))  # (e, 3)
    found = lab_of(srgb)  # (n, 3)
    # The square of the difference, less that of ``found`` itself, which changes no order.
    distances = (known**2).sum(axis=1) - 2 * found @ known.T  # (n, e)
    nearest: npt.NDArray[np.intp] = np.array(colours)[distances.argmin(axis=1)]
    return nearest


def colour_shares(images: npt.NDArray[np.uint8], half: Half) -> npt.NDArray[np.float64]:
    """Return which share of a body half has each of ``COLOURS`` ``(n, c)``: rows sum to 1.

    ``images`` are ``(n, h, w, 3)``.
    """
    region = images[(slice(None), *_region(images.shape[1], images.shape[2], half))]
    shares = np.empty((len(images), len(COLOURS)))
    table = _colour_table()
    for row, pixels in zip(shares, region, strict=True):
        red, green, blue = np.moveaxis(pixels // (256 // _LEVELS), -1, 0)
        colours = table[red, green, blue].ravel()
        row[:] = np.bincount(colours, minlength=len(COLOURS)) / colours.size
    return shares


def asked_colour(query: NamedQuery) -> tuple[Half, str] | None:
    """Return the body half and the colour that a query claims, if it claims nothing else.

    Any top or any trousers is a half; a coat or a skirt asks for more than a colour.
    """
    halves: tuple[tuple[Half, str, tuple[str, ...], str], ...] = (
        ("upper", "upper_type", TOPS, "upper_colour"),
        ("lower", "lower_type", TROUSERS, "lower_colour"),
    )
    for half, kind, kinds, colour in halves:
        permitted = dict(query.permitted)
        if permitted.pop(kind, ()) == kinds and list(permitted) == [colour]:
            (asked,) = permitted[colour]
            return half, asked
    return None


def score_by_histogram(
    images: npt.NDArray[np.uint8], queries: list[tuple[Half, str]]
) -> npt.NDArray[np.float64]:
    """Return the share of the asked colour in the asked half, ``(q, n)``."""
    shares = {half: colour_shares(images, half) for half in REGIONS}
    scores = np.empty((len(queries), len(images)))
    for row, (half, colour) in zip(scores, queries, strict=True):
        row[:] = shares[half][:, COLOURS.index(colour)]
    return scores


def _region(height: int, width: int, half: Half) -> tuple[slice, slice]:
    rows = [round(height * share) for share in REGIONS[half]]
    columns = [round(width * share) for share in COLUMNS]
    return slice(rows[0], rows[1]), slice(columns[0], columns[1])


@lru_cache(maxsize=1)
def _colour_table() -> npt.NDArray[np.intp]:
    step = 256 // _LEVELS
    middles = np.arange(_LEVELS) * step + (step - 1) / 2
    slices = (
        np.stack(np.meshgrid(red, middles, middles, indexing="ij"), axis=-1) for red in middles
    )  # a level of red at a time, which bounds the memory
    colours = [nearest_colours(cells.reshape(-1, 3)) for cells in slices]
    return np.concatenate(colours).reshape(_LEVELS, _LEVELS, _LEVELS)
