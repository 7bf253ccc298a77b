"""Where one sentence of a description ends and the next begins.

Source: Kiss and Strunk, Unsupervised Multilingual Sentence Boundary Detection, 2006
(https://aclanthology.org/J06-4003/), as NLTK's Punkt, where its data is installed. It is never
fetched from here: without it, a sentence ends where a full stop, a question mark or an
exclamation mark is followed by white space.
"""

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

from nltk.tokenize.punkt import PunktTokenizer

from models.errors import ConfigurationInvalid

SentenceSplitter = Callable[[str], list[str]]

PUNKT = "punkt"
PUNCTUATION = "punctuation"

_GAP = re.compile(r"(?<=[.!?])\s+")


class ChosenSplitter(NamedTuple):
    """A sentence splitter and the name by which a log or a report can tell which it is."""

    name: str
    split: SentenceSplitter


@functools.cache
def choose_sentence_splitter() -> ChosenSplitter:
    """Return NLTK's Punkt where its data is installed, else the splitter by punctuation.

    Looks for the data once in the life of the process, and never downloads it.

    Raises:
        ConfigurationInvalid: If Punkt's data is there but damaged.
    """
    try:
        punkt = PunktTokenizer("english")
    except LookupError:
        return ChosenSplitter(PUNCTUATION, split_after_punctuation)
    except (OSError, ValueError) as error:
        raise ConfigurationInvalid(
            f"NLTK's punkt_tab data is installed but cannot be read: {error}. "
            "Install it again, or remove it to have sentences split by punctuation."
        ) from error
    return ChosenSplitter(PUNKT, punkt.tokenize)


def split_after_punctuation(text: str) -> list[str]:
    """Return the sentences of a text: each ends after ``.``, ``!`` or ``?`` and white space."""
    return [sentence for sentence in _GAP.split(text.strip()) if sentence]
