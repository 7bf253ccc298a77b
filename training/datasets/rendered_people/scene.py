"""Where a figure stands: ground and wall in perspective, shadows, and what is in the way."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from training.datasets.rendered_people.lighting import Layer, linear
from training.datasets.rendered_people.sighting import Light, Sighting
from training.datasets.rendered_people.surface import Projection
from training.datasets.rendered_people.surroundings import ground, muted, wall
from training.datasets.rendered_people.textures import (
    Floats,
    Mask,
    box_blur,
    lookup,
    textures,
)


@dataclass(frozen=True)
class _Rays:
    """Where the ray of each pixel ends ``(h, w)``: metres, and whether on the ground."""

    x: Floats
    y: Floats
    z: Floats
    on_ground: Mask


def draw_background(sighting: Sighting, projection: Projection, rng: np.random.Generator) -> Floats:
    """Return the linear light ``(h, w, 3)`` of everything behind a figure."""
    rays = _cast(sighting, projection)
    light, scenes = sighting.light, sighting.setting.scenes
    colour = np.where(
        rays.on_ground[..., None],
        ground(rays.x, rays.z, rng, scenes.places),
        wall(rays.x, rays.y, rng, scenes.places),
    )
    scene = linear(np.clip(colour, 2, 253).astype(np.float32))
    for _ in range(int(rng.integers(0, scenes.obstacles + 1))):
        _obstacle(scene, rng)
    if scenes.keep_colour is not None:
        scene = _paled(scene, float(rng.uniform(*scenes.keep_colour)))
    if scenes.uneven_light is not None:
        scene *= _pools(projection.size, float(rng.uniform(*scenes.uneven_light)), rng)
    scene *= light.ambient + light.directed * 0.6
    scene *= (1 - _shadow(rays, light) * rays.on_ground)[..., None]
    blur = sighting.background_blur * projection.size[1] / 384
    if blur > 0.5:
        scene = box_blur(scene, max(1, int(blur)), times=2)
    return np.asarray(scene, np.float32)


def occluder(
    sighting: Sighting, size: tuple[int, int], rng: np.random.Generator
) -> tuple[Mask, Floats]:
    """Return the pixels ``(h, w)`` that something in front hides, and its light ``(3,)``."""
    width, height = size
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    light = sighting.light
    tone = linear(np.array(muted(rng))) * (light.ambient + 0.5 * light.directed)
    hidden = np.zeros((height, width), np.bool_)
    if sighting.occluder == 1:  # a post
        middle = rng.uniform(0, width) + (row - height / 2) * rng.normal(0, 0.02)
        hidden = np.abs(column - middle) < rng.uniform(0.03, 0.09) * width
    elif sighting.occluder == 2:  # a railing or counter
        hidden = row > height * rng.uniform(0.62, 0.9)
    elif sighting.occluder == 3:  # somebody or something at the edge
        edge = width * (-0.1 if rng.random() < 0.5 else 1.1)
        hidden = np.abs(column - edge) < rng.uniform(0.2, 0.4) * width
        hidden &= row > rng.uniform(0.2, 0.7) * height
    elif sighting.occluder == 4:  # a bush
        tile, shift = textures().coarse[rng.integers(8)], rng.random(2)
        leaves = lookup(tile, column / width / 2 + shift[0], row / width / 2 + shift[1])
        hidden = leaves + (row / height - 1.0) * 3 > -0.2
    return np.asarray(hidden), tone.astype(np.float32)


def put_behind(scene: Floats, layer: Layer, rng: np.random.Generator) -> None:
    """Put another, smaller figure into a scene ``(h, w, 3)``, off its middle."""
    height, width = scene.shape[:2]
    rows, columns = layer.parts.shape
    side = -1 if rng.random() < 0.5 else 1
    left = int((0.5 + side * rng.uniform(0.3, 0.75)) * width - columns / 2)
    top = int(rng.uniform(0, 0.9) * max(0, height - rows) + rng.normal(0, 0.03) * height)
    x, y = max(0, left), max(0, top)
    right, bottom = min(width, left + columns), min(height, top + rows)
    if right <= x or bottom <= y:
        return
    cut = np.s_[y - top : bottom - top, x - left : right - left]
    covered = layer.covered[cut]
    scene[y:bottom, x:right][covered] = layer.light[cut][covered]


def _cast(sighting: Sighting, projection: Projection) -> _Rays:
    """Follow the ray of every pixel to the ground or the wall."""
    width, height = projection.size
    column, row = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    right = (column - np.float32(projection.centre[0])) / np.float32(projection.focal)
    up = (np.float32(projection.centre[1]) - row) / np.float32(projection.focal)
    view = sighting.viewpoint
    cosine, sine = np.float32(math.cos(view.roll)), np.float32(math.sin(view.roll))
    right, up = cosine * right + sine * up, cosine * up - sine * right
    cosine, sine = np.float32(math.cos(view.pitch)), np.float32(math.sin(view.pitch))
    rise, advance = cosine * up - sine, -sine * up - cosine
    eye_y = np.float32(projection.centre_height) + sine * np.float32(projection.distance)
    eye_z = cosine * np.float32(projection.distance)
    to_ground = np.where(rise < -1e-3, -eye_y / np.minimum(rise, np.float32(-1e-3)), 1e4)
    to_wall = (eye_z + np.float32(sighting.wall_distance)) / np.maximum(-advance, 1e-3)
    on_ground = to_ground < to_wall
    reach = np.where(on_ground, to_ground, to_wall).astype(np.float32)
    return _Rays(right * reach, eye_y + rise * reach, eye_z + advance * reach, on_ground)


def _shadow(rays: _Rays, light: Light) -> Floats:
    """Return how much light the figure takes from the ground ``(h, w)``."""
    x, z = np.cos(light.shadow_angle), np.sin(light.shadow_angle)
    along, across = rays.x * x + rays.z * z, rays.z * x - rays.x * z
    fading = np.clip(1 - np.clip(along, 0, None) / (light.shadow_length + 0.05), 0, 1)
    cast = np.exp(-((across / 0.2) ** 2)) * fading * (along > -0.25) * light.shadow_strength
    contact = 0.5 * np.exp(-((rays.x / 0.26) ** 2 + (rays.z / 0.26) ** 2))
    return np.asarray(np.clip(cast + contact, 0, 0.75), np.float32)


def _paled(scene: Floats, kept: float) -> Floats:
    """Return a scene ``(h, w, 3)`` that keeps a share of its colour."""
    grey = scene.mean(-1, keepdims=True)
    return np.asarray(grey + (scene - grey) * np.float32(kept), np.float32)


@cache
def _smooth_tiles() -> tuple[Floats, ...]:
    """Return tiles ``(256, 256)`` of slow change between -1 and 1."""
    blurred = [box_blur(tile, 16, times=2) for tile in textures().coarse]
    return tuple(tile / np.abs(tile).max() for tile in blurred)


def _pools(size: tuple[int, int], strength: float, rng: np.random.Generator) -> Floats:
    """Return how much light of lamps and shade falls where ``(h, w, 1)``, around 1."""
    width, height = size
    shift, smooth = rng.random(2), _smooth_tiles()[rng.integers(8)]
    column, row = np.meshgrid(np.arange(width) / height, np.arange(height) / height)
    slope = rng.normal(0, 1, 2)
    lit = lookup(smooth, column * 0.5 + shift[0], row * 0.5 + shift[1])
    lit = lit + slope[0] * (column - column.mean()) + slope[1] * (row - 0.5)
    return np.asarray(np.clip(1 + strength * lit, 0.35, 1.7)[..., None], np.float32)


def _obstacle(scene: Floats, rng: np.random.Generator) -> None:
    """Draw a car, post or bin as a rounded block, lighter at its top."""
    height, width = scene.shape[:2]
    column, row = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    x, across = rng.uniform(-0.2, 1.1) * width, rng.uniform(0.08, 0.7) * width
    y, down = rng.uniform(-0.05, 0.75) * height, rng.uniform(0.08, 0.4) * height
    shape = np.maximum(np.abs(column - x) / across * 2, np.abs(row - y) / down * 2)
    inside = shape < 1
    tone = linear(np.array(muted(rng)))
    scene[inside] = tone * (0.75 + 0.5 * (y + down / 2 - row[inside]) / down)[:, None]
