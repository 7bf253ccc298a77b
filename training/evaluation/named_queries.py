"""Short queries a user would type, with exactly what they claim."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.attributes import ANY, SLOT_INDEX, SLOTS, permit

COLOURS = ("red", "blue", "green", "yellow", "black", "white")
TOPS = tuple(kind for kind in SLOTS["upper_type"] if kind != "dress")
TROUSERS = ("trousers", "jeans", "leggings", "sweatpants")
HATS = ("cap", "beanie", "brimmed hat")
BAGS = tuple(kind for kind in SLOTS["bag"] if kind != "none")


@dataclass(frozen=True)
class NamedQuery:
    """A text, the group it is reported in, and the values it permits."""

    text: str
    group: str
    permitted: Mapping[str, tuple[str, ...]]

    def claims(self) -> npt.NDArray[np.int32]:
        """Return a bit mask per slot ``(s,)``, ``ANY`` where the query says nothing."""
        masks = np.full(len(SLOTS), ANY, np.int32)
        for slot, values in self.permitted.items():
            masks[SLOT_INDEX[slot]] = permit(slot, values)
        return masks


def name_queries() -> list[NamedQuery]:
    """Return colour and garment queries, and queries for things worn or carried."""
    queries = []
    for colour in COLOURS:
        upper = {"upper_type": TOPS, "upper_colour": (colour,)}
        trousers = {"lower_type": TROUSERS, "lower_colour": (colour,)}
        skirt = {"lower_type": ("skirt",), "lower_colour": (colour,)}
        coat = {"upper_type": ("coat",), "upper_colour": (colour,)}
        queries += [
            NamedQuery(f"{colour} top", "top", upper),
            NamedQuery(f"{colour} coat", "coat", coat),
            NamedQuery(f"{colour} trousers", "trousers", trousers),
            NamedQuery(f"{colour} skirt", "skirt", skirt),
        ]
    return [
        *queries,
        NamedQuery("person with a backpack", "carried", {"bag": ("backpack",)}),
        NamedQuery("person with a bag", "carried", {"bag": BAGS}),
        NamedQuery("person wearing a hat", "carried", {"headwear": HATS}),
    ]
