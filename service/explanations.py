"""Which phrases of a query a crop shows: a hint for people, no proof.

A phrase is scored alone, as if it were the query: by the model's comparison of parts where there
are parts, else by the cosine of its own vector. Scores of different phrases lie in different
ranges, so each is standardised over the query's best crops (mean 0, standard deviation 1). A
positive strength says "more than is usual among the best", a negative one "less": where all of
them wear a red coat, half of them get a negative strength for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.contracts import Float32Array
from models.tokenizers.description_tagger import tag_description

PHRASES_LIMIT = 8
POOL = 100
"""How many of the best crops a strength is standardised over."""

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[^\w\s]")
_LETTERS = {"JJ": "j", "VBN": "j", "NN": "n", "NNS": "n", "CD": "j"}
_PHRASE = re.compile(r"(?:j+(?:cj+)?)?n+")
_JOINING = frozenset({"and", "or"})
# They fit every crop.
_ANYBODY = frozenset({"person", "people", "somebody", "someone", "pedestrian", "individual"})
_SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True)
class Phrase:
    """A part of the query that stands for itself; ``wanted`` unless it is a negative."""

    text: str
    wanted: bool


@dataclass(frozen=True)
class PhraseStrength:
    """How strongly a crop shows a phrase, in standard deviations from the best crops' mean."""

    phrase: Phrase
    strength: float

    @property
    def present(self) -> bool:
        """Whether the crop shows it more than is usual among the best."""
        return self.strength > 0


def phrases_of(text: str, negatives: Sequence[str]) -> list[Phrase]:
    """Return the noun phrases of a text with their adjectives, then the negatives; at most 8.

    A text in which none is found is its own phrase.
    """
    found = list(dict.fromkeys(_noun_phrases(text)))
    if text and not found:
        found = [text]
    wanted = [Phrase(each, wanted=True) for each in found]
    return [*wanted, *(Phrase(each, wanted=False) for each in negatives)][:PHRASES_LIMIT]


def standardised(scores: Float32Array, pool: Float32Array) -> Float32Array:
    """Return the scores ``(n, p)`` in standard deviations from the mean of a pool ``(m, p)``.

    Where the pool does not differ, nothing can be said: 0.
    """
    spread = pool.std(axis=0, dtype=np.float64)
    centred = scores - pool.mean(axis=0, dtype=np.float64)
    told = spread > _SMALLEST_SPREAD
    result: Float32Array = np.where(told, centred / np.where(told, spread, 1), 0).astype(np.float32)
    return result


def _noun_phrases(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    tagged = tag_description(words)
    letters = "".join("c" if word in _JOINING else _LETTERS.get(tag, ".") for word, tag in tagged)
    found = (" ".join(words[m.start() : m.end()]) for m in _PHRASE.finditer(letters))
    return [phrase for phrase in found if phrase not in _ANYBODY]
