"""Bags, and what the hands carry."""

import numpy as np

from training.datasets.rendered_people.figure import Figure
from training.datasets.rendered_people.materials import BagCloth, Material, Object, Smooth
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.posture import Vector
from training.datasets.rendered_people.surface import CAPPED, Sweep, ring

# Width along the body, height, depth.
_BAG_SIZES = {
    "handbag": (0.25, 0.19, 0.11), "shoulder bag": (0.28, 0.22, 0.11),
    "tote bag": (0.32, 0.36, 0.1), "crossbody bag": (0.27, 0.22, 0.09),
}  # fmt: skip
_FLAT_SIZES = {
    "book": (0.18, 0.24, 0.035), "papers": (0.21, 0.28, 0.012), "box": (0.4, 0.3, 0.3),
}  # fmt: skip


def draw_bag(figure: Figure) -> None:
    """Draw the bag; straps over the torso are painted on its cloth."""
    kind, palette = figure.person.attributes["bag"], figure.palette
    cloth = BagCloth(kind, palette.bag, palette.bag_second, figure.person.style.weave.texture)
    if kind == "backpack":
        _backpack(figure, cloth)
    elif kind == "handbag" and figure.person.style.belongings.bag_in_hand:
        _handbag(figure, cloth)
    elif kind in _BAG_SIZES:
        _hanging_bag(figure, cloth)
    elif kind in ("plastic bag", "briefcase"):
        _held_bag(figure, cloth)
    elif kind == "suitcase":
        _suitcase(figure, cloth)


def draw_carried(figure: Figure) -> None:
    """Draw what the hands hold."""
    kind = figure.person.attributes["carried"]
    thing = Object(figure.palette.carried, Part.CARRIED)
    arm = figure.posture.arm(figure.sighting.pose.carrying_side)
    if kind == "phone":
        figure.surface.box(arm.hand + arm.direction * 0.05, (0.02, 0.13, 0.07), thing)
    elif kind in _FLAT_SIZES:
        size = _FLAT_SIZES[kind]
        place = _before_hands(figure) + np.array([0, 0.04, size[2] / 2])
        figure.surface.box(place, size, thing, roundness=8)
    elif kind in ("cup", "bottle"):
        _vessel(figure, arm.hand + arm.direction * 0.03, thing, bottle=kind == "bottle")
    elif kind == "umbrella":
        _umbrella(figure, arm.hand, thing)


def _backpack(figure: Figure, cloth: Material) -> None:
    size, thickness = figure.person.style.belongings.bag_size, figure.posture.measures.thickness
    _, y, z = figure.posture.on_spine(1.2, -0.13 - thickness).tolist()
    body = (0.29 * size, 0.42 * size, 0.17 * size)
    figure.surface.box((0, y + 0.03, z - 0.075 * size), body, cloth, roundness=3.6)
    pocket = (0.2 * size, 0.17 * size, 0.05)
    figure.surface.box((0, y - 0.04, z - 0.16 * size), pocket, cloth, roundness=3.0)


def _bag_hand(figure: Figure) -> Vector:
    return figure.posture.arm(figure.person.style.belongings.bag_side).hand


def _bag_box(figure: Figure) -> tuple[float, float, float]:
    """Return the size of a bag that hangs at the side: its width runs front to back."""
    long, high, deep = _BAG_SIZES[figure.person.attributes["bag"]]
    size = figure.person.style.belongings.bag_size
    return (deep * size, high * size, long * size)


def _handbag(figure: Figure, cloth: Material) -> None:
    hand, box = _bag_hand(figure), _bag_box(figure)
    centre = hand - np.array([0, 0.13 + 0.4 * box[1], 0])
    figure.surface.box(centre, box, cloth, taper=1.12)
    for offset in (-0.05, 0.05):
        end = centre + np.array([0, box[1] * 0.4, offset])
        figure.surface.tube([ring(hand, 0.007), ring(end, 0.007)], cloth)


def _hanging_bag(figure: Figure, cloth: Material) -> None:
    """Draw a bag at the hip, on a strap over the shoulder of its side or the other one."""
    belongings, measures = figure.person.style.belongings, figure.posture.measures
    side, kind, box = belongings.bag_side, figure.person.attributes["bag"], _bag_box(figure)
    across = kind == "crossbody bag"
    out = side * (measures.hip + measures.thickness + (0.05 if across else 0.085))
    forward = belongings.bag_shift if across else 0.0
    centre = figure.posture.on_spine(1.1 if kind == "handbag" else 0.98, forward, out)
    figure.surface.box(centre, box, cloth, taper=1.08)
    if across:
        return
    wide = side * (measures.shoulder + measures.thickness * 0.8 + 0.035)
    top = figure.posture.on_spine(1.44, 0.0, side * measures.shoulder * 0.78)
    top += np.array([0, measures.thickness, 0])
    for offset in (-0.07, 0.06):
        middle = figure.posture.on_spine(1.28, offset * 0.7, wide)
        end = centre + np.array([0, box[1] * 0.45, offset])
        figure.surface.tube([ring(top, 0.011), ring(middle, 0.011), ring(end, 0.011)], cloth)


def _held_bag(figure: Figure, cloth: Material) -> None:
    hand, size = _bag_hand(figure), figure.person.style.belongings.bag_size
    low = hand - np.array([0, 0.2, 0])
    if figure.wears("bag", "briefcase"):
        figure.surface.box(low + np.array([0, 0.02, 0]), (0.09, 0.28, 0.38), cloth, roundness=6)
    else:
        body = (0.14 * size, 0.36 * size, 0.26 * size)
        figure.surface.box(low - np.array([0, 0.04, 0]), body, cloth, roundness=2.6, taper=1.15)
    handle = [ring(hand, 0.012, 0.03), ring(low + np.array([0, 0.13, 0]), 0.012, 0.06)]
    figure.surface.tube(handle, cloth)


def _suitcase(figure: Figure, cloth: Material) -> None:
    hand, belongings = _bag_hand(figure), figure.person.style.belongings
    size = belongings.bag_size
    centre = np.array([hand[0] + belongings.bag_side * 0.06, 0.3 * size + 0.03, hand[2] - 0.28])
    body = (0.38 * size, 0.52 * size, 0.24 * size)
    figure.surface.box(centre, body, cloth, yaw=0.2)
    top = centre + np.array([0, 0.25 * size, 0])
    figure.surface.tube([ring(top, 0.012), ring(hand, 0.012)], Smooth((50, 50, 52), Part.OTHER))


def _before_hands(figure: Figure) -> Vector:
    """Return where both hands, or the carrying one, hold a thing."""
    pose, posture = figure.sighting.pose, figure.posture
    if pose.left_arm == pose.right_arm == "hold":
        return np.asarray(
            (posture.arms[0].hand + posture.arms[1].hand) / 2 + np.array([0, 0.03, 0.07])
        )
    return np.asarray(posture.arm(pose.carrying_side).hand + np.array([0, 0, 0.05]))


def _vessel(figure: Figure, place: Vector, thing: Material, *, bottle: bool) -> None:
    height, neck = (0.14, 0.016) if bottle else (0.06, 0.036)
    rings = [
        ring(place - np.array([0, 0.08, 0]), 0.032),
        ring(place + np.array([0, 0.05, 0]), 0.037),
        ring(place + np.array([0, height, 0]), neck),
    ]
    figure.surface.tube(rings, thing, CAPPED)


def _umbrella(figure: Figure, hand: Vector, thing: Material) -> None:
    top = hand + np.array([-0.25 * hand[0], 0.72, 0])
    pole = Smooth((60, 60, 62), Part.OTHER)
    figure.surface.tube([ring(hand, 0.008), ring(top, 0.008)], pole)
    canopy = [
        ring(top - np.array([0, drop, 0]), radius)
        for drop, radius in ((0.22, 0.52), (0.12, 0.43), (0.03, 0.22), (0.0, 0.02))
    ]
    figure.surface.tube(canopy, thing, Sweep(two_sided=True, density=1.2))
