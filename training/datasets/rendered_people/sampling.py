"""Draw people: an outfit first, then a look that agrees with it."""

from collections.abc import Callable, Mapping

import numpy as np

from training.datasets.rendered_people import wardrobe
from training.datasets.rendered_people.attributes import NONE, SHADES
from training.datasets.rendered_people.outfits import Outfit, draw_outfit
from training.datasets.rendered_people.person import (
    Belongings,
    Cut,
    Palette,
    Person,
    Physique,
    Style,
    Weave,
)
from training.datasets.rendered_people.settings import TRAINING, Bodies, Cuts, Pair, Setting, Weaves
from training.datasets.rendered_people.tints import contrasting, jitter, tint
from training.datasets.rendered_people.wardrobe import choose

_SECOND_COLOUR_GARMENTS = ("jacket", "puffer jacket", "sweater", "hoodie", "t-shirt")


def sample_person(
    person_id: int,
    rng: np.random.Generator,
    setting: Setting = TRAINING,
    evenness: float = 0.0,
) -> Person:
    """Return a person drawn from ``rng``.

    The setting decides bodies, cuts and weaves; ``evenness`` 0..1 makes rare things more frequent.
    """
    outfit = draw_outfit(rng, evenness)
    openness = _openness(outfit.attributes["upper_type"], rng)
    _settle_front(outfit, openness)
    yoke = outfit.attributes["upper_pattern"] == "plain" and (
        outfit.attributes["upper_type"] in _SECOND_COLOUR_GARMENTS and rng.random() < 0.09
    )
    cut = _cut(outfit, rng, setting.cuts, openness=openness, yoke=yoke)
    outfit.attributes["hem_length"] = hem_length(outfit.attributes, cut)
    style = Style(
        _palette(outfit, rng, yoke=yoke),
        _physique(outfit.attributes, rng, setting.bodies),
        cut,
        _weave(rng, setting.weaves),
        _belongings(rng, setting.bodies.bag_size),
    )
    return Person(person_id, outfit.attributes, style)


def _openness(upper_type: str, rng: np.random.Generator) -> float:
    """Return how wide the front is open; negative for a garment without an opening."""
    often = wardrobe.OPENING.get(upper_type)
    if often is None:
        return -1.0
    return float(rng.uniform(0.35, 1)) if rng.random() < often else 0.0


def _settle_front(outfit: Outfit, openness: float) -> None:
    """Say whether the front is open, and what shows beneath; a buttoned suit shows a shirt."""
    kind = outfit.attributes["upper_type"]
    shows_inner = openness > 0 or kind in wardrobe.OVER_LONG_SLEEVES
    outfit.attributes["front"] = "open" if openness > 0 and kind != "suit jacket" else "closed"
    outfit.attributes["inner_colour"] = SHADES[outfit.inner_shade].colour if shows_inner else NONE


def hem_length(attributes: Mapping[str, str], cut: Cut) -> str:
    """Return how far a skirt, dress or coat reaches."""
    if attributes["lower_type"] in ("skirt", "dress"):
        return "short" if cut.skirt_hem > 0.5 else "long"
    return "long" if attributes["upper_type"] == "coat" and cut.hem < 0.62 else NONE


def _cut(
    outfit: Outfit, rng: np.random.Generator, cuts: Cuts, *, openness: float, yoke: bool
) -> Cut:
    """Draw how the clothes are cut."""
    attributes = outfit.attributes
    upper, lower = attributes["upper_type"], attributes["lower_type"]
    rollable = attributes["sleeve"] == "long" and upper in ("shirt", "sweater", "blouse")
    short_skirt = rng.random() < 0.6

    def uniform(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def chance(likelihood: float) -> bool:
        return bool(rng.random() < likelihood)

    return Cut(
        openness=openness,
        hem=_hem(attributes, uniform),
        skirt_hem=uniform(*cuts.short_skirt) if short_skirt else uniform(*cuts.long_skirt),
        skirt_flare=uniform(*cuts.skirt_flare),
        coat_flare=uniform(*cuts.coat_flare),
        looseness=uniform(*cuts.looseness),
        trouser_flare=0.5 if lower == "leggings" else uniform(*cuts.trouser_flare),
        length=uniform(0, 1),
        arm_spread=uniform(*cuts.arm_spread),
        boot_height=uniform(0, 1),
        heel=0.05 if attributes["shoe_type"] == "heels" else 0.0,
        neckline=uniform(*cuts.neckline),
        fade=uniform(0, 1),
        pleats=int(rng.integers(*cuts.pleats)),
        socks=chance(0.5),
        bare_ankles=chance(0.2) and lower != "sweatpants",
        tights=chance(0.3 * (1.2 - outfit.warmth)),
        rolled_sleeves=rollable and chance(0.2),
        gloves=outfit.warmth < 0.3 and chance(0.2),
        yoke=yoke,
        tie=attributes["gender"] == "man" and chance(0.6),
        zipped=chance(0.4),
        cuffs=chance(0.6),
        sleeve_stripe=chance(0.05),
        side_stripe=chance(0.5),
        crease=chance(0.4),
        scarf_tails=chance(0.5),
    )


def _hem(attributes: Mapping[str, str], uniform: Callable[[float, float], float]) -> float:
    """Return the height of the upper garment's hem in metres."""
    if attributes["upper_type"] == "dress":
        return 1.0
    woman = attributes["gender"] == "woman"
    low, high = {
        "coat": (0.45, 0.78),
        "puffer jacket": (0.6, 0.92) if woman else (0.82, 0.93),
        "cardigan": (0.65, 0.9),
        "suit jacket": (0.82, 0.88),
        "hoodie": (0.88, 0.94),
        "safety vest": (0.9, 1.0),
    }.get(attributes["upper_type"], (0.87, 0.96))
    hem = uniform(low, high)
    return 1.0 if attributes["lower_type"] == "skirt" and hem > 0.86 else hem


def _palette(outfit: Outfit, rng: np.random.Generator, *, yoke: bool) -> Palette:
    """Draw the colours; settles the second colour of the upper garment."""
    attributes = outfit.attributes
    upper = cloth_tint(attributes["upper_type"], attributes["upper_shade"], rng)
    second_shade, second = contrasting(upper, rng)
    hooded = attributes["headwear"] == "hood"
    two_tone = attributes["upper_type"] in _SECOND_COLOUR_GARMENTS and not hooded
    contrast_sleeves = two_tone and rng.random() < 0.05
    patterned = attributes["upper_pattern"] not in ("plain", "camouflage")
    shows_second = patterned or yoke or contrast_sleeves
    attributes["upper_second_colour"] = SHADES[second_shade].colour if shows_second else NONE
    lower_shade = "black" if attributes["lower_shade"] == NONE else attributes["lower_shade"]
    lower = cloth_tint(attributes["lower_type"], lower_shade, rng)
    headwear = tint(outfit.headwear_shade, rng)
    scarf = tint(outfit.scarf_shade, rng)
    bag = tint(outfit.bag_shade, rng)
    hair_tones = wardrobe.HAIR_TONES[attributes["hair_colour"]]
    white_sole = attributes["shoe_type"] == "sneakers" and rng.random() < 0.55
    bag_strap = rng.random() < 0.7
    return Palette(
        skin=jitter(wardrobe.SKIN_TONES[_skin_index(rng)], rng, 5),
        hair=jitter(hair_tones[int(rng.integers(len(hair_tones)))], rng, 5),
        upper=upper,
        upper_second=second,
        upper_third=contrasting(upper, rng)[1],
        sleeve=second if contrast_sleeves else upper,
        inner=tint(outfit.inner_shade, rng),
        lower=lower,
        lower_second=contrasting(lower, rng)[1],
        lower_third=contrasting(lower, rng)[1],
        shoe=tint(outfit.shoe_shade, rng),
        sole=(235, 235, 232) if white_sole else (40, 38, 38),
        sock=tint(("white", "black", "grey")[rng.integers(3)], rng),
        tights=tint("black" if rng.random() < 0.7 else "dark grey", rng),
        glove=tint("black", rng),
        mask=tint(("light blue", "white", "black")[rng.integers(3)], rng),
        headwear=headwear,
        headwear_second=contrasting(headwear, rng)[1],
        scarf=scarf,
        scarf_second=contrasting(scarf, rng)[1],
        bag=bag,
        bag_second=contrasting(bag, rng)[1],
        strap=(bag[0] * 0.8, bag[1] * 0.8, bag[2] * 0.8) if bag_strap else (28, 28, 30),
        carried=tint(outfit.carried_shade, rng),
    )


def cloth_tint(kind: str, shade: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return a colour of that name, washed out where the cloth is denim."""
    tones = wardrobe.DENIM_TONES.get(shade)
    if tones is not None and kind in ("jeans", "denim jacket"):
        return jitter(tones[int(rng.integers(len(tones)))], rng)
    return tint(shade, rng)


def _skin_index(rng: np.random.Generator) -> int:
    """Return which skin tone; lighter ones are more frequent in street footage."""
    if rng.random() < 0.7:
        return min(7, int(abs(rng.normal(0, 3))))
    return int(rng.integers(8))


def _physique(attributes: Mapping[str, str], rng: np.random.Generator, bodies: Bodies) -> Physique:
    """Draw the body and the hair."""
    woman = attributes["gender"] == "woman"
    child = attributes["age"] == "child"
    curly = attributes["hair_length"] in ("short", "medium") and rng.random() < 0.07
    return Physique(
        build=float(np.clip(rng.normal(bodies.build[not woman], bodies.build_spread), 0.82, 1.32)),
        leg_girth=float(np.clip(rng.normal(*bodies.leg_girth), 0.8, 1.25)),
        waist=float(np.clip(rng.normal(*bodies.waist), 0.88, 1.2)),
        belly=max(0.0, float(rng.normal(0, bodies.belly))),
        head_size=float(rng.uniform(1.25, 1.4) if child else rng.uniform(*bodies.head_size)),
        hair_volume=float(rng.random()),
        hair_length=float(rng.random()),
        hair_phase=float(rng.uniform(0, 6)),
        afro=bool(curly),
        fringe=bool(rng.random() < 0.6),
        beard=float(rng.uniform(0.5, 1)) if attributes["beard"] == "yes" else 0.0,
        tousled=_drawn(bodies.tousled, rng),
        dark_roots=max(0.0, _drawn(bodies.dark_roots, rng)),
    )


def _drawn(bounds: Pair | None, rng: np.random.Generator) -> float:
    """Return a number within bounds; 0, and nothing drawn, without."""
    return 0.0 if bounds is None else float(rng.uniform(*bounds))


def _weave(rng: np.random.Generator, weaves: Weaves) -> Weave:
    """Draw the cloth."""
    offsets = rng.random(4)
    return Weave(
        wrinkles=float(rng.uniform(*weaves.wrinkles)),
        grain=float(rng.uniform(*weaves.grain)),
        frequency=float(rng.uniform(*weaves.frequency)),
        band=float(rng.uniform(*weaves.band)),
        offsets=(float(offsets[0]), float(offsets[1]), float(offsets[2]), float(offsets[3])),
        texture=int(rng.integers(8)),
        overcheck=bool(rng.random() < 0.5),
        inner_pattern=choose(
            rng, {"plain": 6, "horizontal stripes": 0.7, "checked": 0.7, "vertical stripes": 0.3}
        ),
        scarf_pattern=choose(rng, {"plain": 3, "horizontal stripes": 0.6, "checked": 1}),
        headwear_pattern=choose(rng, {"plain": 6, "horizontal stripes": 0.5}),
        print_aspect=float(rng.uniform(0.7, 1.6)),
        print_size=float(rng.uniform(*weaves.print_size)),
        print_on_back=bool(rng.random() < 0.15),
        mottled=_drawn(weaves.mottled, rng),
    )


def _belongings(rng: np.random.Generator, bag_size: Pair) -> Belongings:
    """Draw how things are worn."""
    return Belongings(
        bag_size=float(rng.uniform(*bag_size)),
        bag_side=1 if rng.random() < 0.5 else -1,
        bag_in_hand=bool(rng.random() < 0.6),
        bag_shift=float(rng.uniform(-0.1, 0.12)),
        carrying_side=1 if rng.random() < 0.5 else -1,
        held_close=bool(rng.random() < 0.5),
        cap_backwards=bool(rng.random() < 0.1),
        pompom=bool(rng.random() < 0.3),
        headphones=bool(rng.random() < 0.04),
    )
