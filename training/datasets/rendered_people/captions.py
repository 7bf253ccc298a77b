"""Captions of rendered people that are true of their pictures, with what exactly they claim."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.attributes import Attributes
from training.datasets.rendered_people.phrases import Describer
from training.datasets.rendered_people.queries import KINDS, opening
from training.datasets.rendered_people.templates import HELD_OUT, TRAINING, speak

_KIND_CHANCES = np.cumsum([chance for _, chance in KINDS])
_TYPO_RATE = 0.03
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Caption:
    """A text, and the bit mask ``(s,)`` of the values it permits for each slot of ``SLOTS``."""

    text: str
    claims: npt.NDArray[np.int32]


def full_caption(
    attributes: Attributes, rng: np.random.Generator, *, held_out: bool = False
) -> Caption:
    """Describe everything worth saying about a picture, in about 20 words.

    Args:
        attributes: What the picture shows; what is None is never mentioned.
        rng: Source of every choice.
        held_out: Use the templates that training never uses.
    """
    describer = Describer(attributes, rng)
    template = describer.pick(HELD_OUT if held_out else TRAINING)
    text = speak(describer, template)
    return Caption(_as_typed(text, rng), describer.claims)


def short_query(attributes: Attributes, rng: np.random.Generator) -> Caption:
    """Describe one to four things about a picture, as people type it into a search box."""
    while True:
        describer = Describer(attributes, rng)
        kind = int(np.searchsorted(_KIND_CHANCES, rng.random() * _KIND_CHANCES[-1]))
        query = KINDS[kind][0](describer)
        if query:
            return Caption(_as_typed(opening(describer, query), rng), describer.claims)


def _as_typed(text: str, rng: np.random.Generator) -> str:
    """Vary case, punctuation and spelling as hurried people do."""
    chance = rng.random()
    if chance < 0.5:
        text = text.lower()
    elif chance < 0.53:
        text = text.upper()
    elif chance < 0.8:
        text = f"{text}."
    return _with_typo(text, rng) if rng.random() < _TYPO_RATE else text


def _with_typo(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    long_words = [number for number, word in enumerate(words) if len(word) > 6 and word.isalpha()]
    if not long_words:
        return text
    number = long_words[int(rng.integers(len(long_words)))]
    word = words[number]
    place = int(rng.integers(1, len(word) - 1))
    change = int(rng.integers(3))
    if change == 0:
        words[number] = word[:place] + word[place + 1 :]
    elif change == 1:
        words[number] = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    else:
        words[number] = word[:place] + _LETTERS[int(rng.integers(26))] + word[place + 1 :]
    return " ".join(words)
