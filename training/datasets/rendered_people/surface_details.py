"""What grounds and walls show beside their colour: joints, boards, leaves, slats, shelves."""

from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.textures import Floats, lookup, textures


@dataclass
class Area:
    """Places ``x``, ``y`` ``(h, w)`` of a flat area, and its colour so far ``(h, w, 3)``."""

    x: Floats
    y: Floats
    colour: Floats
    rng: np.random.Generator


def _squares(area: Area, size: float, aspect: float) -> None:
    joint = np.abs((area.x * size) % 1 - 0.5) > 0.47
    joint |= np.abs((area.y * size * aspect) % 1 - 0.5) > 0.47
    area.colour[joint] *= area.rng.uniform(0.7, 0.92)
    if area.rng.random() < 0.4:
        odd = (np.floor(area.x * size) + np.floor(area.y * size)) % 2 == 1
        area.colour[odd] *= 0.82


def tiles(area: Area) -> None:
    """Draw joints of square tiles, every other one darker at times."""
    _squares(area, area.rng.uniform(1.2, 4), 1.0)


def paving(area: Area) -> None:
    """Draw joints of paving bricks."""
    _squares(area, 6.0, 0.5)


def planks(area: Area) -> None:
    """Draw boards."""
    width = area.rng.uniform(5, 9)
    area.colour *= (1 + 0.14 * np.sin(np.floor(area.x * width) * 77.7))[..., None]
    area.colour[(area.x * width) % 1 < 0.06] *= 0.7


def road_line(area: Area) -> None:
    """Paint a line, at times."""
    if area.rng.random() < 0.3:
        area.colour[np.abs(area.x - area.rng.uniform(-1, 1)) < 0.08] = (205, 203, 194)


def bricks(area: Area) -> None:
    """Draw bricks and mortar."""
    row = np.floor(area.y * 9)
    place = area.x * 4.2 + 0.5 * (row % 2)
    mortar = ((area.y * 9) % 1 < 0.14) | (place % 1 < 0.07)
    area.colour *= (1 + 0.08 * np.sin(row * 12.3 + np.floor(place) * 7.7))[..., None]
    area.colour[mortar] *= 1.18


def panels(area: Area) -> None:
    """Draw upright joints."""
    width = area.rng.uniform(0.7, 2)
    area.colour[(area.x * width + area.rng.random()) % 1 < 0.05] *= 0.65


def wall_tiles(area: Area) -> None:
    """Draw joints of wall tiles."""
    size = area.rng.uniform(2, 6)
    area.colour[((area.x * size) % 1 < 0.05) | ((area.y * size) % 1 < 0.05)] *= 0.85


def leaves(area: Area) -> None:
    """Draw leaves."""
    shift = area.rng.random(2) * 5
    tile = textures().fine[area.rng.integers(4)]
    area.colour *= (
        1 + 0.3 * lookup(tile, area.x * 0.5 + shift[0], area.y * 0.5 + shift[1])[..., None]
    )


def slabs(area: Area) -> None:
    """Draw long slabs, each of its own lightness."""
    size = area.rng.uniform(0.6, 1.4)
    across, along = area.x * size, area.y * size * 0.5
    number = np.floor(across) * 7.1 + np.floor(along) * 3.7
    area.colour *= (1 + 0.1 * np.sin(number * 12.9))[..., None]
    area.colour[(across % 1 < 0.03) | (along % 1 < 0.02)] *= 0.75


def crossing(area: Area) -> None:
    """Paint the bars of a pedestrian crossing."""
    area.colour[(area.x * area.rng.uniform(0.8, 1.2)) % 1 < 0.45] *= 1.6


def pebbles(area: Area) -> None:
    """Draw gravel."""
    tile, shift = textures().fine[area.rng.integers(4)], area.rng.random(2)
    stones = lookup(tile, area.x * 1.7 + shift[0], area.y * 1.7 + shift[1])
    area.colour *= (1 + 0.16 * stones)[..., None]


def treads(area: Area) -> None:
    """Draw stairs seen from before: light edges over dark risers."""
    step = (area.y * area.rng.uniform(4.5, 6.5)) % 1
    area.colour *= (0.75 + 0.35 * step)[..., None]
    area.colour[step > 0.9] *= 1.15


def horizon(area: Area) -> None:
    """Draw sky above roofs or trees of uneven height."""
    tile, shift = textures().coarse[area.rng.integers(8)], area.rng.random()
    height = area.rng.uniform(1.2, 3) + 0.5 * lookup(tile, area.x * 0.05 + shift, area.x * 0)
    above = area.y > height
    sky = np.array(((205, 212, 220), (228, 230, 232), (176, 196, 218))[area.rng.integers(3)])
    area.colour[above] = sky * (1 + 0.02 * (area.y[above] - height[above]))[:, None]


def cars(area: Area) -> None:
    """Draw a row of car bodies with dark windows along the foot of a wall."""
    rng, length = area.rng, area.rng.uniform(3.6, 4.8)
    place = area.x / length + rng.random()
    inside = np.abs(place % 1 - 0.5) < 0.44
    grey = 60 + 150 * np.abs(np.sin(np.floor(place) * 5.3 + rng.random() * 6))
    hull = inside & (area.y > 0.25) & (area.y < 0.85)
    glass = (np.abs(place % 1 - 0.5) < 0.28) & (area.y >= 0.85) & (area.y < 1.35)
    area.colour[hull] = grey[hull][:, None] * np.array((1.0, 0.99, 0.97))
    area.colour[glass] = (52, 58, 64)
    wheel = (np.abs((place * 2) % 1 - 0.5) < 0.08) & (area.y > 0) & (area.y < 0.55) & inside
    area.colour[wheel] = (26, 26, 28)


def speckles(area: Area) -> None:
    """Draw the chips of terrazzo."""
    tile, shift = textures().fine[area.rng.integers(4)], area.rng.random(2)
    chips = lookup(tile, area.x * 2.3 + shift[0], area.y * 2.3 + shift[1])
    area.colour[chips > 1.1] *= area.rng.uniform(0.6, 0.85)
    area.colour[chips < -1.3] *= 1.15


def carpet(area: Area) -> None:
    """Draw carpet squares laid in turn."""
    size = area.rng.uniform(1.5, 2.2)
    odd = (np.floor(area.x * size) + np.floor(area.y * size)) % 2 == 1
    pile = np.where(odd, np.sin(area.x * 160), np.sin(area.y * 160))
    area.colour *= (1 + 0.05 * pile + 0.05 * odd)[..., None]


def cobbles(area: Area) -> None:
    """Draw round stones in offset rows."""
    size = area.rng.uniform(6, 9)
    row = np.floor(area.y * size)
    across, along = (area.x * size + 0.5 * (row % 2)) % 1 - 0.5, (area.y * size) % 1 - 0.5
    dome = 1.15 - 1.4 * (across**2 + along**2)
    number = np.floor(area.x * size + 0.5 * (row % 2)) * 3.3 + row * 8.1
    area.colour *= (np.clip(dome, 0.55, 1.15) * (1 + 0.08 * np.sin(number)))[..., None]


def studs(area: Area) -> None:
    """Draw the studs of a rubber floor, and a yellow guide strip at times."""
    size = area.rng.uniform(9, 14)
    across, along = (area.x * size) % 1 - 0.5, (area.y * size) % 1 - 0.5
    area.colour[across**2 + along**2 < 0.06] *= 1.18
    if area.rng.random() < 0.4:
        area.colour[np.abs(area.x - area.rng.uniform(-0.9, 0.9)) < 0.15] = (188, 160, 62)


def slats(area: Area) -> None:
    """Draw the slats of a rolled shutter."""
    wave = np.sin(area.y * area.rng.uniform(45, 90))
    area.colour *= (1 + 0.13 * wave)[..., None]
    area.colour[(area.x * 0.33 + area.rng.random()) % 1 < 0.03] *= 0.6


def curtain_wall(area: Area) -> None:
    """Draw glass between posts and floors, each pane reflecting something else."""
    wide, high = area.rng.uniform(0.6, 1.1), area.rng.uniform(0.35, 0.6)
    across, up = area.x * wide, area.y * high
    pane = np.sin(np.floor(across) * 4.7 + np.floor(up) * 9.1 + area.rng.random() * 6)
    area.colour *= (1 + 0.16 * pane)[..., None]
    area.colour[(across % 1 < 0.06) | (up % 1 < 0.05)] = (58, 62, 66)


def shelves(area: Area) -> None:
    """Draw shelves of goods, each of its own lightness and a little colour."""
    rng, pitch, width = area.rng, area.rng.uniform(1.8, 3), area.rng.uniform(4, 9)
    level, place = area.y * pitch, area.x * width
    number = np.floor(level) * 13.7 + np.floor(place) * 5.9 + rng.random() * 6
    goods = (level % 1) < 0.55 + 0.25 * np.sin(number * 1.7)
    tone = np.stack([np.sin(number * k) for k in (1.0, 1.3, 1.7)], -1) * 28
    lightness = 120 + 60 * np.sin(number * 2.3)
    area.colour[goods] = np.clip(lightness[..., None] + tone, 25, 225)[goods]
    area.colour[~goods] *= 0.45
    area.colour[level % 1 > 0.93] = (190, 188, 184)


def bars(area: Area) -> None:
    """Draw a fence before something dark."""
    area.colour *= np.where(area.y > 0, 0.7, 1.0)[..., None]
    area.colour[(area.x * area.rng.uniform(5, 9)) % 1 < 0.22] = (142, 146, 148)
    area.colour[np.abs(area.y - area.rng.uniform(0.9, 1.9)) < 0.04] = (150, 152, 154)


def blocks(area: Area) -> None:
    """Draw large concrete blocks with a painted foot."""
    row = np.floor(area.y * 2.5)
    place = area.x * 1.3 + 0.5 * (row % 2)
    area.colour[((area.y * 2.5) % 1 < 0.05) | (place % 1 < 0.03)] *= 0.8
    if area.rng.random() < 0.5:
        foot = area.y < area.rng.uniform(0.8, 1.4)
        area.colour[foot] *= np.array(((0.62, 0.7, 0.68), (0.72, 0.66, 0.6))[area.rng.integers(2)])
