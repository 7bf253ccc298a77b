"""Queries for one attribute each: 27 that a picture can show, from common to rare.

Each claims one value of one slot, and a colour also of what it is the colour. What is worn or
carried is asked for in more words in ``item_queries``.
"""

from collections.abc import Mapping

from training.evaluation.named_queries import TOPS, TROUSERS, NamedQuery

_TOP_COLOURS = ("red", "green", "yellow", "white", "grey", "pink")
_TROUSER_COLOURS = ("grey", "green", "brown", "white")

_OTHERS: tuple[tuple[str, str, Mapping[str, tuple[str, ...]]], ...] = (
    ("garment", "person in a hoodie", {"upper_type": ("hoodie",)}),
    ("garment", "person in a coat", {"upper_type": ("coat",)}),
    ("garment", "person in a suit jacket", {"upper_type": ("suit jacket",)}),
    ("garment", "person in a denim jacket", {"upper_type": ("denim jacket",)}),
    ("garment", "person in a dress", {"upper_type": ("dress",)}),
    ("garment", "person in a skirt", {"lower_type": ("skirt",)}),
    ("garment", "person in shorts", {"lower_type": ("shorts",)}),
    ("shoes", "person in boots", {"shoe_type": ("boots",)}),
    ("shoes", "person in sandals", {"shoe_type": ("sandals",)}),
    ("item", "person carrying a backpack", {"bag": ("backpack",)}),
    ("item", "person carrying a plastic bag", {"bag": ("plastic bag",)}),
    ("item", "person with a cap on", {"headwear": ("cap",)}),
    ("item", "person wearing sunglasses", {"glasses": ("sunglasses",)}),
    ("person", "female person", {"gender": ("woman",)}),
    ("person", "elderly person", {"age": ("elderly",)}),
    ("person", "person with long hair", {"hair_length": ("long",)}),
    ("person", "person with blonde hair", {"hair_colour": ("blonde",)}),
)


def attribute_queries() -> list[NamedQuery]:
    """Return the 27 queries, grouped by what they are about."""
    tops = [
        NamedQuery(
            f"person in a {colour} top", "top", {"upper_type": TOPS, "upper_colour": (colour,)}
        )
        for colour in _TOP_COLOURS
    ]
    trousers = [
        NamedQuery(
            f"person in {colour} trousers",
            "trousers",
            {"lower_type": TROUSERS, "lower_colour": (colour,)},
        )
        for colour in _TROUSER_COLOURS
    ]
    others = [NamedQuery(text, group, permitted) for group, text, permitted in _OTHERS]
    return [*tops, *trousers, *others]
