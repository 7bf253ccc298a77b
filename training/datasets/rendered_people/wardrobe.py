"""How often people wear what: weights of garments, colours, patterns and belongings."""

from collections.abc import Mapping, Sequence

import numpy as np

from training.datasets.rendered_people.attributes import PATTERNS, SHADES, SLOTS

Weights = Mapping[str, float]


def choose(rng: np.random.Generator, weights: Weights) -> str:
    """Return one key, drawn by its weight."""
    names = list(weights)
    bounds = np.cumsum([weights[name] for name in names])
    return names[int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right"))]


def _by_shade(*weights: float) -> Weights:
    return dict(zip(SHADES, weights, strict=True))


def _by_pattern(*weights: float) -> Weights:
    return dict(zip(SLOTS["upper_pattern"], weights, strict=True))


def upper_types(*, woman: bool, warmth: float) -> Weights:
    """Return how often a garment is worn at ``warmth`` 0 (winter) to 1 (summer)."""
    cold = 1 - warmth
    if woman:
        return {
            "t-shirt": 0.6 + 2.2 * warmth, "tank top": 0.2 + 0.9 * warmth, "shirt": 0.8,
            "blouse": 0.9, "sweater": 0.4 + 1.2 * cold, "hoodie": 0.6,
            "jacket": 1.3 * (0.2 + cold), "puffer jacket": 1.1 * cold, "denim jacket": 0.5,
            "leather jacket": 0.4, "coat": 0.15 + 2 * cold, "suit jacket": 0.3, "cardigan": 0.7,
            "vest": 0.2, "safety vest": 0.12, "dress": 0.5 + 1.6 * warmth,
        }  # fmt: skip
    return {
        "t-shirt": 1 + 2.6 * warmth, "tank top": 0.1 + 0.4 * warmth, "shirt": 1.7,
        "sweater": 0.5 + 1.2 * cold, "hoodie": 1.0, "jacket": 1.9 * (0.2 + cold),
        "puffer jacket": 0.9 * cold, "denim jacket": 0.4, "leather jacket": 0.6,
        "coat": 0.1 + 1.2 * cold, "suit jacket": 0.9, "cardigan": 0.25, "vest": 0.3,
        "safety vest": 0.22,
    }  # fmt: skip


def lower_types(*, woman: bool, warmth: float) -> Weights:
    """Return how often a garment is worn at ``warmth`` 0 (winter) to 1 (summer)."""
    if woman:
        return {
            "trousers": 2, "jeans": 2.6, "shorts": 0.15 + 1.3 * warmth,
            "skirt": 0.6 + 1.2 * warmth, "leggings": 1.3, "sweatpants": 0.4,
        }  # fmt: skip
    return {
        "trousers": 3, "jeans": 3, "shorts": 0.1 + 2.4 * warmth, "leggings": 0.03,
        "sweatpants": 0.8,
    }  # fmt: skip


def shoe_types(*, woman: bool, warmth: float) -> Weights:
    """Return how often shoes are worn at ``warmth`` 0 (winter) to 1 (summer)."""
    sandals = 0.1 + 1.2 * warmth
    if woman:
        return {
            "sneakers": 4, "boots": 1.6, "leather shoes": 1.2, "sandals": sandals, "heels": 1.1,
        }  # fmt: skip
    return {"sneakers": 4, "boots": 0.9, "leather shoes": 2, "sandals": sandals}


def sleeves(upper_type: str, warmth: float) -> Weights:
    """Return how long the sleeves of a garment are."""
    fixed = {
        "t-shirt": "short", "tank top": "sleeveless", "vest": "sleeveless",
        "safety vest": "sleeveless",
    }.get(upper_type)  # fmt: skip
    if fixed is not None:
        return {fixed: 1}
    if upper_type not in ("shirt", "blouse", "dress"):
        return {"long": 1}
    return {
        "long": 0.65 - 0.4 * warmth + (0.1 if upper_type == "shirt" else 0),
        "short": 0.3 + 0.3 * warmth,
        "sleeveless": 0.3 if upper_type == "dress" else 0.02,
    }


UPPER_SHADES = _by_shade(
    16, 9, 6, 5, 4, 8, 4, 3.5, 4, 2, 4, 3, 4, 2, 3, 7, 8, 5, 3, 2, 4, 2.5, 4, 2.5, 3, 4
)
INNER_SHADES = _by_shade(
    7, 10, 3, 2, 3, 2.5, 1, 0.8, 1, 0.4, 1, 0.5, 0.5, 0.3, 0.6, 3, 2, 3.5, 0.8, 0.5, 1.2, 0.6,
    0.8, 0.4, 0.8, 1.6,
)  # fmt: skip
LOWER_SHADES = _by_shade(
    26, 5, 6, 9, 3, 2, 1.5, 0.8, 1, 0.8, 1.5, 2, 3, 0.4, 1, 5, 16, 4, 0.8, 0.5, 1.2, 0.6, 5, 3,
    4, 6,
)  # fmt: skip
SHOE_SHADES = _by_shade(
    34, 20, 5, 4, 3, 3, 1, 0.8, 0.8, 0.3, 0.8, 0.4, 0.5, 0.5, 0.5, 3, 3, 1, 0.6, 0.3, 1.5, 0.8,
    6, 4, 4, 3,
)  # fmt: skip
BAG_SHADES = _by_shade(
    30, 7, 5, 6, 2, 6, 3, 2, 2.5, 1, 2, 3, 3, 1, 1.5, 6, 6, 2, 2, 1, 4, 2, 7, 4, 6, 5
)
HEADWEAR_SHADES = _by_shade(
    24, 10, 6, 5, 3, 8, 3, 3, 4, 1, 3, 2, 3, 1, 1, 6, 7, 2, 2, 1, 4, 1, 3, 2, 3, 4
)
EVERY_SHADE: Weights = dict.fromkeys(SHADES, 1.0)

# Garments that come in few colours.
TYPICAL_UPPER_SHADES: Mapping[str, Weights] = {
    "denim jacket": {"blue": 3, "light blue": 2, "dark blue": 2, "black": 1},
    "leather jacket": {
        "black": 6, "brown": 2, "dark brown": 2, "tan": 0.7, "red": 0.5, "dark red": 0.6,
    },
    "suit jacket": {
        "black": 5, "dark grey": 3, "grey": 2, "dark blue": 4, "blue": 1, "brown": 0.8,
        "beige": 1, "white": 0.4, "light grey": 1,
    },
    "safety vest": {"orange": 2, "bright green": 1, "yellow": 2},
}  # fmt: skip
TYPICAL_LOWER_SHADES: Mapping[str, Weights] = {
    "jeans": {
        "blue": 3, "dark blue": 5, "light blue": 2, "black": 2, "grey": 0.8, "dark grey": 0.8,
        "white": 0.4,
    },
    "leggings": {
        "black": 6, "dark grey": 1.5, "dark blue": 1, "purple": 0.4, "grey": 0.8, "dark red": 0.3,
    },
}  # fmt: skip
TYPICAL_SHOE_SHADES: Mapping[str, Weights] = {
    "boots": {
        "black": 5, "brown": 3, "tan": 1.5, "dark brown": 1.5, "grey": 0.7, "white": 0.4,
        "red": 0.3,
    },
    "leather shoes": {
        "black": 6, "brown": 2.5, "dark brown": 2, "tan": 0.7, "beige": 0.6, "white": 0.4,
        "red": 0.4,
    },
}  # fmt: skip
HELMET_SHADES: Weights = {"yellow": 3, "white": 2, "red": 1, "blue": 1, "orange": 1}
BOX_SHADES: Weights = {"tan": 4, "brown": 2, "beige": 2, "white": 1, "grey": 0.5, "blue": 0.5}

_OUTERWEAR_PATTERNS = _by_pattern(12, 0.3, 0.1, 0.5, 0.1, 0.1, 0.4, 0.5)
UPPER_PATTERNS: Mapping[str, Weights] = {
    "t-shirt": _by_pattern(5, 1.3, 0.2, 0.3, 0.3, 0.2, 0.25, 2.2),
    "tank top": _by_pattern(5, 1, 0.2, 0.3, 0.6, 0.3, 0.1, 0.8),
    "shirt": _by_pattern(5, 0.4, 1.5, 2.6, 0.4, 0.3, 0.1, 0),
    "blouse": _by_pattern(4, 0.9, 0.4, 0.4, 2, 1, 0, 0),
    "sweater": _by_pattern(6, 2.2, 0.1, 0.4, 0.1, 0.2, 0.1, 0.6),
    "hoodie": _by_pattern(6, 0.5, 0, 0.2, 0.1, 0, 0.4, 2.2),
    "dress": _by_pattern(4, 0.8, 0.4, 0.6, 2.4, 1, 0, 0),
    "cardigan": _by_pattern(6, 1, 0, 0.4, 0.2, 0.1, 0, 0),
    **dict.fromkeys(("jacket", "puffer jacket", "coat", "vest"), _OUTERWEAR_PATTERNS),
}
LOWER_PATTERNS: Mapping[str, Weights] = {
    "skirt": dict(zip((*PATTERNS, "camouflage"), (6, 0.4, 0.2, 1, 1.4, 0.6, 0), strict=True)),
    "shorts": dict(zip((*PATTERNS, "camouflage"), (8, 0.2, 0.1, 0.7, 0.4, 0.1, 0.8), strict=True)),
    "trousers": dict(
        zip((*PATTERNS, "camouflage"), (14, 0.1, 0.4, 0.6, 0.1, 0.1, 0.5), strict=True)
    ),
}
PLAIN: Weights = {"plain": 1}

# How often a garment with a front opening is worn open.
OPENING: Weights = {
    "cardigan": 0.8, "suit jacket": 1.0, "shirt": 0.08, "coat": 0.35, "jacket": 0.4,
    "denim jacket": 0.5, "leather jacket": 0.45, "puffer jacket": 0.25, "vest": 0.6,
}  # fmt: skip
OVER_LONG_SLEEVES: Sequence[str] = ("vest", "safety vest")
HOODED: Sequence[str] = ("hoodie", "puffer jacket", "jacket", "coat")


def hair_lengths(*, woman: bool) -> Weights:
    """Return how often hair is worn how."""
    if woman:
        return {
            "bald": 0.005, "short": 1, "medium": 1.5, "long": 2.6, "ponytail": 1.4, "bun": 0.7,
        }  # fmt: skip
    return {"bald": 0.9, "short": 8, "medium": 0.5, "long": 0.2, "ponytail": 0.15, "bun": 0.08}


def hair_colours(age: str) -> Weights:
    """Return how often hair has which colour."""
    if age == "elderly":
        return {"grey": 8, "brown": 0.5, "black": 0.5}
    return {"black": 4, "brown": 3.2, "blonde": 2.1, "red": 0.6, "grey": 0.4}


def headwear(upper_type: str, *, woman: bool) -> Weights:
    """Return how often which headwear is worn; a hood needs a garment that has one."""
    return {
        "none": 14, "cap": 1.0 if woman else 1.8, "beanie": 1.3, "brimmed hat": 1.0,
        "helmet": 0.5, "hood": 1.6 if upper_type in HOODED else 0.0,
        "headscarf": 0.9 if woman else 0.0,
    }  # fmt: skip


def bags(*, woman: bool) -> Weights:
    """Return how often which bag is carried."""
    return {
        "none": 6.5, "backpack": 3.6, "handbag": 1.6 if woman else 0.2,
        "shoulder bag": 1.8 if woman else 0.7, "crossbody bag": 1.2,
        "tote bag": 0.9 if woman else 0.4, "plastic bag": 1.1,
        "briefcase": 0.3 if woman else 0.6, "suitcase": 0.9,
    }  # fmt: skip


CARRIED: Weights = {
    "none": 8.5, "phone": 1.3, "book": 0.6, "papers": 0.5, "box": 0.5, "cup": 0.6, "bottle": 0.6,
    "umbrella": 0.7,
}  # fmt: skip
WARM_WEATHER: Sequence[str] = ("tank top", "t-shirt", "dress")
"""Nobody wears a scarf over them."""


def carried_shades(kind: str) -> Weights:
    """Return how often a carried thing has which colour."""
    few: Mapping[str, Weights] = {"papers": {"white": 1}, "phone": {"black": 1}, "box": BOX_SHADES}
    return few.get(kind, EVERY_SHADE)


def headwear_shades(kind: str) -> Weights:
    """Return how often headwear has which colour."""
    return HELMET_SHADES if kind == "helmet" else HEADWEAR_SHADES


GLASSES: Weights = {"none": 6, "glasses": 1.5, "sunglasses": 0.8}
AGES: Weights = {"adult": 0.88, "child": 0.05, "elderly": 0.07}

HAIR_TONES: Mapping[str, Sequence[tuple[int, int, int]]] = {
    "black": ((20, 18, 18), (30, 26, 24)),
    "brown": ((70, 46, 30), (96, 64, 40), (54, 36, 24)),
    "blonde": ((204, 170, 104), (188, 150, 86), (220, 192, 140)),
    "red": ((150, 66, 28), (170, 80, 36)),
    "grey": ((150, 150, 150), (190, 190, 190), (120, 120, 122)),
}
SKIN_TONES: Sequence[tuple[int, int, int]] = (
    (246, 212, 186), (232, 190, 160), (222, 176, 144), (198, 148, 112), (170, 118, 84),
    (134, 90, 62), (96, 62, 44), (74, 48, 36),
)  # fmt: skip
# Denim is greyer than dyed cloth of the same name.
DENIM_TONES: Mapping[str, Sequence[tuple[int, int, int]]] = {
    "blue": ((62, 88, 132), (78, 104, 146), (56, 84, 122)),
    "dark blue": ((34, 44, 72), (40, 52, 82), (30, 38, 60)),
    "light blue": ((136, 162, 192), (120, 150, 184), (150, 172, 196)),
}
