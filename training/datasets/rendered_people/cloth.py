"""Cloth: pattern, weave and folds, and what marks sleeves and legs."""

from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.materials import Paint
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.patterns import Dyes, print_pattern
from training.datasets.rendered_people.person import Cut, Weave
from training.datasets.rendered_people.textures import Floats, lookup, textures


@dataclass(frozen=True, eq=False)
class Cloth:
    """Cloth without further detail: scarves and headwear.

    ``wrap`` is the radius (metres) that turns an angle into a length of cloth, ``folds`` how
    strong the folds are, ``upright`` whether the pattern follows the height in the world
    rather than the place along the tube.
    """

    dyes: Dyes
    pattern: str
    weave: Weave
    part: Part
    wrap: float = 0.1
    folds: float = 0.2
    upright: bool = True

    def paint(self, points: Paint) -> None:
        """Fill in pattern, folds and grain."""
        self.lay(points)

    def place(self, points: Paint) -> tuple[Floats, Floats]:
        """Return where on the cloth the points are, in metres."""
        up = points.position[:, 1] if self.upright else points.along * 0.6
        return points.angle * self.wrap, up

    def lay(self, points: Paint, stretch: float = 0.55) -> None:
        """Lay the cloth on the points; ``stretch`` is how dense the folds are along it."""
        x, y = self.place(points)
        points.fill(self.dyes.base, self.part)
        if self.pattern not in ("plain", "none", "graphic"):
            points.colour = print_pattern(self.pattern, self.dyes, self.weave, x, y)
        weave, tiles = self.weave, textures()
        if weave.mottled > 0:
            blotches = lookup(tiles.coarse[weave.texture], x * 1.3, y * 1.3)
            threads = lookup(tiles.fine[weave.texture % 4], x * 5, y * 5)
            points.colour *= (1 + weave.mottled * (blotches + 0.6 * threads))[:, None]
        along = points.position[:, 1] if stretch == 1 else points.along * stretch
        points.relief = (
            self.folds
            * weave.wrinkles
            * lookup(
                tiles.folds[weave.texture],
                points.angle * 0.16 + weave.offsets[2],
                along + weave.offsets[3],
            )
        )
        points.relief += 0.03 * weave.grain * lookup(tiles.fine[0], x * 4, y * 4)


@dataclass(frozen=True, eq=False)
class SleeveCloth(Cloth):
    """A sleeve, collar or hood."""

    kind: str = ""
    cuffed: bool = False
    striped: bool = False

    def paint(self, points: Paint) -> None:
        """Fill in cloth, quilting, cuff and side stripe."""
        self.lay(points)
        along, angle = points.along, points.angle
        if self.kind == "leather jacket":
            points.gloss = 0.35
        if self.kind == "puffer jacket":
            points.relief += 0.12 * np.sin(along * (18 * np.pi))
        if self.cuffed:
            points.relief[along > 0.93] -= 0.12
        if self.striped:
            outer = np.abs((angle + 0.6) % (2 * np.pi) - 0.6) < 0.22
            points.colour[outer] = self.dyes.second


@dataclass(frozen=True, eq=False)
class LegCloth(Cloth):
    """Trousers of any kind, and skirts."""

    kind: str = ""
    cut: Cut | None = None

    def paint(self, points: Paint) -> None:
        """Fill in cloth and what is typical of the garment."""
        self.lay(points)
        if self.cut is None:
            return
        sideways = np.abs(points.normal[:, 0])
        if self.kind == "jeans":
            self._denim(points, self.cut.fade)
        elif self.kind == "sweatpants" and self.cut.side_stripe:
            points.colour[sideways > 0.93] = self.dyes.second
        elif self.kind == "trousers" and self.cut.crease:
            points.relief[sideways < 0.06] += 0.08
        elif self.kind == "skirt":
            pleats = np.sin(points.angle * self.cut.pleats)
            points.relief += 0.1 * self.weave.wrinkles * pleats

    def _denim(self, points: Paint, fade: float) -> None:
        x, y = self.place(points)
        weft = lookup(textures().fine[1], x * 6, y * 6)
        points.colour *= (1 + 0.05 * weft)[:, None]
        thigh = np.clip(1 - np.abs(points.along - 0.25) / 0.22, 0, 1)
        worn = thigh * np.clip(points.normal[:, 2], 0, 1) * fade
        # Black denim hardly bleaches, so the lighter the cloth the more it fades.
        bleach = np.clip(sum(self.dyes.base) / 270, 0.25, 1) * np.array((46, 48, 50))
        points.colour += (worn[:, None] * bleach).astype(np.float32)
        points.relief[np.abs(points.angle % np.pi) < 0.09] -= 0.08
