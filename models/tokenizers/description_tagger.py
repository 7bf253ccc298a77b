"""A small tagger for descriptions of people: each word's readings, decided by its neighbours.

No model and no data file stand behind it, so that it works, and gives the same, on every machine.
It reads a sentence from left to right: the words before have their tags, those after only the
readings of the lexicon. Tags are those of the Penn Treebank.
"""

from collections.abc import Callable, Sequence

from models.tokenizers.lexicon import (
    MOSTLY_VERBS,
    PARTICLES,
    PURPOSE_GERUNDS,
    PURPOSE_OBJECTS,
    readings,
    word_set,
)

_START = ""
_NOUNS = frozenset({"NN", "NNS"})
_NOMINAL = _NOUNS | {"JJ"}
_FINITE = frozenset({"VBZ", "VBP", "VBD", "MD"})
_VERBAL = _FINITE | {"VB", "VBG", "VBN"}
_BEFORE_NOUNS = frozenset({"DT", "JJ", "JJR", "JJS", "PRP$", "POS", "CD", "WP$"})
_SUBJECT_WORDS = frozenset({"PRP", "WP", "WDT", "WRB", "EX"})
_CLAUSE_STARTS = frozenset({",", ":", "CC", "WP", "WDT", "WRB", _START})
_OBJECT_STARTS = frozenset({"DT", "PRP$", "PRP", "RB", "CD"})
_BE = word_set("is are am was were be been being 's 're 'm")
_HAVE = word_set("has have had having 've")
_PEOPLE = word_set("people others pedestrians children traffic someone")
_COMPOUND_PARTICIPLES = word_set(
    """colored coloured sleeved collared haired soled toned heeled striped hooded trimmed rimmed
    framed shaped patterned sized legged strapped printed waisted aged fitted skinned brimmed toed
    lined"""
)


def tag_description(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return the words of one sentence with their tags; capital letters mean nothing."""
    sentence = _Sentence(words)
    for _ in words:
        sentence.tags.append(_decide(sentence))
    return list(zip(words, sentence.tags, strict=True))


class _Sentence:
    """A sentence of which the first ``len(tags)`` words are decided; the next one is at issue."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = [word.lower() for word in words]
        self._readings = [readings(word) for word in self._words]
        self.tags: list[str] = []

    @property
    def word(self) -> str:
        return self._words[len(self.tags)]

    @property
    def readings(self) -> frozenset[str]:
        return self._readings[len(self.tags)]

    @property
    def before(self) -> str:
        """Tag of the word before."""
        return self.tags[-1] if self.tags else _START

    @property
    def word_before(self) -> str:
        return self._words[len(self.tags) - 1] if self.tags else ""

    @property
    def after(self) -> frozenset[str]:
        """Readings of the word after; none at the end."""
        place = len(self.tags) + 1
        return self._readings[place] if place < len(self._words) else frozenset()

    @property
    def word_after(self) -> str:
        place = len(self.tags) + 1
        return self._words[place] if place < len(self._words) else ""

    @property
    def follows_be(self) -> bool:
        """Whether the word before is a form of "to be"; the "'s" of an owner is none."""
        return self.before in _VERBAL and self.word_before in _BE

    @property
    def noun_follows(self) -> bool:
        """Whether the next word belongs to the same noun phrase, by what it can be."""
        if self.word_after in MOSTLY_VERBS:
            return False
        return bool(self.after & _NOMINAL) or self.word_after in _COMPOUND_PARTICIPLES

    @property
    def phrase_follows(self) -> bool:
        """Whether a noun phrase begins after this word."""
        starts = {"DT", "PRP$", "PRP", "CD", "VBG", "WP", "JJR", "VBN"}
        return bool(self.after & starts) or self.noun_follows or self.word_after == "her"

    def clause_has(self, tags: frozenset[str]) -> bool:
        """Say whether one of these tags stands between here and where the clause began."""
        for tag in reversed(self.tags):
            if tag in tags:
                return True
            if tag in _CLAUSE_STARTS:
                return False
        return False


def _decide(at: _Sentence) -> str:
    own_rule = _BY_WORD.get(at.word)
    if own_rule is not None:
        return own_rule(at)
    if at.word in PARTICLES:
        return _particle(at)
    tags = at.readings
    if "VBG" in tags:
        return _gerund(at)
    if "VBN" in tags or "VBD" in tags:
        return _participle(at)
    if len(tags) == 1:
        return next(iter(tags))
    if tags & _FINITE:
        return _noun_or_verb(at)
    return _adjective_or_other(at)


def _noun_or_verb(at: _Sentence) -> str:
    verb = "VBZ" if "VBZ" in at.readings else "VBP"
    if not at.readings & _NOUNS:
        return "VB" if at.before in {"TO", "MD"} and verb == "VBP" else verb
    noun = "NNS" if verb == "VBZ" else "NN"
    if at.before in {"TO", "MD"}:
        return "VB" if verb == "VBP" else noun
    if at.before in _SUBJECT_WORDS:
        return verb
    if at.before in _BEFORE_NOUNS or at.before in {"IN", "RP"}:
        return noun
    is_verb = _is_verb_of_people if at.word in MOSTLY_VERBS else _is_verb_after_all
    return verb if is_verb(at, verb) else noun


def _is_verb_of_people(at: _Sentence, verb: str) -> bool:
    """Decide for words that are mostly verbs: the woman walks, people walk by."""
    if at.before in _VERBAL:
        return False
    agrees = at.before == ("NN" if verb == "VBZ" else "NNS")
    return agrees or not at.clause_has(_FINITE)


def _is_verb_after_all(at: _Sentence, verb: str) -> bool:
    """Decide for words that are mostly nouns: the woman watches a boy, and faces the wall."""
    objects = bool(at.after & _OBJECT_STARTS) or at.word_after in {"her", *_PEOPLE}
    if at.before in _NOUNS:
        agrees = at.before == ("NN" if verb == "VBZ" else "NNS")
        return agrees and objects and not at.clause_has(_VERBAL)
    if at.before == "RB":
        return not at.clause_has(_VERBAL)
    joins_a_verb = at.before in {"CC", ","} and verb in at.tags
    return joins_a_verb and (objects or at.word_after in PARTICLES)


def _gerund(at: _Sentence) -> str:
    if at.follows_be:
        return "VBG"
    if at.word in PURPOSE_GERUNDS and at.word_after in PURPOSE_OBJECTS:
        return "NN"
    follows_noun = at.before in _NOUNS or at.before == "PRP"
    if "NN" in at.readings and (follows_noun or at.before in _BEFORE_NOUNS):
        return "VBG" if at.after & _OBJECT_STARTS else "NN"
    return "JJ" if "JJ" in at.readings and at.noun_follows and not follows_noun else "VBG"


def _participle(at: _Sentence) -> str:
    if at.noun_follows and at.word in _COMPOUND_PARTICIPLES:
        return "JJ"
    if at.follows_be or (at.before == "RB" and not at.noun_follows):
        return "VBN"
    if at.before in {"PRP", "WP", "WDT"}:
        return "VBD"
    if at.before in _NOUNS:
        is_past = bool(at.after & {"DT", "PRP$"}) and not at.clause_has(_VERBAL)
        return "VBD" if is_past and "VBD" in at.readings else "VBN"
    return "JJ" if at.noun_follows else "VBN"


def _adjective_or_other(at: _Sentence) -> str:
    if at.noun_follows or at.follows_be or (at.before == "RB" and "NN" in at.readings):
        return "JJ"
    return "NN" if "NN" in at.readings else "RB"


def _particle(at: _Sentence) -> str:
    if at.phrase_follows:
        bare = not at.after & {"DT", "PRP$", "PRP", "CD"}
        closes_verb = at.before in {"VBN", "VBD"} and at.word in {"up", "off", "out", "down"}
        return "RP" if closes_verb and bare else "IN"
    if at.before in _VERBAL:
        return "RP"
    return "RB" if at.word not in {"in", "on", "by"} else "IN"


def _short(at: _Sentence) -> str:
    return "NN" if at.before == "JJ" and not at.noun_follows else "JJ"


def _side(at: _Sentence) -> str:
    """Decide "left" and "right": her left arm, to the left, left open, looking left."""
    if at.noun_follows and at.before not in _NOUNS and not at.follows_be:
        return "JJ"
    if at.word == "left" and at.before in {"WP", "WDT", "PRP"}:
        return "VBD"
    if at.before in _NOUNS or at.follows_be or at.word_before in _HAVE:
        return "VBN" if at.word == "left" else "RB"
    return "RB" if at.before in _VERBAL else "NN"


def _back(at: _Sentence) -> str:
    if at.before in _VERBAL | {"RB", "RP"} and not (at.follows_be or at.word_before in _HAVE):
        return "RB"
    if at.before in _NOUNS and not at.noun_follows:
        return "RB"
    return "JJ" if at.noun_follows and not at.after & _FINITE else "NN"


def _cut(at: _Sentence) -> str:
    if at.follows_be or at.word_before in _HAVE:
        return "VBN"
    runs_on = bool(at.after & {"JJ", "RB", "TO"}) or at.word_after in {*PARTICLES, "at", "with"}
    return "VBN" if at.before in _NOUNS and runs_on else "NN"


def _that(at: _Sentence) -> str:
    if at.before in _NOUNS or at.before == ",":
        return "WDT"
    return "IN" if at.before in _VERBAL and not at.noun_follows else "DT"


def _her(at: _Sentence) -> str:
    owns = at.noun_follows or at.after & {"CD", "VBN", "VBG", "JJR", "JJS"}
    return "PRP$" if owns or at.word_after in {"left", "right", "back"} else "PRP"


def _there(at: _Sentence) -> str:
    return "EX" if at.word_after in _BE else "RB"


def _like(at: _Sentence) -> str:
    return "VB" if at.before in {"TO", "MD"} else "IN"


def _half(at: _Sentence) -> str:
    if "VBN" in at.after and at.word_after not in _COMPOUND_PARTICIPLES:
        return "RB"
    return "JJ" if at.noun_follows else "NN"


def _can(at: _Sentence) -> str:
    return "NN" if at.before in _BEFORE_NOUNS else "MD"


def _clitic_s(at: _Sentence) -> str:
    """Decide "'s": the man's jacket, he's wearing, the man's wearing."""
    if at.before not in _NOUNS:
        return "VBZ"
    wears = at.after & {"VBG", "DT", "RB"} and at.word_after not in PURPOSE_GERUNDS
    return "VBZ" if wears or at.word_after in PARTICLES else "POS"


def _apostrophe(at: _Sentence) -> str:
    return "POS" if at.before == "NNS" else "''"


_BY_WORD: dict[str, Callable[[_Sentence], str]] = {
    "back": _back,
    "can": _can,
    "cut": _cut,
    "half": _half,
    "her": _her,
    "left": _side,
    "like": _like,
    "right": _side,
    "short": _short,
    "that": _that,
    "there": _there,
    "'s": _clitic_s,
    "\u2019s": _clitic_s,
    "'": _apostrophe,
}
