"""Draw what people wear and carry: everything about them that has a name."""

from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people import wardrobe
from training.datasets.rendered_people.attributes import NONE, SHADES
from training.datasets.rendered_people.dice import Dice
from training.datasets.rendered_people.wardrobe import choose


@dataclass(frozen=True)
class Outfit:
    """Attributes so far, and what the look needs beside them: shades, and the season.

    ``warmth`` is 0 in winter to 1 in summer. A shade is drawn even of what is not worn.
    """

    attributes: dict[str, str]
    warmth: float
    inner_shade: str
    shoe_shade: str
    headwear_shade: str
    bag_shade: str
    carried_shade: str
    scarf_shade: str


def draw_outfit(rng: np.random.Generator, evenness: float = 0.0) -> Outfit:
    """Draw everything that has a name; ``evenness`` 0..1 makes rare things more frequent."""
    dice = Dice(rng, evenness)
    woman = bool(rng.random() < 0.5)
    warmth = float(rng.random())
    attributes = {
        "gender": "woman" if woman else "man",
        "age": dice.choose(wardrobe.AGES),
    }
    _draw_upper(attributes, dice, warmth)
    _draw_lower(attributes, dice, warmth)
    attributes["shoe_type"] = dice.choose(wardrobe.shoe_types(woman=woman, warmth=warmth))
    typical = wardrobe.TYPICAL_SHOE_SHADES
    shoe_shade = dice.choose(typical.get(attributes["shoe_type"], wardrobe.SHOE_SHADES))
    attributes["shoe_colour"] = SHADES[shoe_shade].colour
    headwear_shade = _draw_head(attributes, dice)
    bag_shade = _draw_bag(attributes, dice)
    carried_shade = _draw_carried(attributes, dice)
    scarf_shade = dice.choose(wardrobe.UPPER_SHADES)
    warm_neck = attributes["upper_type"] not in wardrobe.WARM_WEATHER
    has_scarf = warm_neck and dice.chance(0.22 * (1.3 - warmth))
    attributes["scarf_colour"] = SHADES[scarf_shade].colour if has_scarf else NONE
    inner_shade = dice.choose(wardrobe.INNER_SHADES)
    return Outfit(
        attributes, warmth, inner_shade, shoe_shade, headwear_shade, bag_shade, carried_shade,
        scarf_shade,
    )  # fmt: skip


def _draw_upper(attributes: dict[str, str], dice: Dice, warmth: float) -> None:
    """Draw the upper garment."""
    woman = attributes["gender"] == "woman"
    kind = dice.choose(wardrobe.upper_types(woman=woman, warmth=warmth))
    shade = dice.choose(wardrobe.UPPER_SHADES if dice.rng.random() < 0.8 else wardrobe.EVERY_SHADE)
    shade = dice.choose(wardrobe.TYPICAL_UPPER_SHADES.get(kind, {shade: 1}))
    pattern = dice.choose(wardrobe.UPPER_PATTERNS.get(kind, wardrobe.PLAIN))
    if pattern == "camouflage":
        shade = "olive"
    attributes["upper_type"] = kind
    attributes["upper_colour"] = SHADES[shade].colour
    attributes["upper_shade"] = shade
    attributes["upper_pattern"] = pattern
    attributes["sleeve"] = choose(dice.rng, wardrobe.sleeves(kind, warmth))


def _draw_lower(attributes: dict[str, str], dice: Dice, warmth: float) -> None:
    """Draw the lower garment; a dress is both."""
    if attributes["upper_type"] == "dress":
        attributes.update(
            lower_type="dress", lower_colour=NONE, lower_shade=NONE, lower_pattern=NONE
        )
        return
    woman = attributes["gender"] == "woman"
    suit = attributes["upper_type"] == "suit jacket"
    kind = dice.choose(wardrobe.lower_types(woman=woman, warmth=warmth))
    if suit and not woman:
        kind = "trousers"
    shade = dice.choose(wardrobe.LOWER_SHADES if dice.rng.random() < 0.85 else wardrobe.EVERY_SHADE)
    if kind in ("skirt", "shorts") and dice.rng.random() < 0.5:
        shade = dice.choose(wardrobe.UPPER_SHADES)
    shade = dice.choose(wardrobe.TYPICAL_LOWER_SHADES.get(kind, {shade: 1}))
    pattern = dice.choose(wardrobe.LOWER_PATTERNS.get(kind, wardrobe.PLAIN))
    if pattern == "camouflage":
        shade = "olive"
    elif suit and kind in ("trousers", "skirt") and dice.rng.random() < 0.8:
        shade = attributes["upper_shade"]
    attributes.update(
        lower_type=kind,
        lower_colour=SHADES[shade].colour,
        lower_shade=shade,
        lower_pattern=pattern,
    )


def _draw_head(attributes: dict[str, str], dice: Dice) -> str:
    """Draw hair and what is worn on the head; return the shade of the headwear."""
    woman = attributes["gender"] == "woman"
    attributes["hair_length"] = dice.choose(wardrobe.hair_lengths(woman=woman))
    attributes["hair_colour"] = dice.choose(wardrobe.hair_colours(attributes["age"]))
    kind = dice.choose(wardrobe.headwear(attributes["upper_type"], woman=woman))
    shade = dice.choose(wardrobe.headwear_shades(kind))
    colour = {NONE: NONE, "hood": attributes["upper_colour"]}.get(kind, SHADES[shade].colour)
    attributes["headwear"] = kind
    attributes["headwear_colour"] = colour
    attributes["glasses"] = dice.choose(wardrobe.GLASSES)
    attributes["mask"] = "yes" if dice.chance(0.05) else "no"
    may_beard = not woman and attributes["age"] != "child"
    attributes["beard"] = "yes" if may_beard and dice.rng.random() < 0.32 else "no"
    return shade


def _draw_bag(attributes: dict[str, str], dice: Dice) -> str:
    """Draw a bag; return its shade."""
    kind = dice.choose(wardrobe.bags(woman=attributes["gender"] == "woman"))
    shade = dice.choose(wardrobe.BAG_SHADES)
    if kind == "plastic bag" and dice.rng.random() < 0.5:
        shade = "white"
    attributes["bag"] = kind
    attributes["bag_colour"] = NONE if kind == NONE else SHADES[shade].colour
    return shade


def _draw_carried(attributes: dict[str, str], dice: Dice) -> str:
    """Draw what the hands hold; return its shade."""
    kind = dice.choose(wardrobe.CARRIED)
    shade = dice.choose(wardrobe.carried_shades(kind))
    attributes["carried"] = kind
    attributes["carried_colour"] = NONE if kind == NONE else SHADES[shade].colour
    return shade
