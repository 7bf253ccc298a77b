"""One sighting of a person: where the camera is, what the body does, light and image quality."""

import math
from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.wardrobe import choose

TWO_HANDED = ("box",)


@dataclass(frozen=True)
class Viewpoint:
    """Where the camera stands. Angles in radians, ``distance`` in metres, shifts in crop sizes."""

    view: str
    yaw: float
    pitch: float
    roll: float
    distance: float
    fill: float  # how much of the crop's height a person takes
    zoom: float  # above 1 the legs leave the frame
    shift_x: float
    shift_y: float


@dataclass(frozen=True)
class Pose:
    """What the body does. Angles in radians."""

    name: str
    phase: float
    stride: float
    knee_bend: float
    leg_spread: float
    lean: float
    left_arm: str
    right_arm: str
    carrying_side: int
    head_yaw: float


@dataclass(frozen=True)
class Light:
    """One sun or lamp and the light from all around; ``direction`` is a unit vector."""

    direction: tuple[float, float, float]
    directed: float
    ambient: float
    shadow_angle: float
    shadow_length: float
    shadow_strength: float


@dataclass(frozen=True)
class Camera:
    """What the camera does to the picture; ``height`` is how many pixel rows it resolves."""

    white_balance: tuple[float, float, float]
    exposure: float
    haze: float
    tone: float
    contrast: float
    brightness: float
    saturation: float
    height: int
    blur: float
    noise: float
    jpeg_quality: int
    sharpened: bool


@dataclass(frozen=True)
class Sighting:
    """Everything about a crop that is not the person; ``occluder`` is 0 for none."""

    viewpoint: Viewpoint
    pose: Pose
    light: Light
    camera: Camera
    wall_distance: float
    background_blur: float
    occluder: int


def sample_sighting(
    person: Person, rng: np.random.Generator, *, view: str | None = None
) -> Sighting:
    """Return a sighting drawn from ``rng``, of one view if ``view`` names it."""
    return Sighting(
        _viewpoint(rng, view),
        _pose(person, rng),
        _light(rng),
        _camera(rng),
        wall_distance=float(rng.uniform(0.8, 14)) if rng.random() < 0.75 else 60.0,
        background_blur=max(0.0, float(rng.normal(0.4, 0.8))),
        occluder=int(rng.integers(1, 5)) if rng.random() < 0.09 else 0,
    )


def _viewpoint(rng: np.random.Generator, view: str | None) -> Viewpoint:
    view = view or choose(rng, {"front": 0.34, "back": 0.30, "left": 0.18, "right": 0.18})
    facing = {"front": 0.0, "back": math.pi, "left": -math.pi / 2, "right": math.pi / 2}[view]
    zoom, lowered = 1.0, 0.0
    framing = rng.random()
    if framing < 0.1:
        zoom = float(rng.uniform(1.15, 1.6))
        lowered = (zoom - 1) * 0.46
    elif framing < 0.14:
        zoom = 0.8
    return Viewpoint(
        view=view,
        yaw=facing + float(rng.uniform(-0.55, 0.55)),
        pitch=float(np.clip(abs(rng.normal(0.16, 0.16)), 0, 0.62)),
        roll=float(rng.normal(0, 0.02)),
        distance=float(rng.uniform(3.5, 14)),
        fill=float(rng.uniform(0.84, 0.99)),
        zoom=zoom,
        shift_x=float(rng.normal(0, 0.04)),
        shift_y=float(rng.normal(0, 0.015)) + lowered,
    )


def _pose(person: Person, rng: np.random.Generator) -> Pose:
    name = choose(rng, {"standing": 0.3, "walking": 0.62, "running": 0.08})
    stride = {"standing": (0, 0.06), "walking": (0.28, 0.5), "running": (0.65, 0.9)}[name]
    running = name == "running"
    arms, carrying_side = _arms(person, rng)
    return Pose(
        name=name,
        phase=float(rng.uniform(0, 2 * math.pi)),
        stride=float(rng.uniform(*stride)),
        knee_bend=float(rng.uniform(0, 0.1)) + (0.25 if running else 0),
        leg_spread=float(rng.uniform(0, 0.08)),
        lean=float(rng.normal(0.03, 0.04)) + (0.15 if running else 0),
        left_arm=arms[1],
        right_arm=arms[-1],
        carrying_side=carrying_side,
        head_yaw=float(rng.normal(0, 0.25)),
    )


def _arms(person: Person, rng: np.random.Generator) -> tuple[dict[int, str], int]:
    """Return what each arm does (by side), and the side that carries."""
    arms = {
        side: choose(rng, {"swing": 0.8, "pocket": 0.12, "hold": 0.05, "up": 0.03})
        for side in (1, -1)
    }
    if rng.random() < 0.03:
        arms = {1: "cross", -1: "cross"}
    belongings, bag = person.style.belongings, person.attributes["bag"]
    carried, side = person.attributes["carried"], belongings.carrying_side
    bag_fills_hand = bag in ("plastic bag", "briefcase", "suitcase") or (
        bag == "handbag" and belongings.bag_in_hand
    )
    if bag_fills_hand and side == belongings.bag_side:
        side = -side
    _occupy(arms, carried, side, rng, held_close=belongings.held_close)
    if bag_fills_hand and carried not in TWO_HANDED:
        arms[belongings.bag_side] = "pull" if bag == "suitcase" else "carry"
    elif bag == "backpack" and rng.random() < 0.15:
        arms[-side] = "strap" if arms[-side] == "swing" else arms[-side]
    return arms, side


def _occupy(
    arms: dict[int, str], carried: str, side: int, rng: np.random.Generator, *, held_close: bool
) -> None:
    """Move the arms to what they carry."""
    if carried == "phone":
        arms[side] = "phone" if held_close else "read"
    elif carried in TWO_HANDED or (carried in ("book", "papers") and held_close):
        arms[1] = arms[-1] = "hold"
    elif carried in ("book", "papers"):
        arms[side] = "hold"
    elif carried == "umbrella":
        arms[side] = "up"
    elif carried in ("cup", "bottle"):
        arms[side] = "hold" if rng.random() < 0.6 else "carry"


def _light(rng: np.random.Generator) -> Light:
    azimuth, elevation = rng.uniform(-2.2, 2.2), rng.uniform(0.3, 1.3)
    directed = float(rng.uniform(0.1, 0.9))
    return Light(
        direction=(
            float(np.sin(azimuth) * np.cos(elevation)),
            float(np.sin(elevation)),
            float(np.cos(azimuth) * np.cos(elevation)),
        ),
        directed=directed,
        ambient=float(rng.uniform(0.45, 0.8)) * (1.15 - 0.5 * directed),
        shadow_angle=float(rng.uniform(0, 2 * math.pi)),
        shadow_length=float(rng.uniform(0.3, 2.2)),
        shadow_strength=directed * float(rng.uniform(0.3, 0.8)),
    )


def _camera(rng: np.random.Generator) -> Camera:
    warmth = rng.normal(0, 0.045)
    cast = rng.normal(0, (0.03, 0.02, 0.03))
    return Camera(
        white_balance=(
            float(1 + warmth + cast[0]), float(1 + cast[1]), float(1 - warmth + cast[2]),
        ),
        exposure=float(np.exp(rng.normal(0.08, 0.28))),
        haze=max(0.0, float(rng.normal(0, 0.02))),
        tone=float(rng.uniform(0, 0.45)),
        contrast=float(rng.uniform(0.82, 1.25)),
        brightness=float(rng.normal(0, 0.035)),
        saturation=float(rng.uniform(0.65, 1.2)),
        height=int(np.exp(rng.uniform(math.log(56), math.log(330)))),
        blur=max(0.0, float(rng.normal(0.35, 0.6))),
        noise=max(0.0, float(rng.normal(1.5, 3))),
        jpeg_quality=int(rng.uniform(22, 98)),
        sharpened=bool(rng.random() < 0.2),
    )  # fmt: skip
