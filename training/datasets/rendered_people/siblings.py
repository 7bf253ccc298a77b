"""People who equal another one but for one thing: hard negatives to learn small things from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from training.datasets.rendered_people import wardrobe
from training.datasets.rendered_people.attributes import NONE, SHADES
from training.datasets.rendered_people.person import Colour, Person
from training.datasets.rendered_people.sampling import cloth_tint, hem_length
from training.datasets.rendered_people.tints import contrasting, tint
from training.datasets.rendered_people.wardrobe import Weights, choose


@dataclass(frozen=True)
class _Change:
    """What becomes different: attributes, and the colours of things."""

    attributes: Mapping[str, str]
    colours: Mapping[str, Colour] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Attributes that change together; ``change`` is None for somebody who cannot differ so."""

    slots: tuple[str, ...]
    often: float
    change: Callable[[Person, np.random.Generator], _Change | None]


def sibling_of(person: Person, person_id: int, rng: np.random.Generator) -> Person:
    """Return somebody who differs from ``person`` in exactly one of ``GROUPS``."""
    left = {name: group.often for name, group in GROUPS.items()}
    while True:
        name = choose(rng, left)
        change = GROUPS[name].change(person, rng)
        if change is not None:
            break
        del left[name]  # shoes can always have another colour, so that something is left
    attributes = {**person.attributes, **change.attributes}
    palette = replace(person.style.palette, **change.colours)
    return Person(person_id, attributes, replace(person.style, palette=palette))


def _another(weights: Weights, present: str, rng: np.random.Generator) -> str | None:
    """Return another value than the present one, or None if there is none."""
    others = {name: weight for name, weight in weights.items() if name != present and weight > 0}
    return choose(rng, others) if others else None


def _another_shade(weights: Weights, colour: str, rng: np.random.Generator) -> str | None:
    """Return a shade of another colour, or None if there is none."""
    others = {name: weight for name, weight in weights.items() if SHADES[name].colour != colour}
    return choose(rng, others) if others else None


def _bag_colours(shade: str, rng: np.random.Generator) -> Mapping[str, Colour]:
    bag = tint(shade, rng)
    strap = (bag[0] * 0.8, bag[1] * 0.8, bag[2] * 0.8)
    return {"bag": bag, "bag_second": contrasting(bag, rng)[1], "strap": strap}


def _headwear_colours(shade: str, rng: np.random.Generator) -> Mapping[str, Colour]:
    headwear = tint(shade, rng)
    return {"headwear": headwear, "headwear_second": contrasting(headwear, rng)[1]}


def _bag(person: Person, rng: np.random.Generator) -> _Change | None:
    present = person.attributes["bag"]
    kind = _another(wardrobe.bags(woman=person.is_woman), present, rng)
    if kind is None:
        return None
    if kind == NONE:
        return _Change({"bag": NONE, "bag_colour": NONE})
    if present != NONE:
        return _Change({"bag": kind})
    shade = choose(rng, wardrobe.BAG_SHADES)
    return _Change({"bag": kind, "bag_colour": SHADES[shade].colour}, _bag_colours(shade, rng))


def _bag_colour(person: Person, rng: np.random.Generator) -> _Change | None:
    if person.attributes["bag"] == NONE:
        return None
    shade = _another_shade(wardrobe.BAG_SHADES, person.attributes["bag_colour"], rng)
    if shade is None:
        return None
    return _Change({"bag_colour": SHADES[shade].colour}, _bag_colours(shade, rng))


def _headwear(person: Person, rng: np.random.Generator) -> _Change | None:
    present = person.attributes["headwear"]
    if present == "hood":  # a part of the garment
        return None
    weights = wardrobe.headwear(person.attributes["upper_type"], woman=person.is_woman)
    kind = _another({**weights, "hood": 0.0}, present, rng)
    if kind is None:
        return None
    if kind == NONE:
        return _Change({"headwear": NONE, "headwear_colour": NONE})
    if present != NONE:
        return _Change({"headwear": kind})
    shade = choose(rng, wardrobe.headwear_shades(kind))
    attributes = {"headwear": kind, "headwear_colour": SHADES[shade].colour}
    return _Change(attributes, _headwear_colours(shade, rng))


def _headwear_colour(person: Person, rng: np.random.Generator) -> _Change | None:
    kind = person.attributes["headwear"]
    if kind in (NONE, "hood"):
        return None
    weights = wardrobe.headwear_shades(kind)
    shade = _another_shade(weights, person.attributes["headwear_colour"], rng)
    if shade is None:
        return None
    return _Change({"headwear_colour": SHADES[shade].colour}, _headwear_colours(shade, rng))


def _carried(person: Person, rng: np.random.Generator) -> _Change | None:
    kind = _another(wardrobe.CARRIED, person.attributes["carried"], rng)
    if kind is None:
        return None
    if kind == NONE:
        return _Change({"carried": NONE, "carried_colour": NONE})
    shade = choose(rng, wardrobe.carried_shades(kind))
    attributes = {"carried": kind, "carried_colour": SHADES[shade].colour}
    return _Change(attributes, {"carried": tint(shade, rng)})


def _glasses(person: Person, rng: np.random.Generator) -> _Change | None:
    kind = _another(wardrobe.GLASSES, person.attributes["glasses"], rng)
    return None if kind is None else _Change({"glasses": kind})


def _scarf(person: Person, rng: np.random.Generator) -> _Change | None:
    if person.attributes["scarf_colour"] != NONE:
        return _Change({"scarf_colour": NONE})
    if person.attributes["upper_type"] in wardrobe.WARM_WEATHER:
        return None
    shade = choose(rng, wardrobe.UPPER_SHADES)
    scarf = tint(shade, rng)
    colours = {"scarf": scarf, "scarf_second": contrasting(scarf, rng)[1]}
    return _Change({"scarf_colour": SHADES[shade].colour}, colours)


def _upper_colour(person: Person, rng: np.random.Generator) -> _Change | None:
    attributes = person.attributes
    # A second colour must stand out from the first, and a hood has the colour of its garment.
    one_colour = attributes["upper_second_colour"] == NONE
    if not one_colour or attributes["upper_pattern"] != "plain" or attributes["headwear"] == "hood":
        return None
    kind = attributes["upper_type"]
    weights = wardrobe.TYPICAL_UPPER_SHADES.get(kind, wardrobe.UPPER_SHADES)
    shade = _another_shade(weights, attributes["upper_colour"], rng)
    if shade is None:
        return None
    upper = cloth_tint(kind, shade, rng)
    colours = {"upper": upper, "sleeve": upper, "upper_second": contrasting(upper, rng)[1]}
    return _Change({"upper_colour": SHADES[shade].colour, "upper_shade": shade}, colours)


def _lower_colour(person: Person, rng: np.random.Generator) -> _Change | None:
    attributes = person.attributes
    kind = attributes["lower_type"]
    if kind == "dress" or attributes["lower_pattern"] == "camouflage":
        return None
    weights = wardrobe.TYPICAL_LOWER_SHADES.get(kind, wardrobe.LOWER_SHADES)
    shade = _another_shade(weights, attributes["lower_colour"], rng)
    if shade is None:
        return None
    lower = cloth_tint(kind, shade, rng)
    colours = {
        "lower": lower,
        "lower_second": contrasting(lower, rng)[1],
        "lower_third": contrasting(lower, rng)[1],
    }
    return _Change({"lower_colour": SHADES[shade].colour, "lower_shade": shade}, colours)


def _lower_type(person: Person, rng: np.random.Generator) -> _Change | None:
    attributes = person.attributes
    present, shade = attributes["lower_type"], attributes["lower_shade"]
    suited = attributes["upper_type"] == "suit jacket" and not person.is_woman
    if present == "dress" or attributes["lower_pattern"] != "plain" or suited:
        return None
    weights = {
        kind: weight
        for kind, weight in wardrobe.lower_types(woman=person.is_woman, warmth=0.5).items()
        if shade in wardrobe.TYPICAL_LOWER_SHADES.get(kind, SHADES)
    }
    kind = _another(weights, present, rng)
    if kind is None:
        return None
    changed = {**attributes, "lower_type": kind}
    hem = hem_length(changed, person.style.cut)
    return _Change({"lower_type": kind, "hem_length": hem}, {"lower": cloth_tint(kind, shade, rng)})


def _shoe_colour(person: Person, rng: np.random.Generator) -> _Change | None:
    kind = person.attributes["shoe_type"]
    weights = wardrobe.TYPICAL_SHOE_SHADES.get(kind, wardrobe.SHOE_SHADES)
    shade = _another_shade(weights, person.attributes["shoe_colour"], rng)
    if shade is None:
        return None
    return _Change({"shoe_colour": SHADES[shade].colour}, {"shoe": tint(shade, rng)})


GROUPS: Mapping[str, Group] = {
    "bag": Group(("bag", "bag_colour"), 3, _bag),
    "bag colour": Group(("bag_colour",), 1, _bag_colour),
    "headwear": Group(("headwear", "headwear_colour"), 2.5, _headwear),
    "headwear colour": Group(("headwear_colour",), 0.7, _headwear_colour),
    "carried": Group(("carried", "carried_colour"), 2, _carried),
    "glasses": Group(("glasses",), 0.8, _glasses),
    "scarf": Group(("scarf_colour",), 0.6, _scarf),
    "upper colour": Group(("upper_colour", "upper_shade"), 2, _upper_colour),
    "lower colour": Group(("lower_colour", "lower_shade"), 2, _lower_colour),
    "lower type": Group(("lower_type", "hem_length"), 1.5, _lower_type),
    "shoe colour": Group(("shoe_colour",), 1, _shoe_colour),
}
"""What siblings differ in. The second slot follows from the first: nothing has no colour."""
