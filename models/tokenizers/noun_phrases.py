"""The noun phrases of a description, which MIA compares with the stripes of a crop.

Source: Niu et al., Improving Description-based Person Re-identification by Multi-granularity
Image-text Alignments (MIA), 2020 (https://arxiv.org/abs/1906.09610). The chunk rules and the
order of the overridden tags are those of the authors' code, down to its tag ``VPN``, which no
tagger gives, so that participles join no phrase. Departs from it in the word list, which is our
own, and leaves out its fourth and fifth rule: both need a noun that the third has not taken.
"""

import functools
import re
from collections.abc import Iterator, Sequence

from models.tokenizers.lexicon import COLOURS, GARMENT_ADJECTIVES, MATERIALS
from models.tokenizers.part_of_speech import Tagger, choose_tagger
from models.tokenizers.sentences import SentenceSplitter, choose_sentence_splitter
from models.tokenizers.word_vocabulary import words_of

NO_PHRASE = "<UNK>"

_SHADES = ("bright", "dark", "deep", "light", "pale")
_PARTS_OF_GARMENTS = ("collar", "sleeves", "stripes")  # nouns, yet in the authors' list

ADJECTIVES = frozenset(
    {
        *COLOURS,
        *GARMENT_ADJECTIVES,
        *MATERIALS,
        *_PARTS_OF_GARMENTS,
        *(f"{shade}-{colour}" for shade in _SHADES for colour in COLOURS),
    }
)
"""Words that count as adjectives whatever the tagger takes them for."""

_LETTERS = {
    "JJ": "j", "VPN": "v", "NN": "n", "NNS": "n", "NNP": "n", "NNPS": "n",
    "IN": "i", "PRP": "p", "CC": "c",
}  # fmt: skip
_OTHER = "."
_TAKEN = "#"
# Possessive, because NLTK's chunk parser takes seconds for a few hundred adjectives in a row. One
# alternative with a CC and one without say "j+ c* [jv]+ n+" with nothing left to try twice.
_RULES = tuple(
    re.compile(rule)
    for rule in (
        r"[jv]*+n++ip*+j*+n",
        r"j++c++[jv]++n++|j[jv]++n++",
        r"[jv]*+n++",
    )
)


class NounPhrases:
    """Finds the noun phrases of captions, sentence by sentence."""

    def __init__(self, split_sentences: SentenceSplitter, tag: Tagger) -> None:
        self._split_sentences = split_sentences
        self._tag = tag

    def __call__(self, caption: str) -> list[str]:
        """Return the phrases in the caption's order, or ``["<UNK>"]`` where there is none."""
        return list(self._phrases(caption)) or [NO_PHRASE]

    def _phrases(self, caption: str) -> Iterator[str]:
        for sentence in self._split_sentences(caption.lower()):
            yield from phrases_of(override_tags(self._tag(words_of(sentence))))


def override_tags(tagged: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return one sentence's words with the tags that the chunk rules are written for."""
    return [(word, _overridden(word, tag)) for word, tag in tagged]


def phrases_of(tagged: Sequence[tuple[str, str]]) -> list[str]:
    """Return the noun phrases of one sentence whose tags have been overridden."""
    letters = "".join(_LETTERS.get(tag, _OTHER) for _, tag in tagged)
    spans = []
    for rule in _RULES:
        spans += [match.span() for match in rule.finditer(letters)]
        letters = rule.sub(lambda match: _TAKEN * len(match.group()), letters)
    return [" ".join(word for word, _ in tagged[start:end]) for start, end in sorted(spans)]


@functools.cache
def default_noun_phrases() -> NounPhrases:
    """Return the finder with the sentence splitter and the tagger that this machine has."""
    return NounPhrases(choose_sentence_splitter().split, choose_tagger().tag)


def _overridden(word: str, tag: str) -> str:
    if word == "pair":
        return "UNK"
    if tag.startswith("PRP"):
        return "PRP"
    return "JJ" if word in ADJECTIVES else tag
