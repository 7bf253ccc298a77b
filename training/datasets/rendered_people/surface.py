"""Lofted tubes, turned into points and splatted into a G-buffer.

A tube is a Catmull-Rom spline through rings ``(x, y, z, a, b)``: a centre in metres and the two
half axes of a superelliptic section. Axes of the figure: x to its left, y up, z to its front.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.splatting import loft, splat
from training.datasets.rendered_people.textures import Floats, Mask

Ring = Sequence[float]
Ripple = Callable[[Floats, Floats], Floats]
"""Relative change of the radius from the angle ``(1, n)`` and the position 0..1 ``(m, 1)``."""
Keep = Callable[[Floats, Floats], Mask]
"""Which points to keep, from their angles ``(n,)`` and positions ``(n, 3)``."""
MaterialT = TypeVar("MaterialT")

_NOTHING = np.iinfo(np.int16).max


def ring(point: Sequence[float] | Floats, a: float, b: float | None = None) -> Ring:
    """Return a ring around a point, round unless ``b`` is given."""
    return (float(point[0]), float(point[1]), float(point[2]), a, a if b is None else b)


@dataclass(frozen=True)
class Projection:
    """A pinhole camera in front of the figure.

    ``rotation`` ``(3, 3)`` has the camera's axes as columns; ``centre_height`` is what it looks
    at (metres), ``focal`` the focal length and ``centre`` the principal point (pixels).
    """

    rotation: Floats
    centre_height: float
    distance: float
    focal: float
    centre: tuple[float, float]
    size: tuple[int, int]

    @property
    def pixels_per_metre(self) -> float:
        """How large a metre is at the figure."""
        return self.focal / self.distance


@dataclass(frozen=True)
class Sweep:
    """How a tube is swept: the direction of ``a``, its section, and what is kept of it."""

    axis: tuple[float, float, float] = (1.0, 0.0, 0.0)
    roundness: float = 2.0  # exponent of the superellipse
    capped: bool = False
    two_sided: bool = False  # the inside is seen too, as in a skirt
    density: float = 1.45  # points per pixel
    ripple: Ripple | None = None
    keep: Keep | None = None


ROUND = Sweep()
CAPPED = Sweep(capped=True)


class Surface(Generic[MaterialT]):
    """A G-buffer: per pixel the nearest point, its material, place and normal."""

    def __init__(self, projection: Projection) -> None:
        width, height = projection.size
        self.projection = projection
        self.materials: list[MaterialT] = []
        self.depth = np.full((height, width), 1e9, np.float32)
        self.material = np.full((height, width), _NOTHING, np.int16)
        self.points = np.zeros((height, width, 8), np.float32)  # angle, along, position, normal

    @property
    def covered(self) -> Mask:
        """Pixels ``(h, w)`` where there is a surface."""
        return np.asarray(self.material != _NOTHING)

    def tube(self, rings: Sequence[Ring], material: MaterialT, sweep: Sweep = ROUND) -> None:
        """Draw a tube through at least two rings."""
        control = np.array(rings, np.float32)
        if sweep.capped:
            control = _capped(control)
        points = self._loft(control, sweep)
        if sweep.keep is not None:
            points = np.ascontiguousarray(points[sweep.keep(points[:, 0], points[:, 2:5])])
        camera = self.projection
        lens = np.array(
            [camera.centre_height, camera.distance, camera.focal, *camera.centre], np.float32
        )
        splat(
            points,
            camera.rotation,
            lens,
            self._index(material),
            sweep.two_sided,
            (self.depth, self.material, self.points),
        )

    def box(
        self,
        centre: Sequence[float] | Floats,
        size: tuple[float, float, float],
        material: MaterialT,
        *,
        yaw: float = 0.0,
        roundness: float = 5.0,
        taper: float = 1.0,
    ) -> None:
        """Draw a box with soft edges; ``size`` is its width, height and depth in metres."""
        width, height, depth = size
        x, y, z = (float(value) for value in centre)

        def level(share: float, factor: float) -> Ring:
            return (x, y + height * share, z, width / 2 * factor, depth / 2 * factor)

        rings = [
            level(-0.5, 0.85 * taper), level(-0.47, taper), level(-0.2, 1.02 * taper),
            level(0.2, 1.0), level(0.45, 0.97), level(0.5, 0.85),
        ]  # fmt: skip
        axis = (math.cos(yaw), 0.0, -math.sin(yaw))
        self.tube(rings, material, Sweep(axis=axis, roundness=roundness, capped=True))

    def _index(self, material: MaterialT) -> int:
        for index, known in enumerate(self.materials):
            if known is material:
                return index
        self.materials.append(material)
        return len(self.materials) - 1

    def _loft(self, control: npt.NDArray[np.float32], sweep: Sweep) -> npt.NDArray[np.float32]:
        """Return points ``(n, 8)``: angle, along (0..1), position, normal."""
        steps = np.diff(control, axis=0)
        lengths = np.sqrt(
            (steps[:, :3] ** 2).sum(1) + np.maximum(abs(steps[:, 3]), abs(steps[:, 4])) ** 2
        )
        travelled = np.concatenate([[0.0], np.cumsum(lengths + 1e-6)])
        radius = float(np.sqrt((control[:, 3] ** 2 + control[:, 4] ** 2) / 2).max())
        radius *= 1.25 if sweep.roundness > 2.1 else 1.1
        scale = self.projection.pixels_per_metre * sweep.density
        along = int(max(4, travelled[-1] * scale * 1.1))
        around = int(max(8, 2 * math.pi * radius * scale))
        stations = np.interp(
            np.linspace(0, travelled[-1], along), travelled, np.arange(len(control))
        )
        stations = np.minimum(stations, len(control) - 1 - 1e-4).astype(np.float32)
        factor = np.ones((1, 1), np.float32)
        if sweep.ripple is not None:
            angle = (np.arange(around, dtype=np.float32) + 0.5) / around * (2 * math.pi)
            place = np.linspace(0, 1, along, dtype=np.float32)
            rippled = 1 + sweep.ripple(angle[None], place[:, None])
            factor = np.ascontiguousarray(np.broadcast_to(rippled, (along, around)), np.float32)
        axis = np.array(sweep.axis, np.float32)
        return loft(control, stations, around, sweep.roundness, factor, axis)


def _capped(control: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Close both ends with rings of almost no size."""
    first, last = control[:1].copy(), control[-1:].copy()
    first[:, 3:] *= 0.02
    last[:, 3:] *= 0.02
    return np.concatenate([first, control, last])
