"""Says words about one picture, and remembers what they claim."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.attributes import (
    ANY,
    NONE,
    SLOT_INDEX,
    SLOTS,
    Attributes,
    permit,
)
from training.datasets.rendered_people.wording import COLOUR_WORDS, Wordings

_VOWELS = "aeiou"
_T = TypeVar("_T")


def with_article(words: str) -> str:
    """Return ``words`` after "a" or "an"."""
    sounds_like_a_vowel = words[:1].lower() in _VOWELS and not words.startswith("one")
    return ("an " if sounds_like_a_vowel else "a ") + words


@cache
def _mask(slot: str, values: tuple[str, ...]) -> int:
    known = SLOTS[slot]
    return permit(slot, [value for value in values if value in known])


class Speaker:
    """Chooses words about what one picture shows, and remembers what they claim."""

    def __init__(self, attributes: Attributes, rng: np.random.Generator) -> None:
        self.attributes = attributes
        self.rng = rng
        self.claims: npt.NDArray[np.int32] = np.full(len(SLOTS), ANY, np.int32)

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.rng.random() < probability)

    def pick(self, options: Sequence[_T]) -> _T:
        """Return one of the options."""
        return options[int(self.rng.random() * len(options))]

    def claim(self, slot: str, values: Iterable[str]) -> None:
        """Remember that ``slot`` is said to have one of ``values``."""
        self.claims[SLOT_INDEX[slot]] &= _mask(slot, tuple(values))

    def deny(self, slot: str, values: Iterable[str]) -> None:
        """Remember that ``slot`` is said to have none of ``values``."""
        denied = set(values)
        self.claim(slot, [value for value in SLOTS[slot] if value not in denied])

    def has(self, slot: str) -> bool:
        """Return whether the picture shows the thing and the person has one."""
        return self.attributes[slot] not in (None, NONE)

    def say(self, slot: str, wordings: Wordings) -> str:
        """Return one of the wordings, claiming the values of ``slot`` that it permits."""
        words, values = self.pick(wordings)
        self.claim(slot, values)
        return words

    def name(self, slot: str, words: dict[str, Wordings]) -> str:
        """Return words for the value of a slot; empty where it is unseen or has no words."""
        value = self.attributes[slot]
        return "" if value is None or value not in words else self.say(slot, words[value])

    def colour(self, slot: str) -> str:
        """Return a word for one of the basic colours; empty where there is none."""
        return self.name(slot, COLOUR_WORDS)
