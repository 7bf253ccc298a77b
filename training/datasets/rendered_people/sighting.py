"""One sighting of a person: where the camera is, what the body does, light and image quality."""

import math
from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.settings import (
    TRAINING,
    Cameras,
    Lights,
    Poses,
    Scenes,
    Setting,
    Views,
)
from training.datasets.rendered_people.wardrobe import choose

TWO_HANDED = ("box",)


@dataclass(frozen=True)
class Viewpoint:
    """Where the camera stands. Angles in radians, ``distance`` in metres, shifts in crop sizes.

    ``frame`` is the height of the frame beside its width; None is that of the stored picture.
    """

    view: str
    yaw: float
    pitch: float
    roll: float
    distance: float
    fill: float  # how much of the crop's height a person takes
    zoom: float  # above 1 the legs leave the frame
    shift_x: float
    shift_y: float
    frame: float | None = None


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
    setting: Setting = TRAINING


def sample_sighting(
    person: Person,
    rng: np.random.Generator,
    setting: Setting = TRAINING,
    *,
    view: str | None = None,
) -> Sighting:
    """Return a sighting drawn from ``rng``, of one view if ``view`` names it."""
    scenes = setting.scenes
    return Sighting(
        _viewpoint(rng, setting.views, view),
        _pose(person, rng, setting.poses),
        _light(rng, setting.lights),
        _camera(rng, setting.cameras),
        wall_distance=_wall_distance(rng, scenes),
        background_blur=max(0.0, float(rng.normal(*scenes.blur))),
        occluder=int(rng.integers(1, 5)) if rng.random() < scenes.occluded else 0,
        setting=setting,
    )


def _wall_distance(rng: np.random.Generator, scenes: Scenes) -> float:
    return float(rng.uniform(*scenes.wall_distance)) if rng.random() < scenes.walled else 60.0


def _viewpoint(rng: np.random.Generator, views: Views, view: str | None) -> Viewpoint:
    view = view or choose(rng, views.facing)
    facing = {"front": 0.0, "back": math.pi, "left": -math.pi / 2, "right": math.pi / 2}[view]
    zoom, lowered = 1.0, 0.0
    framing = rng.random()
    if framing < views.zoomed:
        zoom = float(rng.uniform(*views.zoom))
        lowered = (zoom - 1) * 0.46
    elif framing < views.zoomed + views.loose:
        zoom = 0.8
    return Viewpoint(
        view=view,
        yaw=facing + float(rng.uniform(-views.turn, views.turn)),
        pitch=float(np.clip(abs(rng.normal(*views.pitch)), 0, views.steepest)),
        roll=float(rng.normal(0, views.roll)),
        distance=float(rng.uniform(*views.distance)),
        fill=float(rng.uniform(*views.fill)),
        zoom=zoom,
        shift_x=float(rng.normal(0, views.shift[0])),
        shift_y=float(rng.normal(0, views.shift[1])) + lowered,
        frame=_frame(rng, views, zoom),
    )


def _frame(rng: np.random.Generator, views: Views, zoom: float) -> float | None:
    """Return the shape of the frame: who is seen only from the waist up fills a wider one."""
    if views.frame is None:
        return None
    return max(1.1, float(rng.uniform(*views.frame)) / math.sqrt(max(1.0, zoom)))


def _pose(person: Person, rng: np.random.Generator, poses: Poses) -> Pose:
    name = choose(rng, poses.names)
    stride = {"standing": (0, 0.06), "walking": (0.28, 0.5), "running": (0.65, 0.9)}[name]
    running = name == "running"
    arms, carrying_side = _arms(person, rng, poses)
    return Pose(
        name=name,
        phase=float(rng.uniform(0, 2 * math.pi)),
        stride=float(rng.uniform(*stride)),
        knee_bend=float(rng.uniform(0, poses.knee_bend)) + (0.25 if running else 0),
        leg_spread=float(rng.uniform(0, poses.leg_spread)),
        lean=float(rng.normal(*poses.lean)) + (0.15 if running else 0),
        left_arm=arms[1],
        right_arm=arms[-1],
        carrying_side=carrying_side,
        head_yaw=float(rng.normal(0, poses.head_yaw)),
    )


def _arms(person: Person, rng: np.random.Generator, poses: Poses) -> tuple[dict[int, str], int]:
    """Return what each arm does (by side), and the side that carries."""
    arms = {side: choose(rng, poses.arms) for side in (1, -1)}
    if rng.random() < poses.crossed:
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


def _light(rng: np.random.Generator, lights: Lights) -> Light:
    azimuth = rng.uniform(-lights.azimuth, lights.azimuth)
    elevation = rng.uniform(*lights.elevation)
    directed = float(rng.uniform(*lights.directed))
    return Light(
        direction=(
            float(np.sin(azimuth) * np.cos(elevation)),
            float(np.sin(elevation)),
            float(np.cos(azimuth) * np.cos(elevation)),
        ),
        directed=directed,
        ambient=float(rng.uniform(*lights.ambient)) * (1.15 - 0.5 * directed),
        shadow_angle=float(rng.uniform(0, 2 * math.pi)),
        shadow_length=float(rng.uniform(*lights.shadow_length)),
        shadow_strength=directed * float(rng.uniform(*lights.shadow_strength)),
    )


def _camera(rng: np.random.Generator, cameras: Cameras) -> Camera:
    warmth = rng.normal(*cameras.warmth)
    cast = rng.normal(0, cameras.cast)
    return Camera(
        white_balance=(
            float(1 + warmth + cast[0]), float(1 + cast[1]), float(1 - warmth + cast[2]),
        ),
        exposure=float(np.exp(rng.normal(*cameras.exposure))),
        haze=max(0.0, float(rng.normal(0, cameras.haze))),
        tone=float(rng.uniform(*cameras.tone)),
        contrast=float(rng.uniform(*cameras.contrast)),
        brightness=float(rng.normal(0, cameras.brightness)),
        saturation=float(rng.uniform(*cameras.saturation)),
        height=int(np.exp(rng.uniform(math.log(cameras.rows[0]), math.log(cameras.rows[1])))),
        blur=max(0.0, float(rng.normal(*cameras.blur))),
        noise=max(0.0, float(rng.normal(*cameras.noise))),
        jpeg_quality=int(rng.uniform(*cameras.jpeg_quality)),
        sharpened=bool(rng.random() < cameras.sharpened),
    )  # fmt: skip
