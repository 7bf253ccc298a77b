"""Where the joints of a figure are: metres, x to its left, y up from the ground, z to its front."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.sighting import Pose, Sighting
from training.datasets.rendered_people.surface import Ring

Vector = npt.NDArray[np.float64]

_HIP_HEIGHT = 0.92
_THICKNESS = {
    "t-shirt": 0.008, "tank top": 0.004, "shirt": 0.012, "blouse": 0.012, "sweater": 0.02,
    "hoodie": 0.026, "jacket": 0.03, "puffer jacket": 0.055, "denim jacket": 0.022,
    "leather jacket": 0.026, "coat": 0.038, "suit jacket": 0.024, "cardigan": 0.022,
    "vest": 0.045, "safety vest": 0.02, "dress": 0.008,
}  # fmt: skip


@dataclass(frozen=True)
class Measures:
    """Half widths and depths of the torso, and how thick its garment is."""

    build: float
    shoulder: float
    hip: float
    hip_depth: float
    waist: float
    thickness: float


@dataclass(frozen=True)
class Leg:
    """A leg; ``side`` is 1 for the left and -1 for the right one."""

    side: int
    hip: Vector
    knee: Vector
    ankle: Vector
    shin_angle: float


@dataclass(frozen=True)
class Arm:
    """An arm; ``direction`` is the unit vector of the forearm."""

    side: int
    does: str
    shoulder: Vector
    elbow: Vector
    wrist: Vector
    direction: Vector

    @property
    def hand(self) -> Vector:
        """The middle of the palm."""
        return self.wrist + self.direction * 0.075


@dataclass(frozen=True)
class Head:
    """The head: its centre, the unit vectors to its left and front, and its size (1: average)."""

    centre: Vector
    left: Vector
    front: Vector
    size: float

    def ring(self, height: float, a: float, b: float, forward: float = 0.0) -> Ring:
        """Return a level ring at ``height`` over the centre, in head sizes."""
        x, y, z = self.centre + self.front * forward * self.size
        return (x, y + height * self.size, z, a * self.size, b * self.size)

    def place(self, left: float = 0.0, up: float = 0.0, front: float = 0.0) -> Vector:
        """Return a point given in head sizes from the centre."""
        offset = self.left * left + self.front * front + np.array([0.0, up, 0.0])
        return np.asarray(self.centre + offset * self.size)


@dataclass(frozen=True)
class Posture:
    """The whole skeleton; ``lift`` is how much higher the hips are than in the rest pose."""

    measures: Measures
    lift: float
    lean: float
    legs: tuple[Leg, Leg]
    arms: tuple[Arm, Arm]
    head: Head

    def arm(self, side: int) -> Arm:
        """Return the arm of a side."""
        return self.arms[0] if side == 1 else self.arms[1]

    @property
    def stride(self) -> float:
        """Half the distance between the ankles, front to back."""
        return float(abs(self.legs[0].ankle[2] - self.legs[1].ankle[2])) / 2

    def on_spine(self, height: float, forward: float = 0.0, left: float = 0.0) -> Vector:
        """Return the point that is ``height`` up an upright body, after lift and lean."""
        return _on_spine(height, forward, left, (self.lift, self.lean))

    def ring(self, height: float, a: float, b: float, forward: float = 0.0) -> Ring:
        """Return a level ring around the spine."""
        x, y, z = self.on_spine(height, forward)
        return (x, y, z, a, b)


def stand(person: Person, sighting: Sighting) -> Posture:
    """Return the skeleton of a person in the pose of a sighting."""
    pose, style = sighting.pose, person.style
    measures = _measures(person)
    stride = pose.stride * _stride_limit(person)
    legs, lift = _legs(pose, stride, measures.hip, style.cut.heel)
    spine = (lift, pose.lean)
    left, right = (
        _arm(side, does, person, measures, (pose, stride, spine))
        for side, does in ((1, pose.left_arm), (-1, pose.right_arm))
    )
    size, yaw = style.physique.head_size, pose.head_yaw
    centre = _on_spine(1.535, 0.03, 0.0, spine) + np.array([0.0, 0.115 * size, 0.0])
    head = Head(
        centre,
        np.array([math.cos(yaw), 0.0, -math.sin(yaw)]),
        np.array([math.sin(yaw), 0.0, math.cos(yaw)]),
        size,
    )
    return Posture(measures, lift, pose.lean, legs, (left, right), head)


def _on_spine(height: float, forward: float, left: float, spine: Sequence[float]) -> Vector:
    lift, lean = spine
    bent = forward + max(0.0, height - _HIP_HEIGHT) * math.sin(lean)
    return np.array([left, height + lift, bent])


def _measures(person: Person) -> Measures:
    woman, physique = person.is_woman, person.style.physique
    build = physique.build
    return Measures(
        build=build,
        shoulder=(0.178 if woman else 0.203) * build,
        hip=(0.172 if woman else 0.162) * build,
        hip_depth=0.118 * build,
        waist=(0.148 if woman else 0.158) * build * physique.waist,
        thickness=_THICKNESS[person.attributes["upper_type"]],
    )


def _stride_limit(person: Person) -> float:
    """Return the factor by which a narrow skirt shortens the stride."""
    skirted = person.attributes["lower_type"] in ("skirt", "dress")
    return 0.62 if skirted and person.style.cut.skirt_flare < 0.45 else 1.0


def _legs(pose: Pose, stride: float, hip: float, heel: float) -> tuple[tuple[Leg, Leg], float]:
    """Return the legs, the lower foot on the ground, and how far they lift the body."""
    left, right = (_leg(side, pose, stride, hip) for side in (1, -1))
    lift = 0.085 + heel - float(min(left.ankle[1], right.ankle[1]))
    return (_lifted(left, lift), _lifted(right, lift)), lift


def _lifted(leg: Leg, lift: float) -> Leg:
    up = np.array([0.0, lift, 0.0])
    return Leg(leg.side, leg.hip + up, leg.knee + up, leg.ankle + up, leg.shin_angle)


def _leg(side: int, pose: Pose, stride: float, hip_width: float) -> Leg:
    swing = side * stride * math.sin(pose.phase)
    bend = max(0.0, side * stride * 1.5 * math.sin(pose.phase + 1.9)) + pose.knee_bend
    out = math.sin(pose.leg_spread)
    hip = np.array([side * hip_width * 0.52, _HIP_HEIGHT, 0.0])
    thigh = np.array([side * out, -math.cos(swing) * math.cos(pose.leg_spread), math.sin(swing)])
    knee = hip + thigh * 0.43
    angle = swing - bend
    shin = np.array([side * out * 0.4, -math.cos(angle), math.sin(angle)])
    return Leg(side, hip, knee, knee + shin * 0.42, angle)


def _arm(
    side: int,
    does: str,
    person: Person,
    measures: Measures,
    walk: tuple[Pose, float, Sequence[float]],
) -> Arm:
    pose, stride, spine = walk
    thickness = measures.thickness
    swing = -side * stride * 0.75 * math.sin(pose.phase)
    relaxed = 0.18 + 0.25 * abs(math.sin(pose.phase)) * min(1.0, stride * 2)
    spread = 0.13 * person.style.cut.arm_spread + thickness * 1.2
    # Forward angle of the upper arm, its angle from the body, bend of the elbow, forearm inwards.
    raised, away, bend, inwards = {
        "swing": (swing + 0.02, spread, relaxed, 0.05),
        "pocket": (-0.25, 0.26, 0.75, 0.25),
        "phone": (0.55, 0.35, 2.35, 0.25),
        "hold": (0.25, 0.12, 1.45, 0.55),
        "read": (0.45, 0.12, 1.55, 0.45),
        "strap": (0.2, 0.22, 2.3, -0.05),
        "carry": (swing * 0.3, 0.12 + thickness, 0.06, 0.0),
        "pull": (-0.45, 0.25, 0.1, -0.15),
        "up": (0.7, 0.2, 1.9, 0.1),
        "cross": (0.35, 0.05, 1.5, 1.0),
    }[does]
    shoulder = _on_spine(1.405, 0.0, side * (measures.shoulder - 0.02 + thickness * 0.5), spine)
    upper = np.array(
        [
            side * math.sin(away),
            -math.cos(raised) * math.cos(away),
            math.sin(raised) * math.cos(away),
        ]
    )
    elbow = shoulder + upper * 0.285
    angle = raised + bend
    fore = np.array(
        [
            side * (math.sin(away) * 0.5 - math.sin(inwards)),
            -math.cos(angle) * math.cos(inwards),
            math.sin(angle) * math.cos(inwards),
        ]
    )
    direction = fore / np.linalg.norm(fore)
    return Arm(side, does, shoulder, elbow, elbow + direction * 0.25, direction)
