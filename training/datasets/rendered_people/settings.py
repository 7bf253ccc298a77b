"""What a generator setting fixes: how bodies, clothes, scenes, light and cameras are distributed.

A population is drawn in one setting. ``training`` is the first and stays as it is, so that old
seeds make the same pictures. ``varied`` widens it for training: more people and softer colours
behind, other grounds and walls, uneven light, mottled cloth, tousled hair, larger things, a
camera that resolves more. ``framed`` is ``varied`` in frames of every shape, as detectors draw
them, from head and shoulders to tall and narrow, with paler pictures and hair dark at its roots.
Pictures are stored in one shape, so that in a wide frame people become thin, as they do in front
of every model of a fixed image size. ``held_out`` is for testing what was trained on the others:
its views, lamps, colour casts, optics, bodies, cuts, weaves and places follow other
distributions, and its places occur in none of them. What people wear, and what it is called, is
the same in all.

Pairs of numbers are the bounds of a uniform or, where said, mean and deviation of a normal
distribution. Angles are in radians, lengths in metres.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

SettingName = Literal["training", "varied", "held_out", "framed"]
SETTING_NAMES: tuple[SettingName, ...] = get_args(SettingName)

Pair = tuple[float, float]


def _shares(**shares: float) -> Mapping[str, float]:
    return dict(shares)


@dataclass(frozen=True)
class Views:
    """Where cameras stand; normal: ``pitch``. ``shift`` are deviations in crop sizes.

    ``frame`` is how high a frame is beside its width; without, that of the stored picture.
    """

    facing: Mapping[str, float] = field(
        default_factory=lambda: _shares(front=0.34, back=0.30, left=0.18, right=0.18)
    )
    turn: float = 0.55
    pitch: Pair = (0.16, 0.16)
    steepest: float = 0.62
    roll: float = 0.02
    distance: Pair = (3.5, 14)
    fill: Pair = (0.84, 0.99)
    zoomed: float = 0.1  # share of crops that legs leave
    zoom: Pair = (1.15, 1.6)
    loose: float = 0.04  # share of crops with room around
    shift: Pair = (0.04, 0.015)
    frame: Pair | None = None


@dataclass(frozen=True)
class Poses:
    """What bodies do; normal: ``lean``. ``head_yaw`` is a deviation."""

    names: Mapping[str, float] = field(
        default_factory=lambda: _shares(standing=0.3, walking=0.62, running=0.08)
    )
    arms: Mapping[str, float] = field(
        default_factory=lambda: _shares(swing=0.8, pocket=0.12, hold=0.05, up=0.03)
    )
    crossed: float = 0.03
    lean: Pair = (0.03, 0.04)
    knee_bend: float = 0.1
    leg_spread: float = 0.08
    head_yaw: float = 0.25


@dataclass(frozen=True)
class Lights:
    """Sun or lamp, and the light from all around."""

    azimuth: float = 2.2
    elevation: Pair = (0.3, 1.3)
    directed: Pair = (0.1, 0.9)
    ambient: Pair = (0.45, 0.8)
    shadow_length: Pair = (0.3, 2.2)
    shadow_strength: Pair = (0.3, 0.8)


@dataclass(frozen=True)
class Cameras:
    """Normal: ``warmth``, ``exposure`` (its logarithm), ``blur``, ``noise``. ``rows``: log."""

    warmth: Pair = (0.0, 0.045)
    cast: tuple[float, float, float] = (0.03, 0.02, 0.03)
    exposure: Pair = (0.08, 0.28)
    haze: float = 0.02
    tone: Pair = (0, 0.45)
    contrast: Pair = (0.82, 1.25)
    brightness: float = 0.035
    saturation: Pair = (0.65, 1.2)
    rows: Pair = (56, 330)
    blur: Pair = (0.35, 0.6)
    noise: Pair = (1.5, 3)
    jpeg_quality: Pair = (22, 98)
    sharpened: float = 0.2


@dataclass(frozen=True)
class Bodies:
    """Normal: ``leg_girth``, ``waist``; means of ``build`` for women and men."""

    build: Pair = (0.96, 1.02)
    build_spread: float = 0.09
    leg_girth: Pair = (1, 0.08)
    waist: Pair = (1, 0.06)
    belly: float = 0.5
    head_size: Pair = (0.96, 1.08)
    tousled: Pair | None = None  # how uneven hair is; smooth without
    dark_roots: Pair | None = None  # how much darker loose hair is above; below 0 it is not
    bag_size: Pair = (0.85, 1.25)


@dataclass(frozen=True)
class Cuts:
    """How clothes are cut."""

    looseness: Pair = (0.5, 2.2)
    trouser_flare: Pair = (0.6, 2.0)
    skirt_flare: Pair = (0.1, 0.75)
    coat_flare: Pair = (0.3, 1.1)
    short_skirt: Pair = (0.55, 0.72)
    long_skirt: Pair = (0.16, 0.5)
    arm_spread: Pair = (0.6, 1.4)
    neckline: Pair = (0, 1.6)
    pleats: tuple[int, int] = (8, 20)


@dataclass(frozen=True)
class Weaves:
    """What cloth is like."""

    wrinkles: Pair = (0.5, 1.3)
    grain: Pair = (0.2, 1.5)
    frequency: Pair = (9, 34)
    band: Pair = (0.3, 0.6)
    print_size: Pair = (0.5, 1.05)
    mottled: Pair | None = None  # how unevenly dyed; evenly without


@dataclass(frozen=True)
class Scenes:
    """What is behind and before people; normal: ``blur``.

    ``places`` names the grounds and walls of ``surroundings``. ``passers_by`` has the likelihood
    of each further person, ``passers_by_size`` how large they are beside a whole crop.
    ``keep_colour`` is how much of its colour a background keeps.
    """

    places: str = "town"
    passers_by: tuple[float, ...] = (0.16,)
    passers_by_size: Pair = (0.45, 0.95)
    obstacles: int = 2
    walled: float = 0.75
    wall_distance: Pair = (0.8, 14)
    blur: Pair = (0.4, 0.8)
    occluded: float = 0.09
    keep_colour: Pair | None = None
    uneven_light: Pair | None = None


@dataclass(frozen=True)
class Setting:
    """One parameterisation of the generator."""

    name: SettingName
    views: Views = field(default_factory=Views)
    poses: Poses = field(default_factory=Poses)
    lights: Lights = field(default_factory=Lights)
    cameras: Cameras = field(default_factory=Cameras)
    bodies: Bodies = field(default_factory=Bodies)
    cuts: Cuts = field(default_factory=Cuts)
    weaves: Weaves = field(default_factory=Weaves)
    scenes: Scenes = field(default_factory=Scenes)


TRAINING = Setting("training")
_VARIED = Setting(
    "varied",
    views=replace(Views(), turn=0.75, pitch=(0.18, 0.2), roll=0.035, distance=(2.8, 18)),
    poses=replace(
        Poses(),
        arms=_shares(swing=0.68, pocket=0.18, hold=0.09, up=0.05),
        lean=(0.04, 0.06),
        knee_bend=0.16,
        leg_spread=0.14,
        head_yaw=0.4,
    ),
    lights=replace(Lights(), azimuth=3.0, elevation=(0.15, 1.4), directed=(0.0, 1.0)),
    cameras=replace(
        Cameras(),
        warmth=(0.0, 0.06),
        saturation=(0.5, 1.2),
        rows=(72, 384),
        jpeg_quality=(18, 98),
    ),
    bodies=replace(
        Bodies(), build_spread=0.11, belly=0.6, tousled=(0.1, 1.0), bag_size=(0.95, 1.5)
    ),
    cuts=replace(Cuts(), looseness=(0.4, 2.8), trouser_flare=(0.6, 2.6), arm_spread=(0.5, 1.7)),
    weaves=replace(
        Weaves(), wrinkles=(0.4, 2.0), grain=(0.3, 2.5), frequency=(7, 40), mottled=(0.0, 0.05)
    ),
    scenes=replace(
        Scenes(),
        places="town and country",
        passers_by=(0.4, 0.25, 0.15),
        passers_by_size=(0.3, 0.85),
        obstacles=4,
        blur=(0.6, 1.4),
        occluded=0.12,
        keep_colour=(0.25, 1.0),
        uneven_light=(0.0, 0.3),
    ),
)
_FRAMED = replace(
    _VARIED,
    name="framed",
    views=replace(_VARIED.views, zoomed=0.24, zoom=(1.15, 2.8), frame=(1.3, 3.1)),
    cameras=replace(_VARIED.cameras, haze=0.035, contrast=(0.65, 1.3), brightness=0.045),
    bodies=replace(_VARIED.bodies, dark_roots=(-0.6, 0.6)),
)
_HELD_OUT = Setting(
    "held_out",
    views=replace(
        Views(),
        facing=_shares(front=0.28, back=0.26, left=0.23, right=0.23),
        turn=0.7,
        pitch=(0.3, 0.14),
        steepest=0.75,
        roll=0.04,
        distance=(2.5, 9),
        fill=(0.78, 0.95),
        zoomed=0.06,
        shift=(0.06, 0.02),
    ),
    poses=replace(
        Poses(),
        names=_shares(standing=0.45, walking=0.5, running=0.05),
        arms=_shares(swing=0.7, pocket=0.2, hold=0.06, up=0.04),
        lean=(0.06, 0.05),
        leg_spread=0.13,
        head_yaw=0.45,
    ),
    lights=replace(
        Lights(),
        azimuth=3.1,
        elevation=(0.7, 1.5),
        directed=(0.0, 0.55),
        ambient=(0.55, 0.9),
        shadow_length=(0.1, 1.0),
        shadow_strength=(0.1, 0.5),
    ),
    cameras=replace(
        Cameras(),
        warmth=(0.05, 0.07),
        cast=(0.02, 0.035, 0.02),
        exposure=(0.0, 0.22),
        haze=0.035,
        tone=(0.2, 0.7),
        contrast=(0.75, 1.1),
        saturation=(0.5, 1.0),
        rows=(80, 260),
        blur=(0.6, 0.5),
        noise=(2.5, 2.5),
        jpeg_quality=(35, 80),
        sharpened=0.45,
    ),
    bodies=replace(
        Bodies(),
        build=(1.0, 1.07),
        build_spread=0.12,
        leg_girth=(1.05, 0.1),
        waist=(1.04, 0.08),
        belly=0.6,
        head_size=(0.92, 1.04),
        tousled=(0.2, 0.8),
        bag_size=(0.9, 1.35),
    ),
    cuts=replace(
        Cuts(),
        looseness=(1.0, 2.8),
        trouser_flare=(0.9, 2.6),
        skirt_flare=(0.3, 1.0),
        coat_flare=(0.1, 0.8),
        short_skirt=(0.52, 0.66),
        long_skirt=(0.2, 0.44),
        arm_spread=(0.9, 1.8),
        neckline=(0.4, 2.0),
        pleats=(5, 13),
    ),
    weaves=replace(
        Weaves(),
        wrinkles=(0.9, 2.0),
        grain=(1.0, 3.0),
        frequency=(7, 26),
        band=(0.4, 0.68),
        print_size=(0.65, 1.2),
        mottled=(0.01, 0.05),
    ),
    scenes=replace(
        Scenes(),
        places="indoors and works",
        passers_by=(0.35, 0.2),
        passers_by_size=(0.4, 0.8),
        obstacles=3,
        walled=0.9,
        wall_distance=(1.2, 9),
        blur=(0.9, 1.0),
        keep_colour=(0.4, 0.9),
        uneven_light=(0.1, 0.4),
    ),
)
_SETTINGS: Mapping[SettingName, Setting] = {
    setting.name: setting for setting in (TRAINING, _VARIED, _HELD_OUT, _FRAMED)
}


def setting_of(name: SettingName) -> Setting:
    """Return the setting of a name."""
    return _SETTINGS[name]
