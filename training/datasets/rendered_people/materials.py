"""What surfaces other than cloth are made of."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.person import Colour
from training.datasets.rendered_people.posture import Head
from training.datasets.rendered_people.textures import Floats, Mask, lookup, textures

_LIP = {True: (165.0, 45.0, 55.0), False: (120.0, 60.0, 55.0)}


@dataclass
class Paint:
    """The points of one material, and what is painted on them.

    ``angle`` and ``along`` ``(n,)`` are places on the tube, ``position`` ``(n, 3)`` metres,
    ``normal`` ``(n, 3)``. A material fills ``colour`` ``(n, 3)`` (sRGB 0..255), ``relief``
    ``(n,)`` (folds: light added or taken), ``gloss`` and ``part`` ``(n,)``.
    """

    angle: Floats
    along: Floats
    position: Floats
    normal: Floats
    colour: Floats = field(init=False)
    relief: Floats = field(init=False)
    part: npt.NDArray[np.int8] = field(init=False)
    gloss: float = 0.0

    def __post_init__(self) -> None:
        """Start as black nothing."""
        count = len(self.angle)
        self.colour = np.zeros((count, 3), np.float32)
        self.relief = np.zeros(count, np.float32)
        self.part = np.zeros(count, np.int8)

    def fill(self, colour: Colour, part: Part) -> None:
        """Give every point one colour."""
        self.colour[:] = colour
        self.part[:] = part

    def blend(self, where: Mask, colour: Colour, share: float) -> None:
        """Mix a colour into some points."""
        tone = np.array(colour, np.float32) * np.float32(share)
        self.colour[where] = self.colour[where] * np.float32(1 - share) + tone


class Material(Protocol):
    """Something that knows the look of its own points."""

    def paint(self, points: Paint) -> None:
        """Fill in colour, relief, gloss and part."""


@dataclass(frozen=True, eq=False)
class Smooth:
    """Skin, tights, metal: one colour."""

    colour: Colour
    part: Part

    def paint(self, points: Paint) -> None:
        """Fill in one colour."""
        points.fill(self.colour, self.part)


@dataclass(frozen=True, eq=False)
class Object:
    """A carried thing: one colour, slightly uneven."""

    colour: Colour
    part: Part

    def paint(self, points: Paint) -> None:
        """Fill in one colour and a little relief."""
        points.fill(self.colour, self.part)
        points.relief += 0.08 * lookup(textures().coarse[0], points.angle * 0.3, points.along)


@dataclass(frozen=True, eq=False)
class ShoeLeather:
    """A shoe: upper and sole; a sandal is skin between straps."""

    kind: str
    colour: Colour
    sole: Colour
    skin: Colour

    def paint(self, points: Paint) -> None:
        """Fill in upper, sole and straps."""
        points.fill(self.colour, Part.SHOE)
        along = points.along
        if self.kind == "sandals":
            strapped = (np.abs(along - 0.72) < 0.06) | (np.abs(along - 0.3) < 0.07)
            points.colour[~strapped & (points.normal[:, 1] > -0.3)] = self.skin
        else:
            points.colour[points.normal[:, 1] < -0.3] = self.sole
        points.gloss = 0.25 if self.kind in ("leather shoes", "heels") else 0.1


@dataclass(frozen=True, eq=False)
class Strands:
    """Hair: streaks along the tube; ``dark`` is how much darker it is at its two ends."""

    colour: Colour
    texture: int
    tousled: float = 0.0
    dark: tuple[float, float] = (0.0, 0.0)

    def paint(self, points: Paint) -> None:
        """Fill in streaks."""
        points.fill(self.colour, Part.HAIR)
        tile = textures().fine[self.texture % 4]
        streaks = lookup(tile, points.angle * 0.45, points.along * 0.12 + points.angle * 0.03)
        points.colour *= np.clip(1 + (0.22 + 0.2 * self.tousled) * streaks, 0.3, 1.9)[:, None]
        start, end = self.dark
        if start or end:
            points.colour *= (1 - start + (start - end) * np.clip(points.along, 0, 1))[:, None]
        points.gloss = 0.12


@dataclass(frozen=True, eq=False)
class BagCloth:
    """A bag: seams in a second colour."""

    kind: str
    colour: Colour
    seam: Colour
    texture: int

    def paint(self, points: Paint) -> None:
        """Fill in cloth and seams."""
        points.fill(self.colour, Part.BAG)
        along = points.along
        tile = textures().folds[self.texture]
        points.relief += 0.16 * lookup(tile, points.angle * 0.25, along * 0.5)
        if self.kind in ("backpack", "suitcase"):
            seams = np.abs((along * 3) % 1 - 0.5) < 0.025
        else:
            seams = (along > 0.75) & (along < 0.78)
        points.colour[seams] = self.seam
        points.gloss = 0.12


@dataclass(frozen=True, eq=False)
class Face:
    """A face: eyes, brows, mouth, and what is worn or grows on it."""

    head: Head
    skin: Colour
    hair: Colour
    mask_colour: Colour
    glasses: str
    beard: float
    masked: bool
    lipstick: bool

    def paint(self, points: Paint) -> None:
        """Fill in the features, from below to above."""
        points.fill(self.skin, Part.FACE)
        offset = points.position - self.head.centre.astype(np.float32)
        size = np.float32(self.head.size)
        aside = np.abs(offset @ self.head.left.astype(np.float32)) / size
        up = offset[:, 1] / size
        front = offset @ self.head.front.astype(np.float32) / size
        self._features(points, aside, up, front > 0.03)
        if self.beard > 0:
            mouth = (aside < 0.02) & (np.abs(up + 0.058) < 0.006)
            points.blend((front > -0.01) & (up < -0.032) & ~mouth, self.hair, 0.8 * self.beard)
        if self.masked:
            covered = (front > 0) & (up < -0.012)
            points.colour[covered] = self.mask_colour
            points.part[covered] = Part.MASK
        self._glasses(points, aside, up, front)
        points.gloss = 0.06

    def _features(self, points: Paint, aside: Floats, up: Floats, front: Mask) -> None:
        eye = front & (np.abs(aside - 0.031) < 0.013) & (np.abs(up - 0.012) < 0.007)
        socket = front & (np.abs(aside - 0.031) < 0.022) & (np.abs(up - 0.016) < 0.016) & ~eye
        points.colour[socket] *= np.float32(0.86)
        points.blend(eye, (20, 15, 12), 0.75)
        brow = front & (np.abs(aside - 0.031) < 0.019) & (np.abs(up - 0.033) < 0.005)
        points.blend(brow, self.hair, 0.55)
        mouth = front & (aside < 0.022) & (np.abs(up + 0.058) < 0.007)
        points.blend(mouth, _LIP[self.lipstick], 0.4)
        cheek = front & (np.abs(aside - 0.04) < 0.018) & (np.abs(up + 0.025) < 0.018)
        points.colour[cheek] *= np.array((1.03, 0.96, 0.95), np.float32)

    def _glasses(self, points: Paint, aside: Floats, up: Floats, front: Floats) -> None:
        if self.glasses == "none":
            return
        dark = self.glasses == "sunglasses"
        ahead = front > 0.03
        lens = np.maximum(np.abs(aside - 0.033) / 0.027, np.abs(up - 0.01) / 0.02) < 1
        hole = np.maximum(np.abs(aside - 0.033) / 0.02, np.abs(up - 0.01) / 0.0145) < 1
        bridge = (np.abs(up - 0.014) < 0.004) & (aside < 0.01)
        worn = ahead & ((lens if dark else lens & ~hole) | bridge)
        worn |= (front > -0.03) & (front < 0.06) & (aside > 0.05) & (np.abs(up - 0.014) < 0.005)
        points.colour[worn] = 14 if dark else 22
        points.part[worn] = Part.GLASSES
