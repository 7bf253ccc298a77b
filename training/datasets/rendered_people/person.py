"""A rendered person: who it is, in words and in the numbers that the words leave open."""

from collections.abc import Mapping
from dataclasses import dataclass

Colour = tuple[float, float, float]
"""sRGB, 0..255 each."""


@dataclass(frozen=True)
class Palette:
    """The colour of everything on a person."""

    skin: Colour
    hair: Colour
    upper: Colour
    upper_second: Colour
    upper_third: Colour
    sleeve: Colour
    inner: Colour
    lower: Colour
    lower_second: Colour
    lower_third: Colour
    shoe: Colour
    sole: Colour
    sock: Colour
    tights: Colour
    glove: Colour
    mask: Colour
    headwear: Colour
    headwear_second: Colour
    scarf: Colour
    scarf_second: Colour
    bag: Colour
    bag_second: Colour
    strap: Colour
    carried: Colour


@dataclass(frozen=True)
class Physique:
    """The body; 1 is average, lengths in metres."""

    build: float
    leg_girth: float
    waist: float
    belly: float
    head_size: float
    hair_volume: float
    hair_length: float
    hair_phase: float
    afro: bool
    fringe: bool
    beard: float
    tousled: float = 0.0
    dark_roots: float = 0.0


@dataclass(frozen=True)
class Cut:
    """How the clothes are cut and worn.

    ``openness`` is negative for a garment that does not open, 0 for a closed and up to 1 for a
    wide open one. ``hem``, ``skirt_hem`` are heights over the ground in metres.
    """

    openness: float
    hem: float
    skirt_hem: float
    skirt_flare: float
    coat_flare: float
    looseness: float
    trouser_flare: float
    length: float
    arm_spread: float
    boot_height: float
    heel: float
    neckline: float
    fade: float
    pleats: int
    socks: bool
    bare_ankles: bool
    tights: bool
    rolled_sleeves: bool
    gloves: bool
    yoke: bool
    tie: bool
    zipped: bool
    cuffs: bool
    sleeve_stripe: bool
    side_stripe: bool
    crease: bool
    scarf_tails: bool


@dataclass(frozen=True)
class Weave:
    """What the cloth is like: its folds, and where its pattern starts."""

    wrinkles: float
    grain: float
    frequency: float
    band: float
    offsets: tuple[float, float, float, float]
    texture: int
    overcheck: bool
    inner_pattern: str
    scarf_pattern: str
    headwear_pattern: str
    print_aspect: float
    print_size: float
    print_on_back: bool
    mottled: float = 0.0


@dataclass(frozen=True)
class Belongings:
    """How bags and small things are worn; sides are 1 (left) and -1 (right)."""

    bag_size: float
    bag_side: int
    bag_in_hand: bool
    bag_shift: float
    carrying_side: int
    held_close: bool
    cap_backwards: bool
    pompom: bool
    headphones: bool


@dataclass(frozen=True)
class Style:
    """Everything about a person's look that the attributes do not say."""

    palette: Palette
    physique: Physique
    cut: Cut
    weave: Weave
    belongings: Belongings


@dataclass(frozen=True)
class Person:
    """A person; ``attributes`` has every slot but pose and view, which a sighting adds."""

    person_id: int
    attributes: Mapping[str, str]
    style: Style

    @property
    def is_woman(self) -> bool:
        """Whether the body is a woman's."""
        return self.attributes["gender"] == "woman"
