"""The cloth of a torso: fronts, necklines, prints, seams, and straps across it."""

from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.cloth import Cloth
from training.datasets.rendered_people.materials import Paint
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.patterns import Dyes, print_pattern
from training.datasets.rendered_people.person import Colour, Cut
from training.datasets.rendered_people.textures import Floats, Mask, lookup, textures

_ZIPPED = ("jacket", "puffer jacket", "hoodie", "leather jacket", "denim jacket")
_ROUND_NECKED = ("t-shirt", "tank top", "dress", "blouse", "sweater")
_POCKETED = ("jacket", "coat", "denim jacket", "hoodie")
_SILVER = (212.0, 212.0, 212.0)


@dataclass(frozen=True)
class Strap:
    """A bag's strap over the torso: both shoulders (``side`` 0), or across to a side."""

    colour: Colour
    side: int


@dataclass(frozen=True)
class _Place:
    """The points of a torso: metres to its left, height over the hips' zero, front or back."""

    x: Floats
    height: Floats
    front: Mask


@dataclass(frozen=True, eq=False, kw_only=True)
class TorsoCloth(Cloth):
    """An upper garment; ``lift`` is the height of the figure's zero over the rest pose."""

    kind: str
    cut: Cut
    lift: float
    inner: Colour
    skin: Colour
    strap: Strap | None

    def paint(self, points: Paint) -> None:
        """Fill in cloth, then its details from below to above."""
        self.lay(points, stretch=1)
        place = _Place(
            points.position[:, 0],
            points.position[:, 1] - np.float32(self.lift),
            points.normal[:, 2] > 0.05,
        )
        if self.cut.yoke and self.pattern == "plain":
            points.colour[place.height > 1.3] = self.dyes.second
        if self.pattern == "graphic":
            self._print(points, place)
        if self.cut.openness >= 0:
            self._open_front(points, place)
        if self.kind in _ZIPPED and self.cut.openness <= 0:
            self._zip(points, place)
        if self.kind in _ROUND_NECKED:
            bare = self._neckline(place)
            points.colour[bare] = self.skin
            points.part[bare] = Part.SKIN
        self._finish(points, place)
        self._arm_shadow(points, place)
        if self.strap is not None:
            self._strap(points, place, self.strap)

    def _open_front(self, points: Paint, place: _Place) -> None:
        width = self._opening(place)
        middle = np.abs(place.x - np.float32(0.01))
        gap = place.front & (middle < width)
        x, y = self.place(points)
        dyes = Dyes(self.inner, self.dyes.second, self.dyes.third)
        inner = print_pattern(self.weave.inner_pattern, dyes, self.weave, x[gap], y[gap])
        shows_inner = self.cut.openness > 0
        if shows_inner:
            points.colour[gap] = inner
            points.part[gap] = Part.INNER
        else:
            points.colour[gap] = self.skin
            points.part[gap] = Part.SKIN
        edge = place.front & (np.abs(middle - width) < 0.008) & ~gap
        points.relief[edge] -= 0.28
        if self.kind == "suit jacket":
            lapel = place.front & (middle < width + 0.035) & (place.height > 1.12) & ~gap
            points.relief[lapel] += 0.1
            if self.cut.tie:
                points.colour[gap & (middle < 0.018)] = self.dyes.third
        elif self.kind == "shirt" and not shows_inner:
            points.relief[place.front & (middle < 0.006)] -= 0.15

    def _opening(self, place: _Place) -> Floats:
        """Return the half width of the opening at each point, in metres."""
        openness, height = self.cut.openness, place.height
        if self.kind == "suit jacket":
            return np.asarray(np.clip((height - 1.08) * 0.3, 0, 0.1) * (1 + openness))
        if openness > 0:
            widening = np.clip(height - 0.9, -0.4, 0.6)
            return np.asarray(0.018 + openness * (0.05 + 0.04 * widening))
        if self.kind == "puffer jacket":
            return np.zeros_like(height)
        return np.asarray(np.clip((height - 1.4) * 0.45, 0, 0.045))

    def _zip(self, points: Paint, place: _Place) -> None:
        if self.kind == "hoodie" and not self.cut.zipped:
            return
        teeth = place.front & (np.abs(place.x - 0.005) < 0.006)
        bright = self.weave.offsets[0] > 0.5
        points.blend(teeth, (150, 150, 150) if bright else (20, 20, 22), 0.55)

    def _neckline(self, place: _Place) -> Mask:
        x, height = place.x, place.height
        if self.kind == "tank top":
            bare = (height > 1.43 - 0.05 * np.exp(-((x / 0.08) ** 2))) & (np.abs(x) < 0.09)
            return np.asarray(bare | (np.abs(x) > 0.115) & (height > 1.36))
        depth = 0.05 * self.cut.neckline
        return np.asarray((height > 1.475 - depth * np.exp(-((x / 0.07) ** 2))) & place.front)

    def _print(self, points: Paint, place: _Place) -> None:
        weave = self.weave
        reach = np.maximum(
            np.abs(place.x / 0.11), np.abs((place.height - 1.26) / 0.11) * weave.print_aspect
        )
        side = ~place.front if weave.print_on_back else place.front
        ink = lookup(
            textures().coarse[weave.texture],
            place.x * 1.5 + weave.offsets[0],
            place.height * 1.5 + weave.offsets[1],
        )
        within = side & (reach < weave.print_size)
        points.colour[within & (ink > -0.25)] = self.dyes.second
        points.colour[within & (ink > 0.8)] = self.dyes.third

    def _finish(self, points: Paint, place: _Place) -> None:
        x, height = np.abs(place.x), place.height
        if self.kind == "safety vest":
            bands = (np.abs(height - 1.1) < 0.024) | (np.abs(height - 1.24) < 0.024)
            braces = (np.abs(x - 0.1) < 0.02) & (height > 1.1)
            points.colour[bands | braces] = _SILVER
        elif self.kind in ("puffer jacket", "vest"):
            points.relief += 0.16 * np.sin(height * np.float32(26 * np.pi))
        elif self.kind == "leather jacket":
            points.gloss = 0.35
        if self.kind in _POCKETED:
            pocket = place.front & (np.abs(x - 0.1) < 0.045) & (np.abs(height - 1.02) < 0.006)
            points.relief[pocket] -= 0.25

    def _arm_shadow(self, points: Paint, place: _Place) -> None:
        """Darken the flanks, which the arms hide from most light."""
        flank = np.clip((np.abs(place.x) - 0.15) / 0.06, 0, 1)
        flank *= np.clip((1.38 - place.height) / 0.1, 0, 1)
        flank *= np.clip((place.height - 1.0) / 0.1, 0, 1)
        points.relief -= 0.35 * flank * (np.abs(points.normal[:, 2]) < 0.7)

    def _strap(self, points: Paint, place: _Place, strap: Strap) -> None:
        x, height = place.x, place.height
        if strap.side == 0:
            ahead = (points.normal[:, 2] > -0.2) | (height > 1.38)
            over = (np.abs(np.abs(x) - 0.105) < 0.02) & ahead & (height > 1.12)
        else:
            across = (x * strap.side + 0.13) * 1.25 - (1.46 - height) * 0.72
            over = (np.abs(across) < 0.026) & (height > 1.0)
        points.colour[over] = strap.colour
        points.relief[over] = 0.05
        points.part[over] = Part.STRAP
