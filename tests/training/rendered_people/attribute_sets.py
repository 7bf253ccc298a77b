"""Schema-consistent attributes, uniform over each slot, for tests of captions."""

import numpy as np

from training.datasets.rendered_people.attributes import NONE, SHADES, SLOTS

_LONG = (
    "sweater", "hoodie", "jacket", "puffer jacket", "denim jacket", "leather jacket", "coat",
    "suit jacket", "cardigan",
)  # fmt: skip
_SLEEVES = {
    **dict.fromkeys(_LONG, "long"),
    **dict.fromkeys(("tank top", "vest", "safety vest"), "sleeveless"),
    "t-shirt": "short",
}
_OPENS = (*_LONG[2:], "vest", "shirt")
_WITH_COLOUR = {"bag": "bag_colour", "headwear": "headwear_colour", "carried": "carried_colour"}


def random_attributes(rng: np.random.Generator, unseen: float = 0.15) -> dict[str, str | None]:
    """Draw one value for each slot, tied as the renderer ties them; some become None."""
    drawn = {name: values[int(rng.integers(len(values)))] for name, values in SLOTS.items()}
    _tie_upper(drawn, rng)
    _tie_lower(drawn, rng)
    for slot, colour in _WITH_COLOUR.items():
        if drawn[slot] == NONE or drawn[slot] == "hood":
            drawn[colour] = NONE
        elif drawn[colour] == NONE:
            drawn[colour] = "red"
    if drawn["gender"] == "woman" or drawn["age"] == "child":
        drawn["beard"] = "no"
    return {name: None if rng.random() < unseen else value for name, value in drawn.items()}


def _tie_upper(drawn: dict[str, str], rng: np.random.Generator) -> None:
    kind = drawn["upper_type"]
    drawn["upper_colour"] = SHADES[drawn["upper_shade"]].colour
    if drawn["upper_pattern"] in ("plain", "camouflage"):
        drawn["upper_second_colour"] = NONE
    elif drawn["upper_second_colour"] == NONE:
        drawn["upper_second_colour"] = "white"
    drawn["sleeve"] = _SLEEVES.get(kind, drawn["sleeve"])
    if kind not in _OPENS:
        drawn["front"] = "closed"
    if drawn["front"] == "closed" and kind not in ("vest", "safety vest"):
        drawn["inner_colour"] = NONE
    elif drawn["inner_colour"] == NONE:
        drawn["inner_colour"] = "white"
    if kind == "dress":
        drawn["lower_type"] = "dress"
    elif drawn["lower_type"] == "dress":
        drawn["lower_type"] = "skirt" if rng.random() < 0.5 else "jeans"


def _tie_lower(drawn: dict[str, str], rng: np.random.Generator) -> None:
    kind = drawn["lower_type"]
    if kind == "dress":
        drawn["lower_shade"] = drawn["lower_colour"] = drawn["lower_pattern"] = NONE
    else:
        if drawn["lower_shade"] == NONE:
            drawn["lower_shade"] = "dark blue"
        drawn["lower_colour"] = SHADES[drawn["lower_shade"]].colour
        if drawn["lower_pattern"] == NONE:
            drawn["lower_pattern"] = "plain"
    if kind in ("skirt", "dress"):
        drawn["hem_length"] = "long" if rng.random() < 0.5 else "short"
    elif drawn["upper_type"] != "coat" or drawn["hem_length"] == "short":
        drawn["hem_length"] = NONE


def only(**seen: str) -> dict[str, str | None]:
    """Return a person of whom only this is seen."""
    return {slot: seen.get(slot) for slot in SLOTS}
