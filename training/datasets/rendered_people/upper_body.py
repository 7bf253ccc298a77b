"""The torso with its garment, skirts, scarf, arms and hands."""

import numpy as np

from training.datasets.rendered_people.cloth import Cloth, SleeveCloth
from training.datasets.rendered_people.figure import Figure, limb
from training.datasets.rendered_people.materials import Material, Smooth
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.patterns import Dyes
from training.datasets.rendered_people.posture import Arm
from training.datasets.rendered_people.surface import CAPPED, Ring, Ripple, Sweep, ring
from training.datasets.rendered_people.textures import Floats
from training.datasets.rendered_people.wardrobe import OVER_LONG_SLEEVES

_COLLARED = (
    "shirt", "jacket", "coat", "suit jacket", "denim jacket", "leather jacket", "puffer jacket",
)  # fmt: skip
_HIGH_COLLARED = ("puffer jacket", "coat", "jacket")


def draw_torso(figure: Figure) -> None:
    """Draw the skirt or dress, the upper garment, neck and scarf."""
    if figure.wears("lower_type", "skirt"):
        _skirt(figure, figure.fabrics.lower)
    elif figure.wears("lower_type", "dress"):
        _skirt(figure, figure.fabrics.torso)
    sweep = Sweep(roundness=2.25, two_sided=figure.cut.hem < 0.86, ripple=_torso_ripple(figure))
    figure.surface.tube(_torso_rings(figure), figure.fabrics.torso, sweep)
    _collar(figure)
    body = figure.posture
    neck = [
        body.ring(1.44, 0.07, 0.07),
        body.ring(1.49, 0.056, 0.056, 0.004),
        body.ring(1.56, 0.054, 0.056, 0.012),
    ]
    figure.surface.tube(neck, figure.fabrics.skin)
    if not figure.wears("scarf_colour", "none"):
        _scarf(figure)


def draw_arms(figure: Figure) -> None:
    """Draw both arms with sleeves and hands."""
    glove = Smooth(figure.palette.glove, Part.OTHER)
    hand = glove if figure.cut.gloves else figure.fabrics.arm
    inner = _inner_sleeve(figure)
    for arm in figure.posture.arms:
        _arm(figure, arm)
        if figure.wears("upper_type", *OVER_LONG_SLEEVES):
            radius = _arm_radius(figure)
            radii = [radius * factor for factor in (1.3, 1.2, 1.08, 1.0, 0.8)]
            rings = limb(arm.shoulder, arm.elbow, arm.wrist, radii)
            figure.surface.tube(rings, inner, CAPPED)
        _hand(figure, arm, hand)


def _torso_rings(figure: Figure) -> list[Ring]:
    body, size = figure.posture, figure.posture.measures
    t, build, belly = size.thickness, size.build, figure.person.style.physique.belly
    hip, depth, waist, shoulder = size.hip, size.hip_depth, size.waist, size.shoulder
    return [
        *_tails(figure),
        body.ring(1.0, hip * 0.97 + t, depth + t + belly * 0.02),
        body.ring(1.12, waist + t * 1.1, 0.108 * build + t + belly * 0.05, belly * 0.02),
        body.ring(1.22, waist * 1.05 + t, 0.118 * build + t + belly * 0.03),
        body.ring(1.31, shoulder * 0.86 + t, 0.13 * build + t),
        body.ring(1.385, shoulder * 0.92 + t, 0.118 * build + t),
        body.ring(1.43, shoulder * 0.78 + t, 0.1 * build + t * 0.7),
        body.ring(1.467, shoulder * 0.49 + t * 0.5, 0.08 + t * 0.4),
        body.ring(1.492, 0.075 + t * 0.3, 0.068 + t * 0.3),
    ]


def _tails(figure: Figure) -> list[Ring]:
    """Return the rings of a garment below the waist."""
    body, size, hem = figure.posture, figure.posture.measures, figure.cut.hem
    hip, depth = size.hip + size.thickness, size.hip_depth + size.thickness
    if hem >= 0.97:
        return []
    if hem >= 0.86:
        return [body.ring(hem, hip + 0.002, depth)]
    flare = figure.cut.coat_flare
    rings = []
    for height in np.linspace(hem, 0.86, 3).tolist():
        drop = 0.9 - height
        wide = hip + drop * 0.16 * flare
        rings.append(body.ring(height, wide, depth + drop * (0.13 * flare + 0.75 * body.stride)))
    return rings


def _torso_ripple(figure: Figure) -> Ripple:
    """Return folds over the hem, the bust and quilting."""
    phase, count = figure.rng.random() * 6, int(figure.rng.integers(4, 8))
    depth = 0.02 * figure.person.style.weave.wrinkles
    bust = 0.145 if figure.person.is_woman else 0.0
    quilted = figure.wears("upper_type", "puffer jacket", "vest")

    def ripple(angle: Floats, along: Floats) -> Floats:
        change = depth * np.sin(angle * count + phase + along * 5) * np.clip(1 - along * 1.6, 0, 1)
        if bust > 0:
            front = np.clip(np.sin(angle), 0, 1) ** 2 * (0.6 + 0.8 * np.abs(np.cos(angle)))
            change = change + bust * np.exp(-(((along - 0.62) / 0.09) ** 2)) * front
        if quilted:
            change = change + 0.035 * np.abs(np.sin(along * (8 * np.pi)))
        return np.asarray(change)

    return ripple


def _skirt(figure: Figure, cloth: Material) -> None:
    body, size, flare = figure.posture, figure.posture.measures, figure.cut.skirt_flare
    rings = []
    for share in np.linspace(0, 1, 6).tolist():
        height = figure.cut.skirt_hem + (1.06 - figure.cut.skirt_hem) * share
        widening = 1 + flare * (1 - share)
        step = body.stride * max(0.0, (0.9 - height) / 0.8) * 1.15
        depth = size.hip_depth * 1.02 * widening + step
        rings.append(body.ring(height, size.hip * 0.98 * widening, depth))
    count, phase = int(figure.rng.integers(5, 11)), figure.rng.random() * 6
    amplitude = (0.03 + 0.05 * flare) * figure.person.style.weave.wrinkles

    def ripple(angle: Floats, along: Floats) -> Floats:
        folds = np.sin(angle * count + phase + np.sin(angle * 2 + phase))
        return np.asarray(amplitude * folds * (1 - along) ** 1.3)

    figure.surface.tube(rings, cloth, Sweep(roundness=2.2, two_sided=True, ripple=ripple))


def _collar(figure: Figure) -> None:
    body, t, sleeve = figure.posture, figure.posture.measures.thickness, figure.fabrics.sleeve
    if figure.wears("upper_type", *_COLLARED):
        height = 0.05 if figure.wears("upper_type", *_HIGH_COLLARED) else 0.035
        rings = [
            body.ring(1.468, 0.088 + t * 0.4, 0.078 + t * 0.4),
            body.ring(1.468 + height, 0.075 + t * 0.35, 0.07 + t * 0.35),
        ]
        figure.surface.tube(rings, sleeve, Sweep(two_sided=True))
    elif figure.wears("upper_type", "hoodie") and not figure.wears("headwear", "hood"):
        folded = [
            ring(body.on_spine(1.47, -0.06, -0.11), 0.03),
            ring(body.on_spine(1.45, -0.11, -0.06), 0.05),
            ring(body.on_spine(1.45, -0.11, 0.06), 0.05),
            ring(body.on_spine(1.47, -0.06, 0.11), 0.03),
        ]
        figure.surface.tube(folded, sleeve, Sweep(axis=(0.0, 1.0, 0.0), capped=True))


def _scarf(figure: Figure) -> None:
    palette, weave = figure.palette, figure.person.style.weave
    body, t = figure.posture, figure.posture.measures.thickness
    dyes = Dyes(palette.scarf, palette.scarf_second, palette.scarf_second)
    cloth = Cloth(dyes, weave.scarf_pattern, weave, Part.SCARF)
    wound = [
        body.ring(1.435, 0.12 + t * 0.4, 0.11 + t * 0.4),
        body.ring(1.475, 0.125 + t * 0.4, 0.115 + t * 0.4),
        body.ring(1.525, 0.092, 0.09),
    ]

    def ripple(angle: Floats, along: Floats) -> Floats:
        return 0.08 * np.sin(angle * 3 + along * 9)

    figure.surface.tube(wound, cloth, Sweep(ripple=ripple))
    if figure.cut.scarf_tails:
        top, end = body.on_spine(1.44, 0.12 + t, 0.03), body.on_spine(1.12, 0.14 + t, 0.045)
        middle = (top + end) / 2 + np.array([0, 0, 0.02])
        tail = [ring(top, 0.035, 0.018), ring(middle, 0.045, 0.02), ring(end, 0.045, 0.018)]
        figure.surface.tube(tail, cloth, CAPPED)


def _arm_radius(figure: Figure) -> float:
    return (0.044 if figure.person.is_woman else 0.052) * figure.posture.measures.build


def _arm(figure: Figure, arm: Arm) -> None:
    radius, cloth = _arm_radius(figure), figure.posture.measures.thickness * 0.75 + 0.004
    into_body = np.array([-arm.side * 0.035, 0.018, 0])
    if figure.wears("sleeve", "long"):
        _long_sleeve(figure, arm)
        return
    radii = [radius * factor for factor in (1.32, 1.05, 0.88, 0.85, 0.62)]
    rings = limb(arm.shoulder + into_body, arm.elbow, arm.wrist, radii)
    figure.surface.tube(rings, figure.fabrics.arm, CAPPED)
    if figure.wears("sleeve", "short"):
        end = arm.shoulder + (arm.elbow - arm.shoulder) * (0.72 + 0.25 * figure.cut.length)
        sleeve = [
            ring(arm.shoulder + into_body, radius * 1.3 + cloth),
            ring((arm.shoulder + end) / 2, radius * 1.22 + cloth),
            ring(end, radius * 1.2 + cloth + 0.008),
        ]
        figure.surface.tube(sleeve, figure.fabrics.sleeve, Sweep(two_sided=True))


def _long_sleeve(figure: Figure, arm: Arm) -> None:
    radius, cloth = _arm_radius(figure), figure.posture.measures.thickness * 0.75 + 0.004
    phase, wrinkles = figure.rng.random() * 6, figure.person.style.weave.wrinkles
    quilted = figure.wears("upper_type", "puffer jacket")

    def ripple(angle: Floats, along: Floats) -> Floats:
        folds = 0.05 * wrinkles * np.sin(angle * 2 + along * 26 + phase)
        return folds + 0.07 * np.abs(np.sin(along * (9 * np.pi))) if quilted else folds

    rolled = figure.cut.rolled_sleeves
    end = arm.wrist - arm.direction * (0.1 if rolled else 0.0)
    radii = [
        radius * 1.35 + cloth,
        radius * 1.12 + cloth,
        radius * 0.92 + cloth,
        radius * 0.86 + cloth * 0.9,
        radius * 0.66 + cloth * 0.8,
    ]
    rings = limb(arm.shoulder + np.array([-arm.side * 0.035, 0.02, 0]), arm.elbow, end, radii)
    figure.surface.tube(rings, figure.fabrics.sleeve, Sweep(capped=True, ripple=ripple))
    if rolled:
        bare = [
            ring(arm.wrist - arm.direction * 0.12, radius * 0.8),
            ring(arm.wrist, radius * 0.62),
        ]
        figure.surface.tube(bare, figure.fabrics.arm)


def _inner_sleeve(figure: Figure) -> SleeveCloth:
    """Return the sleeve of what is worn beneath a vest."""
    palette, weave = figure.palette, figure.person.style.weave
    dyes = Dyes(palette.inner, palette.upper_second, palette.upper_third)
    return SleeveCloth(
        dyes, weave.inner_pattern, weave, Part.INNER, wrap=0.06, folds=0.16, upright=False
    )


def _hand(figure: Figure, arm: Arm, hand: Material) -> None:
    radius = _arm_radius(figure)
    rings = [
        ring(arm.wrist, radius * 0.6, radius * 0.55),
        ring(arm.wrist + arm.direction * 0.05, radius * 0.82, radius * 0.5),
        ring(arm.wrist + arm.direction * 0.13, radius * 0.55, radius * 0.36),
    ]
    figure.surface.tube(rings, hand, CAPPED)
