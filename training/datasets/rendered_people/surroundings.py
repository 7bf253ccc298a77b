"""Grounds and walls, as colours (sRGB) of places in metres."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.textures import Floats, lookup, textures
from training.datasets.rendered_people.wardrobe import choose

Tone = tuple[float, float, float]

_GROUND_TONES: Mapping[str, Sequence[Tone]] = {
    "asphalt": ((110, 110, 112), (90, 90, 94), (135, 134, 132)),
    "tiles": ((170, 165, 158), (190, 186, 180), (140, 136, 130), (205, 200, 195)),
    "grass": ((76, 100, 52), (92, 112, 62), (66, 82, 44)),
    "wood": ((150, 100, 62), (120, 82, 54), (175, 136, 95)),
    "concrete": ((165, 162, 156), (140, 138, 134), (185, 182, 176)),
    "paving": ((148, 98, 84), (138, 120, 110), (160, 140, 122)),
    "marble": ((215, 212, 206), (190, 190, 194)),
}
_GROUNDS = {
    "asphalt": 0.25, "tiles": 0.2, "grass": 0.09, "wood": 0.08, "concrete": 0.23, "paving": 0.1,
    "marble": 0.05,
}  # fmt: skip
_WALL_TONES: Mapping[str, Sequence[Tone]] = {
    "brick": ((145, 90, 74), (168, 140, 118), (118, 84, 74)),
    "plain": (
        (200, 198, 192), (222, 220, 214), (160, 165, 170), (120, 118, 115), (205, 194, 168),
        (90, 92, 98),
    ),
    "panel": ((170, 172, 176), (120, 130, 140), (70, 74, 80)),
    "shop": ((80, 80, 84), (150, 146, 140)),
    "clutter": ((110, 110, 108), (150, 145, 140), (80, 84, 82)),
    "foliage": ((48, 68, 38), (66, 84, 52), (88, 96, 70)),
    "tile": ((205, 208, 210), (176, 190, 194)),
}  # fmt: skip
_WALLS = {
    "brick": 0.15, "plain": 0.22, "panel": 0.15, "shop": 0.16, "clutter": 0.14, "foliage": 0.12,
    "tile": 0.06,
}  # fmt: skip
_MOST_PANES = {"shop": 7, "clutter": 10, "panel": 2, "brick": 2, "plain": 2}


@dataclass
class _Area:
    """Places ``x``, ``y`` ``(h, w)`` of a flat area, and its colour so far ``(h, w, 3)``."""

    x: Floats
    y: Floats
    colour: Floats
    rng: np.random.Generator


def muted(rng: np.random.Generator, vivid: float = 0.08) -> Tone:
    """Return the colour of a thing in the background: rarely a vivid one."""
    colour = rng.integers(20, 230, 3).astype(np.float64)
    keep = rng.uniform(0.6, 0.9) if rng.random() < vivid else rng.uniform(0, 0.35)
    red, green, blue = (colour * keep + colour.mean() * (1 - keep)).tolist()
    return red, green, blue


def ground(x: Floats, z: Floats, rng: np.random.Generator) -> Floats:
    """Return the colour of the ground at ``x``, ``z`` ``(h, w)``."""
    kind = choose(rng, _GROUNDS)
    turn = rng.uniform(-0.7, 0.7)
    across, along = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
    shift = rng.random(4) * 5
    tiles = textures()
    coarse = lookup(
        tiles.coarse[rng.integers(8)], across * 0.11 + shift[0], along * 0.11 + shift[1]
    )
    fine = lookup(tiles.fine[rng.integers(4)], across * 0.6 + shift[2], along * 0.6 + shift[3])
    rough = 0.2 if kind == "grass" else 0.05
    colour = _tone(_GROUND_TONES[kind], rng) * (1 + (0.07 * coarse + rough * fine)[..., None])
    area = _Area(across, along, colour, rng)
    detail = _GROUND_DETAILS.get(kind)
    if detail is not None:
        detail(area)
    if rng.random() < 0.3:
        beyond = along > rng.uniform(-3, 2)
        area.colour[beyond] *= ((1.2, 1.2, 1.2), (0.75, 0.75, 0.78), (0.8, 0.9, 0.78))[
            rng.integers(3)
        ]
    return area.colour


def wall(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Return the colour of what stands behind, at ``x``, ``y`` ``(h, w)``."""
    kind = choose(rng, _WALLS)
    shift = rng.random(2) * 5
    stains = lookup(textures().coarse[rng.integers(8)], x * 0.13 + shift[0], y * 0.13 + shift[1])
    colour = _tone(_WALL_TONES[kind], rng) * (1 + 0.06 * stains[..., None])
    area = _Area(x, y, colour, rng)
    detail = _WALL_DETAILS.get(kind)
    if detail is not None:
        detail(area)
    for _ in range(int(rng.integers(0, _MOST_PANES.get(kind, 0) + 1))):
        _pane(area, stains)
    area.colour[np.abs(y) < 0.12] *= 0.7
    return area.colour


def _tone(tones: Sequence[Tone], rng: np.random.Generator) -> Floats:
    tone = np.array(tones[int(rng.integers(len(tones)))])
    return (tone + rng.normal(0, 7) + rng.normal(0, 2.5, 3)).astype(np.float32)


def _squares(area: _Area, size: float, aspect: float) -> None:
    joint = np.abs((area.x * size) % 1 - 0.5) > 0.47
    joint |= np.abs((area.y * size * aspect) % 1 - 0.5) > 0.47
    area.colour[joint] *= area.rng.uniform(0.7, 0.92)
    if area.rng.random() < 0.4:
        odd = (np.floor(area.x * size) + np.floor(area.y * size)) % 2 == 1
        area.colour[odd] *= 0.82


def _tiles(area: _Area) -> None:
    _squares(area, area.rng.uniform(1.2, 4), 1.0)


def _paving(area: _Area) -> None:
    _squares(area, 6.0, 0.5)


def _planks(area: _Area) -> None:
    width = area.rng.uniform(5, 9)
    area.colour *= (1 + 0.14 * np.sin(np.floor(area.x * width) * 77.7))[..., None]
    area.colour[(area.x * width) % 1 < 0.06] *= 0.7


def _road_line(area: _Area) -> None:
    if area.rng.random() < 0.3:
        area.colour[np.abs(area.x - area.rng.uniform(-1, 1)) < 0.08] = (205, 203, 194)


def _bricks(area: _Area) -> None:
    row = np.floor(area.y * 9)
    place = area.x * 4.2 + 0.5 * (row % 2)
    mortar = ((area.y * 9) % 1 < 0.14) | (place % 1 < 0.07)
    area.colour *= (1 + 0.08 * np.sin(row * 12.3 + np.floor(place) * 7.7))[..., None]
    area.colour[mortar] *= 1.18


def _panels(area: _Area) -> None:
    width = area.rng.uniform(0.7, 2)
    area.colour[(area.x * width + area.rng.random()) % 1 < 0.05] *= 0.65


def _wall_tiles(area: _Area) -> None:
    size = area.rng.uniform(2, 6)
    area.colour[((area.x * size) % 1 < 0.05) | ((area.y * size) % 1 < 0.05)] *= 0.85


def _leaves(area: _Area) -> None:
    shift = area.rng.random(2) * 5
    tile = textures().fine[area.rng.integers(4)]
    area.colour *= (
        1 + 0.3 * lookup(tile, area.x * 0.5 + shift[0], area.y * 0.5 + shift[1])[..., None]
    )


def _pane(area: _Area, stains: Floats) -> None:
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


_GROUND_DETAILS: Mapping[str, Callable[[_Area], None]] = {
    "asphalt": _road_line, "tiles": _tiles, "marble": _tiles, "paving": _paving, "wood": _planks,
}  # fmt: skip
_WALL_DETAILS: Mapping[str, Callable[[_Area], None]] = {
    "brick": _bricks, "panel": _panels, "tile": _wall_tiles, "foliage": _leaves,
}  # fmt: skip
