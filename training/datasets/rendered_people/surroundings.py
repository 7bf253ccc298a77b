"""Grounds and walls, as colours (sRGB) of places in metres."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people import surface_details as details
from training.datasets.rendered_people.surface_details import Area
from training.datasets.rendered_people.textures import Floats, lookup, textures
from training.datasets.rendered_people.wardrobe import choose

Tone = tuple[float, float, float]


@dataclass(frozen=True)
class Kind:
    """A ground or wall: how often it comes, its tones, its detail, the most panes on it."""

    often: float
    tones: Sequence[Tone]
    detail: Callable[[Area], None] | None = None
    panes: int = 0
    rough: float = 0.05


_TOWN_GROUNDS: Mapping[str, Kind] = {
    "asphalt": Kind(0.25, ((110, 110, 112), (90, 90, 94), (135, 134, 132)), details.road_line),
    "tiles": Kind(
        0.2, ((170, 165, 158), (190, 186, 180), (140, 136, 130), (205, 200, 195)), details.tiles
    ),
    "grass": Kind(0.09, ((76, 100, 52), (92, 112, 62), (66, 82, 44)), rough=0.2),
    "wood": Kind(0.08, ((150, 100, 62), (120, 82, 54), (175, 136, 95)), details.planks),
    "concrete": Kind(0.23, ((165, 162, 156), (140, 138, 134), (185, 182, 176))),
    "paving": Kind(0.1, ((148, 98, 84), (138, 120, 110), (160, 140, 122)), details.paving),
    "marble": Kind(0.05, ((215, 212, 206), (190, 190, 194)), details.tiles),
}
_TOWN_WALLS: Mapping[str, Kind] = {
    "brick": Kind(
        0.15, ((145, 90, 74), (168, 140, 118), (118, 84, 74)), details.bricks, panes=2
    ),
    "plain": Kind(
        0.22,
        (
            (200, 198, 192), (222, 220, 214), (160, 165, 170), (120, 118, 115), (205, 194, 168),
            (90, 92, 98),
        ),
        panes=2,
    ),
    "panel": Kind(
        0.15, ((170, 172, 176), (120, 130, 140), (70, 74, 80)), details.panels, panes=2
    ),
    "shop": Kind(0.16, ((80, 80, 84), (150, 146, 140)), panes=7),
    "clutter": Kind(0.14, ((110, 110, 108), (150, 145, 140), (80, 84, 82)), panes=10),
    "foliage": Kind(0.12, ((48, 68, 38), (66, 84, 52), (88, 96, 70)), details.leaves),
    "tile": Kind(0.06, ((205, 208, 210), (176, 190, 194)), details.wall_tiles),
}  # fmt: skip
PLACES: Mapping[str, tuple[Mapping[str, Kind], Mapping[str, Kind]]] = {
    "town": (_TOWN_GROUNDS, _TOWN_WALLS),
    "town and country": (
        {
            **_TOWN_GROUNDS,
            "slabs": Kind(0.2, ((172, 170, 166), (150, 148, 146), (188, 182, 172)), details.slabs),
            "crossing": Kind(0.08, ((98, 98, 100), (116, 114, 112)), details.crossing),
            "earth": Kind(0.1, ((132, 112, 88), (150, 132, 104), (112, 98, 82)), rough=0.14),
        },
        {
            **_TOWN_WALLS,
            "horizon": Kind(0.16, ((96, 100, 92), (120, 116, 110), (70, 80, 66)), details.horizon),
            "cars": Kind(0.14, ((150, 146, 140), (112, 112, 112), (96, 104, 90)), details.cars),
            "stairs": Kind(0.07, ((166, 162, 156), (132, 130, 128)), details.treads),
        },
    ),
    "indoors and works": (
        {
            "terrazzo": Kind(0.25, ((196, 188, 176), (176, 176, 172)), details.speckles),
            "carpet": Kind(0.2, ((92, 98, 108), (120, 104, 96), (84, 92, 88)), details.carpet),
            "cobbles": Kind(0.18, ((126, 124, 122), (148, 138, 128)), details.cobbles),
            "rubber": Kind(0.17, ((74, 76, 80), (104, 108, 112)), details.studs),
            "gravel": Kind(0.2, ((168, 160, 148), (138, 134, 130)), details.pebbles, rough=0.12),
        },
        {
            "shutter": Kind(0.2, ((158, 160, 160), (128, 138, 140)), details.slats),
            "glass": Kind(0.24, ((138, 152, 160), (106, 120, 126)), details.curtain_wall),
            "shelves": Kind(0.22, ((150, 148, 146), (96, 94, 92)), details.shelves),
            "fence": Kind(0.16, ((88, 90, 82), (112, 106, 98)), details.bars),
            "blocks": Kind(0.18, ((182, 180, 172), (150, 150, 146)), details.blocks, panes=1),
        },
    ),
}  # fmt: skip
"""Grounds and walls by name; see ``settings`` for who uses which."""


def muted(rng: np.random.Generator, vivid: float = 0.08) -> Tone:
    """Return the colour of a thing in the background: rarely a vivid one."""
    colour = rng.integers(20, 230, 3).astype(np.float64)
    keep = rng.uniform(0.6, 0.9) if rng.random() < vivid else rng.uniform(0, 0.35)
    red, green, blue = (colour * keep + colour.mean() * (1 - keep)).tolist()
    return red, green, blue


def ground(x: Floats, z: Floats, rng: np.random.Generator, places: str = "town") -> Floats:
    """Return the colour of the ground at ``x``, ``z`` ``(h, w)``.

    Raises:
        KeyError: If there are no such places.
    """
    kind = _drawn(PLACES[places][0], rng)
    turn = rng.uniform(-0.7, 0.7)
    across, along = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
    shift = rng.random(4) * 5
    tiles = textures()
    coarse = lookup(
        tiles.coarse[rng.integers(8)], across * 0.11 + shift[0], along * 0.11 + shift[1]
    )
    fine = lookup(tiles.fine[rng.integers(4)], across * 0.6 + shift[2], along * 0.6 + shift[3])
    colour = _tone(kind.tones, rng) * (1 + (0.07 * coarse + kind.rough * fine)[..., None])
    area = Area(across, along, colour, rng)
    if kind.detail is not None:
        kind.detail(area)
    if rng.random() < 0.3:
        beyond = along > rng.uniform(-3, 2)
        area.colour[beyond] *= ((1.2, 1.2, 1.2), (0.75, 0.75, 0.78), (0.8, 0.9, 0.78))[
            rng.integers(3)
        ]
    return area.colour


def wall(x: Floats, y: Floats, rng: np.random.Generator, places: str = "town") -> Floats:
    """Return the colour of what stands behind, at ``x``, ``y`` ``(h, w)``.

    Raises:
        KeyError: If there are no such places.
    """
    kind = _drawn(PLACES[places][1], rng)
    shift = rng.random(2) * 5
    stains = lookup(textures().coarse[rng.integers(8)], x * 0.13 + shift[0], y * 0.13 + shift[1])
    colour = _tone(kind.tones, rng) * (1 + 0.06 * stains[..., None])
    area = Area(x, y, colour, rng)
    if kind.detail is not None:
        kind.detail(area)
    for _ in range(int(rng.integers(0, kind.panes + 1))):
        _pane(area, stains)
    area.colour[np.abs(y) < 0.12] *= 0.7
    return area.colour


def _drawn(kinds: Mapping[str, Kind], rng: np.random.Generator) -> Kind:
    return kinds[choose(rng, {name: kind.often for name, kind in kinds.items()})]


def _tone(tones: Sequence[Tone], rng: np.random.Generator) -> Floats:
    tone = np.array(tones[int(rng.integers(len(tones)))])
    return (tone + rng.normal(0, 7) + rng.normal(0, 2.5, 3)).astype(np.float32)


def _pane(area: Area, stains: Floats) -> None:
    """Put a window, door or sign on a wall."""
    rng = area.rng
    left, width = rng.uniform(-3, 3), rng.uniform(0.2, 1.6)
    low, height = rng.uniform(0, 2.2), rng.uniform(0.3, 2.2)
    within = np.abs(area.x - left) < width / 2
    within &= (area.y > low) & (area.y < low + height)
    tone = np.array(muted(rng))
    area.colour[within] = tone * (1 + 0.1 * stains[within][:, None])
    frame = np.abs(np.abs(area.x - left) - width / 2) < 0.03
    frame |= np.abs(area.y - low - height) < 0.03
    area.colour[within & frame] = tone * 0.5
