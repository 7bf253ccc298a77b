"""Legs, what covers them, and shoes."""

import numpy as np

from training.datasets.rendered_people.figure import Figure, limb
from training.datasets.rendered_people.materials import Material, ShoeLeather, Smooth
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.posture import Leg, Vector
from training.datasets.rendered_people.surface import Ripple, Sweep, ring
from training.datasets.rendered_people.textures import Floats

_LOOSENESS = {
    "trousers": 0.012, "jeans": 0.008, "shorts": 0.022, "sweatpants": 0.026, "leggings": 0.0,
}  # fmt: skip
_TOE = Sweep(roundness=2.6, capped=True)


def draw_legs(figure: Figure) -> None:
    """Draw both legs with trousers, shorts or bare, and the shoes."""
    palette = figure.palette
    shoe = ShoeLeather(
        figure.person.attributes["shoe_type"], palette.shoe, palette.sole, palette.skin
    )
    sock = Smooth(palette.sock, Part.OTHER)
    tights = Smooth(palette.tights, Part.LEG)
    for leg in figure.posture.legs:
        if figure.wears("lower_type", "skirt", "dress"):
            cover = tights if figure.cut.tights else figure.fabrics.leg
            figure.surface.tube(limb(leg.hip, leg.knee, leg.ankle, _radii(figure)), cover)
        elif figure.wears("lower_type", "shorts"):
            _shorts(figure, leg, sock)
        else:
            _trousers(figure, leg, sock)
        _shoe(figure, leg, shoe)
    if not figure.wears("lower_type", "skirt", "dress"):
        _pelvis(figure)


def _radii(figure: Figure) -> list[float]:
    """Return the radii of a bare leg from hip to ankle."""
    build, girth = figure.posture.measures.build, figure.person.style.physique.leg_girth
    thigh = 0.085 * build * girth
    return [thigh, thigh * 0.95, 0.062 * build, 0.058 * build * girth, 0.042]


def _looseness(figure: Figure) -> float:
    kind = figure.person.attributes["lower_type"]
    return _LOOSENESS[kind] * figure.cut.looseness


def _trousers(figure: Figure, leg: Leg, sock: Material) -> None:
    leggings = figure.wears("lower_type", "leggings")
    flare, loose = figure.cut.trouser_flare, _looseness(figure)
    radii = _radii(figure)
    covered = [
        radii[0] + loose + 0.012,
        radii[1] + loose + 0.006,
        radii[2] + loose + 0.006,
        radii[3] * (0.9 + 0.1 * flare) + loose,
        radii[4] + loose * flare + 0.006,
    ]
    end = leg.ankle + (leg.ankle - leg.knee) * (-0.04 if leggings else 0.06)
    rings = limb(leg.hip + np.array([0, 0.03, 0]), leg.knee, end, covered)
    figure.surface.tube(rings, figure.fabrics.lower, Sweep(ripple=_creases(figure)))
    if leggings or figure.cut.bare_ankles:
        ankle = [
            ring(leg.ankle - (leg.ankle - leg.knee) * 0.2, 0.042),
            ring(leg.ankle, 0.04),
        ]
        figure.surface.tube(ankle, sock if figure.cut.socks else figure.fabrics.leg)


def _creases(figure: Figure) -> Ripple:
    """Return folds around the shin."""
    count, phase = figure.rng.integers(3, 7), figure.rng.random() * 6
    depth = 0.035 * figure.person.style.weave.wrinkles

    def ripple(angle: Floats, along: Floats) -> Floats:
        wave = np.sin(angle * 2 + along * (22 * count / 4) + phase)
        return np.asarray(depth * wave * np.clip((along - 0.45) * 2.4, 0, 1))

    return ripple


def _shorts(figure: Figure, leg: Leg, sock: Material) -> None:
    radii, loose = _radii(figure), _looseness(figure)
    figure.surface.tube(limb(leg.hip, leg.knee, leg.ankle, radii), figure.fabrics.leg)
    end = leg.hip + (leg.knee - leg.hip) * (0.62 + 0.32 * figure.cut.length)
    rings = [
        ring(leg.hip + np.array([0, 0.03, 0]), radii[0] + 0.02),
        ring((leg.hip + end) / 2, radii[1] + loose + 0.004),
        ring(end, radii[1] + loose + 0.01),
    ]
    figure.surface.tube(rings, figure.fabrics.lower)
    if figure.cut.socks:
        top = leg.ankle - (leg.ankle - leg.knee) * 0.25
        figure.surface.tube([ring(top, 0.047), ring(leg.ankle, 0.044)], sock)


def _pelvis(figure: Figure) -> None:
    body, measures, loose = figure.posture, figure.posture.measures, _looseness(figure)
    hip, depth = measures.hip, measures.hip_depth
    rings = [
        body.ring(0.84, hip * 0.62, depth * 0.8),
        body.ring(0.88, hip * 0.95, depth),
        body.ring(0.95, hip + 0.01 + loose * 0.5, depth * 1.08 + loose * 0.4),
        body.ring(1.03, hip * 0.94 + 0.006, depth),
        body.ring(1.08, hip * 0.88, depth * 0.94),
    ]
    figure.surface.tube(rings, figure.fabrics.lower, Sweep(roundness=2.3))


def _shoe(figure: Figure, leg: Leg, shoe: ShoeLeather) -> None:
    heel_height = figure.cut.heel
    pitch = leg.shin_angle * (0.55 if leg.shin_angle < 0 else 0.2)
    ahead = np.array([leg.side * 0.12, np.sin(pitch), np.cos(pitch)])
    ahead /= np.linalg.norm(ahead)
    length = 0.17 if figure.person.is_woman else 0.19
    heel = leg.ankle + np.array([0, -0.055 - heel_height * 0.6, -0.045])
    toe = leg.ankle + ahead * length + np.array([0, -0.055 - heel_height, 0])
    height = 0.03 if shoe.kind == "sandals" else 0.045
    sole = [
        ring(heel, 0.034, height * 0.9),
        ring(heel * 0.6 + toe * 0.4 + np.array([0, 0.01, 0]), 0.042, height),
        ring(heel * 0.2 + toe * 0.8, 0.046, height * 0.7),
        ring(toe, 0.034, height * 0.45),
    ]
    figure.surface.tube(sole, shoe, _TOE)
    _shaft(figure, leg, shoe)
    if heel_height > 0:
        tip = heel + np.array([0, -heel_height * 0.9, -0.005])
        figure.surface.tube([ring(heel, 0.014), ring(tip, 0.01)], shoe)


def _shaft(figure: Figure, leg: Leg, shoe: ShoeLeather) -> None:
    """Draw what a shoe has over the ankle."""
    ankle: Vector = leg.ankle
    if shoe.kind == "boots":
        girth = figure.person.style.physique.leg_girth
        top = ankle + (leg.knee - ankle) * (0.12 + 0.5 * figure.cut.boot_height**2)
        rings = [
            ring(top, 0.058 * girth + 0.004, 0.062 * girth),
            ring(ankle * 0.6 + top * 0.4, 0.05, 0.054),
            ring(ankle + np.array([0, -0.04, 0]), 0.046, 0.055),
        ]
        figure.surface.tube(rings, shoe)
    elif shoe.kind in ("sneakers", "leather shoes"):
        rings = [
            ring(ankle + np.array([0, 0.02, 0]), 0.044, 0.046),
            ring(ankle + np.array([0, -0.045, 0]), 0.044, 0.052),
        ]
        figure.surface.tube(rings, shoe)
