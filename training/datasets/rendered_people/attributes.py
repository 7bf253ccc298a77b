"""What can be said about a rendered person: attribute slots, their values, and truth.

A slot is one question ("what colour is the bag?"); its values are its possible answers. What a
picture shows is one value per slot, or *unseen*. What a caption claims is a set of values per
slot, as a bit mask ("jacket" permits six types of upper garment). So whether a caption is true
of a picture is exact, for every caption against every picture of a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Shade:
    """A fine colour: the basic colour it belongs to, and sRGB examples in 0..255."""

    colour: str
    examples: tuple[tuple[int, int, int], ...]


SHADES: dict[str, Shade] = {
    "black": Shade("black", ((16, 16, 18), (26, 26, 30), (36, 35, 38), (12, 13, 18))),
    "white": Shade("white", ((245, 245, 245), (232, 234, 238), (250, 248, 242))),
    "grey": Shade("grey", ((128, 128, 132), (145, 146, 148), (112, 114, 120))),
    "dark grey": Shade("grey", ((66, 67, 72), (78, 78, 80), (58, 60, 66))),
    "light grey": Shade("grey", ((182, 184, 188), (196, 196, 198))),
    "red": Shade("red", ((196, 22, 32), (215, 38, 44), (178, 20, 28), (225, 50, 40))),
    "dark red": Shade("red", ((104, 16, 30), (120, 24, 38), (88, 18, 32))),
    "orange": Shade("orange", ((236, 112, 24), (245, 130, 40), (222, 92, 22))),
    "yellow": Shade("yellow", ((244, 208, 52), (250, 222, 84), (236, 190, 30))),
    "mustard": Shade("yellow", ((205, 155, 40), (190, 145, 50))),
    "green": Shade("green", ((38, 132, 62), (52, 150, 74), (30, 112, 56))),
    "dark green": Shade("green", ((24, 66, 44), (34, 76, 50), (28, 56, 40))),
    "olive": Shade("green", ((96, 98, 56), (110, 108, 66), (82, 84, 46))),
    "bright green": Shade("green", ((116, 204, 60), (90, 200, 90), (160, 216, 60))),
    "teal": Shade("green", ((20, 130, 132), (28, 150, 150), (16, 110, 118))),
    "blue": Shade("blue", ((34, 78, 172), (44, 96, 196), (28, 66, 150), (50, 110, 180))),
    "dark blue": Shade("blue", ((24, 32, 70), (30, 38, 80), (22, 28, 58), (36, 46, 84))),
    "light blue": Shade("blue", ((142, 188, 226), (160, 200, 232), (120, 172, 214))),
    "purple": Shade("purple", ((98, 48, 138), (116, 62, 150), (84, 40, 112))),
    "lilac": Shade("purple", ((176, 152, 206), (190, 168, 214))),
    "pink": Shade("pink", ((236, 146, 178), (242, 170, 192), (228, 130, 160))),
    "hot pink": Shade("pink", ((224, 48, 128), (214, 40, 110))),
    "brown": Shade("brown", ((104, 68, 42), (118, 78, 50), (92, 60, 40))),
    "dark brown": Shade("brown", ((62, 42, 30), (72, 48, 36))),
    "tan": Shade("brown", ((180, 134, 86), (170, 122, 74))),
    "beige": Shade("beige", ((216, 196, 162), (206, 188, 156), (226, 212, 184))),
}
COLOURS: tuple[str, ...] = tuple(dict.fromkeys(shade.colour for shade in SHADES.values()))
PATTERNS = ("plain", "horizontal stripes", "vertical stripes", "checked", "floral", "dotted")
NONE = "none"

SLOTS: dict[str, tuple[str, ...]] = {
    "gender": ("man", "woman"),
    "age": ("adult", "child", "elderly"),
    "hair_length": ("bald", "short", "medium", "long", "ponytail", "bun"),
    "hair_colour": ("black", "brown", "blonde", "red", "grey"),
    "upper_type": (
        "t-shirt", "tank top", "shirt", "blouse", "sweater", "hoodie", "jacket", "puffer jacket",
        "denim jacket", "leather jacket", "coat", "suit jacket", "cardigan", "vest",
        "safety vest", "dress",
    ),
    "upper_colour": COLOURS,
    "upper_shade": tuple(SHADES),
    "upper_pattern": (*PATTERNS, "camouflage", "graphic"),
    "upper_second_colour": (*COLOURS, NONE),
    "sleeve": ("long", "short", "sleeveless"),
    "front": ("closed", "open"),
    "inner_colour": (*COLOURS, NONE),
    "lower_type": (
        "trousers", "jeans", "shorts", "skirt", "leggings", "sweatpants", "dress",
    ),
    "lower_colour": (*COLOURS, NONE),
    "lower_shade": (*SHADES, NONE),
    "lower_pattern": (*PATTERNS, "camouflage", NONE),
    "hem_length": (NONE, "short", "long"),
    "shoe_type": ("sneakers", "boots", "leather shoes", "sandals", "heels"),
    "shoe_colour": COLOURS,
    "bag": (
        NONE, "backpack", "handbag", "shoulder bag", "crossbody bag", "tote bag", "plastic bag",
        "briefcase", "suitcase",
    ),
    "bag_colour": (*COLOURS, NONE),
    "headwear": (NONE, "cap", "beanie", "brimmed hat", "helmet", "hood", "headscarf"),
    "headwear_colour": (*COLOURS, NONE),
    "glasses": (NONE, "glasses", "sunglasses"),
    "carried": (NONE, "phone", "book", "papers", "box", "cup", "bottle", "umbrella"),
    "carried_colour": (*COLOURS, NONE),
    "scarf_colour": (*COLOURS, NONE),
    "mask": ("no", "yes"),
    "beard": ("no", "yes"),
    "pose": ("standing", "walking", "running"),
    "view": ("front", "back", "left", "right"),
}  # fmt: skip
SLOT_NAMES: tuple[str, ...] = tuple(SLOTS)
SLOT_INDEX: dict[str, int] = {name: index for index, name in enumerate(SLOT_NAMES)}

UNSEEN = -1
ANY = (1 << 30) - 1  # the widest slot has 27 values

Attributes = Mapping[str, str | None]
"""One value per slot of ``SLOTS``; ``None`` where the picture does not show it."""


def encode_values(attributes: Attributes) -> npt.NDArray[np.int8]:
    """Return the value numbers ``(s,)``, ``UNSEEN`` where the picture does not tell.

    Raises:
        KeyError: If a slot is missing.
        ValueError: If a slot has a value that the schema does not know.
    """
    codes = np.full(len(SLOTS), UNSEEN, np.int8)
    for index, (name, values) in enumerate(SLOTS.items()):
        value = attributes[name]
        if value is not None:
            codes[index] = values.index(value)
    return codes


def decode_values(codes: Sequence[int] | npt.NDArray[np.int8]) -> dict[str, str | None]:
    """Return the attributes that ``encode_values`` made ``codes`` ``(s,)`` from."""
    return {
        name: None if code == UNSEEN else values[int(code)]
        for (name, values), code in zip(SLOTS.items(), codes, strict=True)
    }


def permit(slot: str, values: Sequence[str]) -> int:
    """Return the bit mask of a claim that ``slot`` has one of ``values``.

    Raises:
        ValueError: If the slot does not know one of the values.
    """
    known = SLOTS[slot]
    return sum(1 << known.index(value) for value in dict.fromkeys(values))


def agreement(claims: npt.NDArray[np.int32], values: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Say of every caption whether it is true of every picture.

    Args:
        claims: Bit masks ``(c, s)``; ``ANY`` where a caption says nothing about a slot.
        values: Value numbers ``(n, s)``, ``UNSEEN`` where a picture does not tell.

    Returns:
        ``(c, n)``: 1 true, 0 contradicted by what is seen, -1 claims something unseen and is
        contradicted by nothing.
    """
    seen = values >= 0  # (n, s)
    permitted = (claims[:, None, :] >> np.maximum(values, 0).astype(np.int32)[None]) & 1
    contradicted = ((permitted == 0) & seen[None]).any(-1)  # (c, n)
    undecided = ((claims != ANY)[:, None, :] & ~seen[None]).any(-1)
    return np.where(contradicted, 0, np.where(undecided, -1, 1)).astype(np.int8)
