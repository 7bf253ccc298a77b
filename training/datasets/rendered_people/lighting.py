"""From G-buffer to linear light: materials are painted, then lit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.materials import Material, Paint
from training.datasets.rendered_people.sighting import Light
from training.datasets.rendered_people.surface import Surface
from training.datasets.rendered_people.textures import Floats, Mask, box_blur

GAMMA = 2.2


@dataclass(frozen=True)
class Layer:
    """A lit figure: linear light ``(h, w, 3)``, and the part of it at each pixel ``(h, w)``."""

    light: Floats
    parts: npt.NDArray[np.int8]

    @property
    def covered(self) -> Mask:
        """Pixels where there is anything of the figure."""
        return np.asarray(self.parts > 0)


def linear(colour: Floats) -> Floats:
    """Return sRGB 0..255 as linear light 0..1."""
    return np.asarray((np.clip(colour, 0, 255) / np.float32(255)) ** np.float32(GAMMA))


def light_surface(surface: Surface[Material], light: Light) -> Layer:
    """Paint and light what is in a G-buffer."""
    height, width = surface.depth.shape
    covered = surface.covered
    result = np.zeros((height, width, 3), np.float32)
    parts = np.zeros((height, width), np.int8)
    if not covered.any():
        return Layer(result, parts)
    points, materials = surface.points[covered], surface.material[covered]
    colour, relief, gloss, part = _paint(surface.materials, points, materials)
    normal = points[:, 5:8]
    seen = normal @ surface.projection.rotation
    inside = seen[:, 2] < -0.08
    seen[seen[:, 2] < 0] *= -1
    direction = np.array(light.direction, np.float32)
    lambert = np.clip(seen @ direction, 0, 1)
    shine = direction + np.array([0, 0, 1], np.float32)
    shine /= np.linalg.norm(shine)
    sky = light.ambient * (0.775 + 0.225 * normal[:, 1])
    bright = sky + np.float32(light.directed) * lambert
    bright *= np.clip(1 + relief * 1.25, 0.25, 1.9) * _occlusion(surface)[covered]
    bright[inside] *= 0.35
    highlight = gloss * np.clip(seen @ shine, 0, 1) ** 18 * 0.5
    result[covered] = linear(colour) * bright[:, None] + highlight[:, None]
    parts[covered] = part
    return Layer(result, parts)


def _paint(
    materials: list[Material], points: Floats, indices: npt.NDArray[np.int16]
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int8]]:
    """Return colour ``(n, 3)``, relief, gloss and part ``(n,)`` of the points ``(n, 8)``."""
    count = len(points)
    colour = np.zeros((count, 3), np.float32)
    relief, gloss = np.zeros(count, np.float32), np.zeros(count, np.float32)
    part = np.zeros(count, np.int8)
    order = np.argsort(indices, kind="stable")
    bounds = np.searchsorted(indices[order], np.arange(len(materials) + 1))
    for material, start, stop in zip(materials, bounds[:-1], bounds[1:], strict=True):
        if start == stop:
            continue
        chosen = order[start:stop]
        group = points[chosen]
        paint = Paint(group[:, 0], group[:, 1], group[:, 2:5], group[:, 5:8])
        material.paint(paint)
        colour[chosen], relief[chosen] = paint.colour, paint.relief
        gloss[chosen], part[chosen] = paint.gloss, paint.part
    return colour, relief, gloss, part


def _occlusion(surface: Surface[Material]) -> Floats:
    """Return how much of the surrounding light reaches each pixel, from depth alone."""
    depth = surface.depth
    farthest = depth[surface.covered].max()
    near = np.minimum(depth, farthest + np.float32(0.15))
    radius = max(2, int(depth.shape[0] * 0.014))
    behind = near - box_blur(near, radius)
    return np.asarray(np.clip(1 - np.clip(behind * 6, 0, 0.55), 0.4, 1))
