"""A figure in the making: a person's skeleton, the surface it is drawn on, and its cloth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.cloth import LegCloth, SleeveCloth
from training.datasets.rendered_people.materials import Material, Smooth
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.patterns import Dyes
from training.datasets.rendered_people.person import Cut, Palette, Person
from training.datasets.rendered_people.posture import Posture, Vector, stand
from training.datasets.rendered_people.sighting import Sighting
from training.datasets.rendered_people.surface import Projection, Ring, Surface, ring
from training.datasets.rendered_people.torso import Strap, TorsoCloth

_CUFFED = ("sweater", "hoodie", "shirt", "jacket")


@dataclass(frozen=True)
class Fabrics:
    """The materials that several parts of a figure share."""

    skin: Smooth
    arm: Smooth
    leg: Smooth
    torso: TorsoCloth
    sleeve: SleeveCloth
    lower: LegCloth


@dataclass(frozen=True)
class Figure:
    """What every part of a figure is drawn with; ``rng`` draws folds."""

    person: Person
    sighting: Sighting
    posture: Posture
    surface: Surface[Material]
    fabrics: Fabrics
    rng: np.random.Generator

    @property
    def cut(self) -> Cut:
        """How the clothes are cut."""
        return self.person.style.cut

    @property
    def palette(self) -> Palette:
        """The colours of everything."""
        return self.person.style.palette

    def wears(self, slot: str, *values: str) -> bool:
        """Whether an attribute has one of some values."""
        return self.person.attributes[slot] in values


def begin(
    person: Person, sighting: Sighting, projection: Projection, rng: np.random.Generator
) -> Figure:
    """Return a figure of which nothing is drawn yet."""
    posture = stand(person, sighting)
    surface: Surface[Material] = Surface(projection)
    return Figure(person, sighting, posture, surface, _fabrics(person, posture), rng)


def limb(start: Vector, joint: Vector, end: Vector, radii: Sequence[float]) -> list[Ring]:
    """Return rings from ``start`` over ``joint`` to ``end``, with radii at five stations."""
    return [
        ring(start, radii[0]),
        ring((start + joint) / 2, radii[1]),
        ring(joint * 0.92 + start * 0.08, radii[2]),
        ring(joint * 0.92 + end * 0.08, radii[2]),
        ring((joint + end) / 2, radii[3]),
        ring(end, radii[4]),
    ]


def _fabrics(person: Person, posture: Posture) -> Fabrics:
    style, attributes = person.style, person.attributes
    palette, weave, upper = style.palette, style.weave, attributes["upper_type"]
    second, third = palette.upper_second, palette.upper_third
    return Fabrics(
        skin=Smooth(palette.skin, Part.SKIN),
        arm=Smooth(palette.skin, Part.ARM),
        leg=Smooth(palette.skin, Part.LEG),
        torso=TorsoCloth(
            Dyes(palette.upper, second, third),
            attributes["upper_pattern"],
            weave,
            Part.UPPER,
            wrap=0.17,
            folds=0.13,
            kind=upper,
            cut=style.cut,
            lift=posture.lift,
            inner=palette.inner,
            skin=palette.skin,
            strap=_strap(person),
        ),
        sleeve=SleeveCloth(
            Dyes(palette.sleeve, second, third),
            attributes["upper_pattern"],
            weave,
            Part.SLEEVE,
            wrap=0.06,
            folds=0.16,
            upright=False,
            kind=upper,
            cuffed=style.cut.cuffs and upper in _CUFFED,
            striped=style.cut.sleeve_stripe and attributes["upper_second_colour"] != "none",
        ),
        lower=LegCloth(
            Dyes(palette.lower, palette.lower_second, palette.lower_third),
            attributes["lower_pattern"],
            weave,
            Part.LOWER,
            wrap=0.08,
            folds=0.12,
            upright=False,
            kind=attributes["lower_type"],
            cut=style.cut,
        ),
    )


def _strap(person: Person) -> Strap | None:
    """Return the strap that a bag lays over the torso."""
    side = {"backpack": 0, "crossbody bag": person.style.belongings.bag_side}
    bag = person.attributes["bag"]
    return Strap(person.style.palette.strap, side[bag]) if bag in side else None
