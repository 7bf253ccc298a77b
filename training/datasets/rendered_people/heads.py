"""Heads: face, hair, and what is worn on them."""

from dataclasses import replace

import numpy as np

from training.datasets.rendered_people.cloth import Cloth, SleeveCloth
from training.datasets.rendered_people.figure import Figure
from training.datasets.rendered_people.materials import Face, Material, Smooth, Strands
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.patterns import Dyes
from training.datasets.rendered_people.posture import Head
from training.datasets.rendered_people.surface import CAPPED, Keep, Ripple, Sweep, ring
from training.datasets.rendered_people.textures import Floats, Mask

_HATS = ("beanie", "helmet", "cap", "brimmed hat")
_COVERS = ("hood", "headscarf")


def draw_head(figure: Figure) -> None:
    """Draw the face, ears, hair and headwear."""
    _face(figure)
    if figure.wears("headwear", *_COVERS):
        _cover(figure)
        return
    _hair(figure)
    if figure.wears("headwear", *_HATS):
        _hat(figure)
    if figure.person.style.belongings.headphones:
        _headphones(figure)


def _axis(head: Head) -> tuple[float, float, float]:
    x, y, z = head.left.tolist()
    return (x, y, z)


def _face(figure: Figure) -> None:
    head, palette, physique = figure.posture.head, figure.palette, figure.person.style.physique
    attributes = figure.person.attributes
    face = Face(
        head,
        palette.skin,
        palette.hair,
        palette.mask,
        glasses=attributes["glasses"],
        beard=physique.beard,
        masked=attributes["mask"] == "yes",
        lipstick=figure.person.is_woman,
    )
    rings = [
        head.ring(-0.118, 0.03, 0.03, 0.035),
        head.ring(-0.095, 0.05, 0.056, 0.02),
        head.ring(-0.05, 0.066, 0.08, 0.006),
        head.ring(0, 0.074, 0.094),
        head.ring(0.05, 0.074, 0.096, -0.004),
        head.ring(0.09, 0.062, 0.08, -0.006),
        head.ring(0.118, 0.03, 0.04, -0.006),
    ]
    figure.surface.tube(rings, face, Sweep(axis=_axis(head), capped=True, density=1.7))
    skin = Smooth(palette.skin, Part.FACE)
    if attributes["mask"] == "no":
        nose = head.centre + head.front * 0.095 * head.size
        tip = [
            ring(nose + np.array([0, 0.02, -0.012]), 0.008),
            ring(nose + np.array([0, -0.02, 0.004]), 0.014),
        ]
        figure.surface.tube(tip, skin, CAPPED)
    for side in (1, -1):
        ear = head.place(left=side * 0.075)
        lobe = [
            ring(ear + np.array([0, 0.02, 0]), 0.012, 0.018),
            ring(ear - np.array([0, 0.025, 0]), 0.01, 0.014),
        ]
        figure.surface.tube(lobe, skin, CAPPED)


def _within(head: Head, points: Floats) -> tuple[Floats, Floats, Floats]:
    """Return how far points are to the left, up and in front, in head sizes."""
    offset = (points - head.centre) / head.size
    return offset @ head.left, offset[:, 1], offset @ head.front


def _hair(figure: Figure) -> None:
    physique = figure.person.style.physique
    colour, texture = figure.palette.hair, figure.person.style.weave.texture
    hair = Strands(colour, texture, physique.tousled)
    length = figure.person.attributes["hair_length"]
    if length == "bald":
        if physique.fringe:
            _scalp(figure, hair, 0.002, _wreath(figure.posture.head))
        return
    grown = 0.004 + 0.016 * physique.hair_volume
    if figure.wears("headwear", *_HATS):
        grown = 0.002
    elif physique.afro:
        grown = 0.035 + 0.05 * physique.hair_volume
    short, loose = length == "short", length in ("medium", "long")
    dark = physique.dark_roots if loose else 0.0
    scalp = replace(hair, dark=(dark / 2, dark))  # darkest at the crown
    _scalp(figure, scalp, grown, _hairline(figure, short=short))
    if loose:
        _loose_hair(figure, replace(hair, dark=(dark, 0.0)), long=length == "long")
    elif length == "ponytail":
        _ponytail(figure, hair)
    elif length == "bun":
        _bun(figure, hair)


def _scalp(figure: Figure, hair: Material, grown: float, keep: Keep) -> None:
    head = figure.posture.head
    rings = [
        head.ring(-0.10, 0.058 + grown, 0.066 + grown, -0.008),
        head.ring(-0.06, 0.07 + grown, 0.085 + grown, -0.01),
        head.ring(0, 0.078 + grown, 0.098 + grown, -0.008),
        head.ring(0.05, 0.079 + grown, 0.101 + grown, -0.008),
        head.ring(0.095, 0.066 + grown, 0.084 + grown, -0.01),
        head.ring(0.122 + grown * 0.6, 0.032, 0.042, -0.01),
    ]
    ripple = _tousled(figure) if grown > 0.003 else None
    sweep = Sweep(axis=_axis(head), capped=True, keep=keep, ripple=ripple)
    figure.surface.tube(rings, hair, sweep)


def _tousled(figure: Figure) -> Ripple | None:
    """Return an uneven outline, or None for smooth hair."""
    physique = figure.person.style.physique
    if physique.tousled == 0:
        return None
    phase, strength = physique.hair_phase, 0.05 * physique.tousled

    def ripple(angle: Floats, along: Floats) -> Floats:
        tufts = np.sin(angle * 5 + phase + along * 7) + 0.7 * np.sin(angle * 13 - along * 17)
        return np.asarray(strength * tufts * (0.4 + np.sin(along * np.pi)))

    return ripple


def _hairline(figure: Figure, *, short: bool) -> Keep:
    """Return where hair grows: over the forehead, and behind the temples."""
    head, phase = figure.posture.head, figure.person.style.physique.hair_phase
    tousled = figure.person.style.physique.tousled
    lowest, temple = (-0.055, 0.02) if short else (-0.11, 0.035)

    def keep(angle: Floats, points: Floats) -> Mask:
        _, up, front = _within(head, points)
        strands = (0.012 + 0.012 * tousled) * np.sin(angle * 23 + phase * 5)
        above = up > 0.055 + 0.03 * np.sin(angle * 3 + phase) + strands
        return np.asarray(above | ((front < temple + strands) & (up > lowest + strands)))

    return keep


def _wreath(head: Head) -> Keep:
    """Return where a bald head has hair left."""

    def keep(_angle: Floats, points: Floats) -> Mask:
        _, up, front = _within(head, points)
        return np.asarray((front < 0.02) & (up > -0.06) & (up < 0.03))

    return keep


def _loose_hair(figure: Figure, hair: Material, *, long: bool) -> None:
    head, physique = figure.posture.head, figure.person.style.physique
    volume, thickness = physique.hair_volume, figure.posture.measures.thickness
    length = 0.30 + 0.22 * physique.hair_length if long else 0.17 + 0.05 * volume
    rings = []
    for share in np.linspace(0, 1, 5).tolist():
        height = head.centre[1] + 0.02 * head.size - share * length
        behind = max(0.0, 1.5 + figure.posture.lift - height) * 0.06
        middle = head.centre - head.front * (0.055 + 0.012 * share + behind)
        back = (0.02 + thickness * 0.6) * min(1.0, share * 2)
        place = np.array([middle[0], height, middle[2] - back])
        wide = (0.084 + 0.016 * volume) * (1 - 0.22 * share * share) * head.size
        rings.append(ring(place, wide, (0.055 + 0.012 * volume) * (1 - 0.35 * share) * head.size))
    sweep = Sweep(axis=_axis(head), capped=True, ripple=_locks(physique.hair_phase))
    figure.surface.tube(rings, hair, sweep)
    _side_locks(figure, hair, min(length, 0.17 + (0.16 * physique.hair_length if long else 0)))


def _locks(phase: float) -> Ripple:
    def ripple(angle: Floats, along: Floats) -> Floats:
        return 0.06 * np.sin(angle * 9 + along * 5 * phase) * (0.5 + along)

    return ripple


def _side_locks(figure: Figure, hair: Material, length: float) -> None:
    """Draw the hair beside the face."""
    head = figure.posture.head
    for side in (1, -1):
        temple = head.place(left=side * 0.078)
        outwards = head.left * side
        rings = [
            ring(temple + head.front * 0.012 + np.array([0, 0.05, 0]), 0.018, 0.04),
            ring(
                temple + head.front * 0.02 + outwards * 0.008 - np.array([0, length / 2, 0]),
                0.022,
                0.042,
            ),
            ring(
                temple + head.front * 0.03 + outwards * 0.012 - np.array([0, length, 0]),
                0.012,
                0.025,
            ),
        ]
        figure.surface.tube(rings, hair, Sweep(axis=_axis(head), capped=True))


def _ponytail(figure: Figure, hair: Material) -> None:
    head, physique = figure.posture.head, figure.person.style.physique
    length = 0.2 + 0.16 * physique.hair_length
    root = head.place(front=-0.105) + np.array([0, 0.03 + 0.05 * physique.hair_phase / 6, 0])
    rings = [
        ring(root, 0.022),
        ring(root - head.front * 0.045 - np.array([0, 0.01, 0]), 0.032, 0.03),
        ring(root - head.front * 0.06 - np.array([0, length / 2, 0]), 0.036, 0.03),
        ring(root - head.front * 0.045 - np.array([0, length, 0]), 0.012),
    ]
    figure.surface.tube(rings, hair, Sweep(axis=_axis(head), capped=True))


def _bun(figure: Figure, hair: Material) -> None:
    head, low = figure.posture.head, figure.person.style.physique.hair_phase < 3
    place = head.place(front=-0.1 if low else -0.05) + np.array([0, 0.03 if low else 0.13, 0])
    half = np.array([0, 0.035, 0])
    rings = [ring(place - half, 0.03), ring(place, 0.046), ring(place + half, 0.03)]
    figure.surface.tube(rings, hair, CAPPED)


def _felt(figure: Figure) -> Cloth:
    palette, weave = figure.palette, figure.person.style.weave
    dyes = Dyes(palette.headwear, palette.headwear_second, palette.headwear_second)
    pattern = "plain" if figure.wears("headwear", "helmet") else weave.headwear_pattern
    return Cloth(dyes, pattern, weave, Part.HEADWEAR, wrap=0.09, folds=0.05)


def _hat(figure: Figure) -> None:
    head, felt = figure.posture.head, _felt(figure)
    kind = figure.person.attributes["headwear"]
    grown = 0.03 if kind == "helmet" else 0.014
    low = 0.01 if kind == "beanie" else 0.035
    crown = [
        head.ring(low, 0.08 + grown, 0.1 + grown, -0.006),
        head.ring(0.06, 0.08 + grown, 0.102 + grown, -0.006),
        head.ring(0.1 + grown * 0.5, 0.068 + grown, 0.086 + grown, -0.008),
        head.ring(0.13 + grown, 0.034, 0.042, -0.008),
    ]

    def keep(_angle: Floats, points: Floats) -> Mask:
        return np.asarray(_within(head, points)[1] > low - 0.002)

    axis = _axis(head)
    figure.surface.tube(crown, felt, Sweep(axis=axis, two_sided=True, capped=True, keep=keep))
    if kind == "cap":
        ahead = -1 if figure.person.style.belongings.cap_backwards else 1
        root = head.place(front=ahead * 0.075, up=0.052)
        edge = head.place(front=ahead * 0.185, up=0.03)
        peak = [
            ring(root, 0.078 * head.size, 0.008),
            ring(root * 0.4 + edge * 0.6, 0.076 * head.size, 0.009),
            ring(edge, 0.04 * head.size, 0.008),
        ]
        figure.surface.tube(peak, felt, Sweep(axis=axis, capped=True))
    elif kind in ("brimmed hat", "helmet"):
        brim = 0.075 if kind == "brimmed hat" else 0.02
        rings = [
            head.ring(0.03, 0.088 + brim, 0.108 + brim, -0.004),
            head.ring(0.042, 0.09, 0.11, -0.004),
        ]
        figure.surface.tube(rings, felt, Sweep(axis=axis, two_sided=True))
    elif figure.person.style.belongings.pompom:
        top, half = head.place(up=0.16), np.array([0, 0.03, 0])
        ball = [ring(top - half, 0.02), ring(top, 0.035), ring(top + half, 0.02)]
        figure.surface.tube(ball, felt, CAPPED)


def _cover(figure: Figure) -> None:
    """Draw a hood or headscarf: all around but the face."""
    head, cloth = figure.posture.head, figure.fabrics.sleeve
    hood = figure.wears("headwear", "hood")
    grown = 0.028 if hood else 0.014
    cover: Material = _felt(figure)
    if hood:
        cover = SleeveCloth(
            cloth.dyes, cloth.pattern, cloth.weave, Part.HEADWEAR, wrap=0.09, folds=0.12
        )
    rings = [
        head.ring(-0.17, 0.085 + grown, 0.085 + grown, -0.01),
        head.ring(-0.1, 0.078 + grown, 0.088 + grown, -0.014),
        head.ring(-0.02, 0.082 + grown, 0.1 + grown, -0.014),
        head.ring(0.06, 0.08 + grown, 0.102 + grown, -0.012),
        head.ring(0.11, 0.062 + grown, 0.078 + grown, -0.014),
        head.ring(0.135 + grown, 0.025, 0.03, -0.02),
    ]

    def keep(_angle: Floats, points: Floats) -> Mask:
        left, up, front = _within(head, points)
        opening = (left / 0.066) ** 2 + ((up + 0.01) / 0.092) ** 2 < 1
        return np.asarray(~((front > 0.045) & opening))

    sweep = Sweep(axis=_axis(head), two_sided=True, capped=True, keep=keep)
    figure.surface.tube(rings, cover, sweep)


def _headphones(figure: Figure) -> None:
    head, shell = figure.posture.head, Smooth((30, 30, 34), Part.OTHER)
    half = np.array([0, 0.035, 0])
    for side in (1, -1):
        ear = head.place(left=side * 0.086)
        rings = [
            ring(ear + half, 0.016, 0.026),
            ring(ear, 0.02, 0.034),
            ring(ear - half, 0.016, 0.026),
        ]
        figure.surface.tube(rings, shell, Sweep(axis=_axis(head), capped=True))
