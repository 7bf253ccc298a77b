"""One picture of one person, with what it shows."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from training.datasets.rendered_people.belongings import draw_bag, draw_carried
from training.datasets.rendered_people.camera import photograph
from training.datasets.rendered_people.figure import begin
from training.datasets.rendered_people.heads import draw_head
from training.datasets.rendered_people.legs import draw_legs
from training.datasets.rendered_people.lighting import Layer, light_surface
from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.sampling import sample_person
from training.datasets.rendered_people.scene import draw_background, occluder, put_behind
from training.datasets.rendered_people.sighting import Sighting, sample_sighting
from training.datasets.rendered_people.surface import Projection
from training.datasets.rendered_people.textures import Floats
from training.datasets.rendered_people.upper_body import draw_arms, draw_torso
from training.datasets.rendered_people.visibility import seen_attributes

RENDERER_VERSION = 1
"""Counts up whenever equal seeds give other pictures or attributes."""

_LOOK_AT = 0.875  # metres over the ground
_TALLEST = 384  # pixel rows drawn at most: the camera resolves fewer
_OVERSAMPLING = 1.25


@dataclass(frozen=True)
class Rendering:
    """A crop: an RGB picture, and per slot of ``SLOTS`` its value or ``None`` where unseen."""

    image: Image.Image
    attributes: dict[str, str | None]


def render(
    person: Person,
    sighting: Sighting,
    rng: np.random.Generator,
    size: tuple[int, int] = (64, 192),
    scene_rng: np.random.Generator | None = None,
) -> Rendering:
    """Draw a person as sighted; ``size`` is the width and height of the crop in pixels.

    ``rng`` draws what neither person nor sighting fix: folds, and, unless they have a generator
    of their own in ``scene_rng``, surroundings, passers-by and grain.
    """
    rows = max(size[1], min(_TALLEST, round(size[1] * _OVERSAMPLING)))
    frame = sighting.viewpoint.frame or size[1] / size[0]
    canvas = (max(1, round(rows / frame)), rows)
    layer = draw_figure(person, sighting, canvas, rng)
    rng = rng if scene_rng is None else scene_rng
    light = draw_background(sighting, _projection(sighting, canvas), rng)
    for likelihood in sighting.setting.scenes.passers_by:
        if rng.random() < likelihood:
            _add_passer_by(light, sighting, rng)
    light = np.where(layer.covered[..., None], layer.light, light)
    parts = layer.parts.copy()
    if sighting.occluder:
        hidden, tone = occluder(sighting, canvas, rng)
        grain = rng.normal(1, 0.1, (int(hidden.sum()), 1)).astype(np.float32)
        light[hidden] = tone * grain
        parts[hidden] = 0
    image = photograph(light, sighting.camera, size, rng)
    return Rendering(image, seen_attributes(person, sighting, parts))


def draw_figure(
    person: Person, sighting: Sighting, size: tuple[int, int], rng: np.random.Generator
) -> Layer:
    """Draw a person without surroundings, as the camera of the sighting would frame them."""
    figure = begin(person, sighting, _projection(sighting, size), rng)
    draw_legs(figure)
    draw_torso(figure)
    draw_arms(figure)
    draw_head(figure)
    draw_bag(figure)
    draw_carried(figure)
    return light_surface(figure.surface, sighting.light)


def _add_passer_by(scene: Floats, seen: Sighting, rng: np.random.Generator) -> None:
    """Put another person behind, in the light of the scene."""
    height, width = scene.shape[:2]
    share = rng.uniform(*seen.setting.scenes.passers_by_size)
    size = (max(8, int(width * share)), max(24, int(height * share)))
    other = sample_person(-1, rng, seen.setting)
    sighting = sample_sighting(other, rng, seen.setting)
    layer = draw_figure(other, sighting, size, rng)
    light = seen.light
    gain = (light.ambient + light.directed * 0.6) / (
        sighting.light.ambient + sighting.light.directed * 0.6
    )
    put_behind(scene, Layer(layer.light * np.float32(gain), layer.parts), rng)


def _projection(sighting: Sighting, size: tuple[int, int]) -> Projection:
    """Return the camera of a sighting for a canvas of ``size``."""
    view, (width, height) = sighting.viewpoint, size
    stature = 1.80 * math.cos(view.pitch * 0.75) + 0.06
    pixels_per_metre = height * view.fill / stature * view.zoom
    return Projection(
        rotation=_rotation(view.yaw, view.pitch, view.roll),
        centre_height=_LOOK_AT,
        distance=view.distance,
        focal=pixels_per_metre * view.distance,
        centre=(width * (0.5 + view.shift_x), height * (0.5 + view.shift_y)),
        size=size,
    )


def _rotation(yaw: float, pitch: float, roll: float) -> Floats:
    """Return the camera's axes as columns ``(3, 3)``: right, up, towards the camera."""
    cos, sin = math.cos, math.sin
    turn = np.array([[cos(yaw), 0, sin(yaw)], [0, 1, 0], [-sin(yaw), 0, cos(yaw)]])
    tilt = np.array([[1, 0, 0], [0, cos(pitch), -sin(pitch)], [0, sin(pitch), cos(pitch)]])
    lean = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    return np.ascontiguousarray((lean @ tilt @ turn).T, np.float32)
