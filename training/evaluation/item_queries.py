"""Worn and carried items as users ask for them: two wordings each, with exactly what they claim.

A word permits every value that a searcher would take it for, whatever the captions of training
make of it. "Handbag" and "purse" permit the shoulder bag, which differs by the length of its
strap; "hat" permits cap, beanie and brimmed hat, but no helmet, hood or headscarf; "glasses"
permits sunglasses too, "spectacles" does not.
"""

from collections.abc import Mapping

from training.evaluation.named_queries import HATS, NamedQuery

_HANDBAGS = {"bag": ("handbag", "shoulder bag")}

_ITEMS: tuple[tuple[str, tuple[tuple[str, Mapping[str, tuple[str, ...]]], ...]], ...] = (
    ("backpack", (("person with a backpack", {"bag": ("backpack",)}),
                  ("someone carrying a rucksack", {"bag": ("backpack",)}))),
    ("handbag", (("person with a handbag", _HANDBAGS),
                 ("someone carrying a purse", _HANDBAGS))),
    ("hat", (("person wearing a hat", {"headwear": HATS}),
             ("someone with a hat on", {"headwear": HATS}))),
    ("cap", (("person wearing a cap", {"headwear": ("cap",)}),
             ("someone in a baseball cap", {"headwear": ("cap",)}))),
    ("helmet", (("person wearing a helmet", {"headwear": ("helmet",)}),
                ("someone with a hard hat", {"headwear": ("helmet",)}))),
    ("glasses", (("person wearing glasses", {"glasses": ("glasses", "sunglasses")}),
                 ("someone with spectacles", {"glasses": ("glasses",)}))),
    ("umbrella", (("person with an umbrella", {"carried": ("umbrella",)}),
                  ("someone holding an umbrella", {"carried": ("umbrella",)}))),
    ("suitcase", (("person with a suitcase", {"bag": ("suitcase",)}),
                  ("someone pulling a suitcase on wheels", {"bag": ("suitcase",)}))),
)  # fmt: skip


def item_queries() -> list[NamedQuery]:
    """Return two queries for each of eight items; the group is the item."""
    return [
        NamedQuery(text, item, permitted)
        for item, wordings in _ITEMS
        for text, permitted in wordings
    ]
