"""Part of speech of the words of a description, in tags of the Penn Treebank.

Source: Collins, Discriminative Training Methods for Hidden Markov Models, 2002
(https://aclanthology.org/W02-1001/), as NLTK's averaged perceptron, where its data is installed.
It is never fetched from here: without it, the rules of ``description_tagger`` decide.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

from nltk.data import find
from nltk.tag.perceptron import PerceptronTagger

from models.errors import ConfigurationInvalid
from models.tokenizers.description_tagger import tag_description

Tagger = Callable[[list[str]], list[tuple[str, str]]]

PERCEPTRON = "perceptron"
RULES = "rules"

_PERCEPTRON_DATA = "taggers/averaged_perceptron_tagger_eng/"


class ChosenTagger(NamedTuple):
    """A tagger and the name by which a log or a report can tell which it is."""

    name: str
    tag: Tagger


@functools.cache
def choose_tagger() -> ChosenTagger:
    """Return NLTK's perceptron where its data is installed, else the tagger by rules.

    Looks for the data once in the life of the process, never downloads it, and loads it when the
    first sentence is tagged.
    """
    try:
        find(_PERCEPTRON_DATA)
    except LookupError:
        return ChosenTagger(RULES, tag_description)
    return ChosenTagger(PERCEPTRON, _tag_by_perceptron)


def _tag_by_perceptron(words: list[str]) -> list[tuple[str, str]]:
    tagged: list[tuple[str, str]] = _perceptron().tag(words)
    return tagged


@functools.cache
def _perceptron() -> PerceptronTagger:
    try:
        return PerceptronTagger()
    except (LookupError, OSError, ValueError) as error:
        raise ConfigurationInvalid(
            f"NLTK's averaged_perceptron_tagger_eng is installed but cannot be read: {error}. "
            "Install it again, or remove it to have words tagged by rules."
        ) from error
