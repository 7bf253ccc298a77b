"""Full captions as sentences: templates filled with phrases that agree in number and tense."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from training.datasets.rendered_people.absences import lacking
from training.datasets.rendered_people.person_words import PRONOUN_LIKE
from training.datasets.rendered_people.phrases import Describer, with_article

_BRACKETS = re.compile(r"(\[[^\[\]]*\])")
_NAME = re.compile(r"\{(\w+)\}")
_TELLING_PRONOUN = re.compile(r"\b(he|his|him|she|her)\b", re.IGNORECASE)
_NOTHING_SAID_OF_IT = ("everyday clothing", "ordinary clothing", "casual clothing")

_Pieces = tuple[str, ...]
"""Text and names of phrases in turns, as ``re.split`` returns them."""


def names_in(template: str) -> tuple[str, ...]:
    """Return the names of the phrases that a template uses, as often as it does."""
    return tuple(name.lower() for name in _NAME.findall(template))


@cache
def _parse(template: str) -> tuple[tuple[tuple[bool, _Pieces], ...], frozenset[str]]:
    """Return the parts of a template, each with whether it is optional, and its names."""
    parts = tuple(
        (part.startswith("["), tuple(_NAME.split(part.strip("[]"))))
        for part in _BRACKETS.split(template)
        if part
    )
    return parts, frozenset(names_in(template))


def listed(parts: Sequence[str]) -> str:
    """Join the parts that are not empty, as "a, b and c"."""
    there = [part for part in parts if part]
    if len(there) < 2:
        return "".join(there)
    return f"{', '.join(there[:-1])} and {there[-1]}"


def fill_template(template: str, phrases: Mapping[str, str]) -> str:
    """Put the phrases into a template, leaving out bracketed parts that would be incomplete.

    Raises:
        KeyError: If the template names a phrase that does not exist.
    """
    text = []
    for optional, pieces in _parse(template)[0]:
        names = pieces[1::2]
        if optional and not all(phrases[name.lower()] for name in names):
            continue
        for number, piece in enumerate(pieces):
            text.append(_phrase(piece, phrases) if number % 2 else piece)
    return " ".join("".join(text).split())


def _phrase(name: str, phrases: Mapping[str, str]) -> str:
    words = phrases[name.lower()]
    return words[:1].upper() + words[1:] if name[0].isupper() else words


def speak(describer: Describer, template: str) -> str:
    """Make the phrases that a template names, claiming only what it says, and fill it."""
    wanted = _parse(template)[1]
    made = _things(describer, wanted)
    made |= _combinations(describer, made)
    made |= _grammar(describer, wanted)
    text = fill_template(template, made)
    gender = describer.attributes["gender"]
    if gender is not None and _TELLING_PRONOUN.search(text):
        describer.claim("gender", (gender,))
    return text


PARTS: dict[str, frozenset[str]] = {
    "hair": frozenset({"hair", "head", "features"}),
    "face": frozenset({"head", "features"}),
    "headwear": frozenset({"worn", "features"}),
    "glasses": frozenset({"worn", "features"}),
    "scarf": frozenset({"worn", "features"}),
    "shoes": frozenset({"shoes", "outfit_and_shoes", "lower_and_shoes"}),
    "lower": frozenset({"lower", "outfit", "outfit_and_shoes", "lower_and_shoes"}),
    "bag": frozenset({"bag", "belongings"}),
    "carried": frozenset({"carried", "belongings"}),
    "doing": frozenset({"doing", "doing_or_here"}),
    "lacking": frozenset({"lacking"}),
}
"""The phrases that say each thing."""
_SAID = {
    "hair": 0.6, "face": 0.36, "headwear": 0.85, "glasses": 0.66, "scarf": 0.7, "shoes": 0.6,
    "lower": 0.95, "bag": 0.9, "carried": 0.72, "doing": 0.45, "lacking": 0.8,
}  # fmt: skip
_MAKERS = {
    "hair": Describer.hair, "face": Describer.on_the_face, "headwear": Describer.headwear,
    "glasses": Describer.glasses, "scarf": Describer.around_the_neck, "shoes": Describer.shoes,
    "lower": Describer.lower, "bag": Describer.bag, "carried": Describer.carried,
    "doing": Describer.doing, "lacking": lacking,
}  # fmt: skip


def _things(describer: Describer, wanted: frozenset[str]) -> dict[str, str]:
    """Make each elementary phrase that the template can use and that is to be said."""
    made = {
        name: maker(describer) if PARTS[name] & wanted and describer.chance(_SAID[name]) else ""
        for name, maker in _MAKERS.items()
    }
    made["shoe_colour"] = describer.shoe_colour() if "shoe_colour" in wanted else ""
    made["upper_bare"] = describer.upper()
    return made


def _combinations(describer: Describer, made: Mapping[str, str]) -> dict[str, str]:
    bare = made["upper_bare"]
    upper = with_article(bare) if bare else describer.pick(_NOTHING_SAID_OF_IT)
    worn = [made["headwear"], made["glasses"], made["scarf"]]
    if describer.chance(0.5):
        worn.reverse()
    belongings = [made["bag"], made["carried"]]
    if describer.chance(0.3):
        belongings.reverse()
    return {
        "upper_bare": bare or upper,
        "upper": upper,
        "outfit": listed([upper, made["lower"]]),
        "outfit_and_shoes": listed([upper, made["lower"], made["shoes"]]),
        "lower_and_shoes": listed([made["lower"], made["shoes"]]),
        "head": listed([made["hair"], made["face"]]),
        "worn": listed(worn),
        "features": listed([made["hair"], made["face"], *worn]),
        "belongings": listed(belongings),
        "doing_or_here": made["doing"] or describer.pick(("in the picture", "in view", "in shot")),
    }


_WEAR = ("is wearing", "wears", "is dressed in", "has on", "is in", "is sporting")
_WORE = ("was wearing", "wore", "was dressed in", "had on", "was in")
_VERBS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "has": (("has",), ("have",)),
    "is": (("is",), ("are",)),
    "was": (("was",), ("were",)),
    "they_wear": (_WEAR, ("wear", "are wearing", "have on", "are dressed in")),
    "they_wore": (_WORE, ("wore", "were wearing", "had on", "were dressed in")),
    "wears_too": (("wears",), ("wear",)),
    "carries": (
        ("carries", "is carrying", "has", "is holding", "totes"),
        ("carry", "are carrying", "have", "are holding"),
    ),
    "held": (("carried", "was carrying", "had"), ("carried", "were carrying", "had")),
}
"""Verbs after a pronoun, singular and plural."""
_SINGULAR_VERBS = {
    "wears": _WEAR,
    "wore": _WORE,
    "wears_plain": ("wears", "is wearing", "has on"),
}
_THEM = {"he": "him", "she": "her", "they": "them"}
_ARTICLES = ("a", "a", "the", "this")


def _grammar(describer: Describer, wanted: frozenset[str]) -> dict[str, str]:
    """Make the subject, its pronouns and the verbs that agree with them."""
    made = _subject(describer, wanted)
    they, their = "they", "their"
    if wanted & {"they", "their", "them"}:
        they, their = describer.pronouns()
    made |= {"they": they, "their": their, "them": _THEM[they]}
    for verb, numbers in _VERBS.items():
        if verb in wanted:
            made[verb] = describer.pick(numbers[they == "they"])
    for verb, options in _SINGULAR_VERBS.items():
        if verb in wanted:
            made[verb] = describer.pick(options)
    return made


def _subject(describer: Describer, wanted: frozenset[str]) -> dict[str, str]:
    # A subject claims gender and age, so it is made only for a template that says it.
    if not wanted & {"person", "a_person", "some_person"}:
        return {}
    person = describer.subject()
    if person in PRONOUN_LIKE:
        return {"person": "person", "a_person": person, "some_person": person}
    article = describer.pick(_ARTICLES)
    some_person = with_article(person)
    a_person = some_person if article == "a" else f"{article} {person}"
    return {"person": person, "a_person": a_person, "some_person": some_person}
