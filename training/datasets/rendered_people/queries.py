"""Short queries, as people type them into a search box."""

import re
from collections.abc import Callable

from training.datasets.rendered_people.absences import without
from training.datasets.rendered_people.clothing_queries import (
    all_in_one_colour,
    article_or_not,
    both_alone,
    both_garments,
    dark_or_light,
    garment_is_coloured,
    lower_alone,
    lower_garment,
    upper_alone,
    upper_colour,
    upper_garment,
    wearing,
)
from training.datasets.rendered_people.person_words import (
    ANYBODY,
    HAIR_FIRST,
    PEOPLE,
    PRONOUN_LIKE,
)
from training.datasets.rendered_people.phrases import Describer, with_article
from training.datasets.rendered_people.telegrams import telegram

Query = Callable[[Describer], str]
"""Makes a query, empty where the picture does not show what it is about."""

_REQUESTS = ("find {}", "show me {}", "looking for {}", "search for {}", "please find {}",
             "trying to find {}", "photo of {}", "picture of {}", "display {}", "get me {}",
             "i need {}", "footage of {}", "image of {}")  # fmt: skip
_OF_SOMEBODY = (*_REQUESTS, "is there {}", "have you seen {}", "locate {}", "i am looking for {}",
                "spot {}", "we need to find {}")  # fmt: skip
_OF_A_KNOWN_ONE = ("where is the {}", "who is the {}", "find the {}", "the {}", "show the {}",
                   "show me the {}")  # fmt: skip
_WITH = ("with", "with", "carrying", "holding", "who has", "who carries", "having", "toting",
         "who is carrying", "plus")  # fmt: skip
_WORN_WITH = ("with", "wearing", "in", "who wears", "who has on")
_HAVING = ("with", "having", "who has", "that has")
_ON_FOOT = ("in", "wearing", "with", "in", "who has")

_NOUNS = {noun.words for nouns in PEOPLE.values() for noun in nouns} | set(ANYBODY)
_SOMEBODY = re.compile(rf"({'|'.join(sorted(_NOUNS, key=len, reverse=True))})\b")


def _thing(make: Query, verbs: tuple[str, ...]) -> Query:
    def query(describer: Describer) -> str:
        thing = make(describer)
        if not thing:
            return ""
        if describer.chance(0.2):
            return thing
        return f"{describer.subject(0.4)} {describer.pick(verbs)} {thing}"

    return query


def _garment_and_thing(describer: Describer) -> str:
    make, verbs = describer.pick(_ITEMS)
    thing = make(describer)
    garment = describer.upper(0.4) if thing else ""
    if not garment:
        return ""
    if describer.chance(0.25):
        garment = article_or_not(describer, garment)
        return f"{describer.subject(0.35)} {describer.pick(verbs)} {thing} in {garment}"
    link = describer.pick(("and", "and", "with", "plus"))
    return f"{wearing(describer, garment)} {link} {thing}"


def _lower_and_thing(describer: Describer) -> str:
    make, verbs = describer.pick(_ITEMS)
    lower = describer.lower()
    thing = make(describer) if lower else ""
    return f"{wearing(describer, '', lower)}, {describer.pick(verbs)} {thing}" if thing else ""


def _two_things(describer: Describer) -> str:
    make, verbs = describer.pick(_ITEMS)
    other, _ = describer.pick(_ITEMS)
    first = make(describer) if make is not other else ""
    second = other(describer) if first else ""
    if not second:
        return ""
    link = describer.pick(("and", "and", "&", "plus", "+"))
    if describer.chance(0.2):
        return f"{first} {link} {second}"
    return f"{describer.subject(0.4)} {describer.pick(verbs)} {first} {link} {second}"


def _hair_and_upper(describer: Describer) -> str:
    hair = describer.hair()
    upper = article_or_not(describer, describer.upper(0.4)) if hair else ""
    return f"{describer.subject(0.2)} with {hair} in {upper}" if upper else ""


def _without(describer: Describer) -> str:
    missing = without(describer)
    return f"{describer.subject(0.4)} {missing}" if missing else ""


def _garment_without(describer: Describer) -> str:
    missing = without(describer)
    garment = describer.upper(0.3) if missing else ""
    return f"{wearing(describer, garment)}, {missing}" if garment else ""


def _anybody(describer: Describer) -> str:
    return describer.subject(0.0) if describer.attributes["gender"] else ""


def _hair_first(describer: Describer) -> str:
    if describer.attributes["hair_length"] == "bald":
        describer.claim("hair_length", ("bald",))
        return (
            f"{describer.pick(('bald', 'bald headed', 'hairless'))} {_after_adjective(describer)}"
        )
    hair = describer.name("hair_colour", HAIR_FIRST)
    return f"{hair} {_after_adjective(describer)}" if hair else ""


_FIRST: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("glasses", "glasses", ("bespectacled",)),
    ("mask", "yes", ("masked", "mask-wearing")),
    ("beard", "yes", ("bearded",)),
    ("headwear", "hood", ("hooded",)),
    ("headwear", "helmet", ("helmeted", "helmet-wearing")),
    ("pose", "running", ("running", "jogging")),
    ("pose", "walking", ("walking", "strolling")),
    ("pose", "standing", ("standing", "stationary")),
    ("hair_length", "long", ("long haired",)),
    ("hair_length", "short", ("short haired",)),
    ("hair_length", "ponytail", ("ponytailed",)),
)


def _adjective_first(describer: Describer) -> str:
    told = [first for first in _FIRST if describer.attributes[first[0]] == first[1]]
    if not told:
        return ""
    slot, value, words = describer.pick(told)
    describer.claim(slot, (value,))
    return f"{describer.pick(words)} {_after_adjective(describer)}"


def _after_adjective(describer: Describer) -> str:
    person = describer.subject(0.3)
    return "person" if person in PRONOUN_LIKE else person


def _moving(describer: Describer) -> str:
    doing = describer.doing()
    return f"{describer.subject(0.3)} {doing}" if doing else ""


_ITEMS: tuple[tuple[Query, tuple[str, ...]], ...] = (
    (Describer.bag, _WITH),
    (Describer.bag, _WITH),
    (Describer.headwear, _WORN_WITH),
    (Describer.glasses, _WORN_WITH[:2]),
    (Describer.carried, _WITH[:4]),
    (Describer.around_the_neck, ("with", "wearing")),
    (Describer.shoes, _ON_FOOT),
    (Describer.on_the_face, ("with",)),
)
KINDS: tuple[tuple[Query, float], ...] = (
    (upper_garment, 0.15),
    (upper_alone, 0.06),
    (upper_colour, 0.06),
    (garment_is_coloured, 0.03),
    (lower_garment, 0.08),
    (lower_alone, 0.04),
    (both_garments, 0.09),
    (both_alone, 0.03),
    (_thing(Describer.bag, _WITH), 0.08),
    (_thing(Describer.headwear, _WORN_WITH), 0.06),
    (_thing(Describer.hair, _HAVING), 0.05),
    (_thing(Describer.glasses, _WORN_WITH[:2]), 0.03),
    (_thing(Describer.carried, _WITH[:7]), 0.035),
    (_thing(Describer.shoes, _ON_FOOT), 0.03),
    (_thing(Describer.around_the_neck, ("with", "wearing")), 0.015),
    (_thing(Describer.on_the_face, _HAVING), 0.02),
    (_garment_and_thing, 0.06),
    (_lower_and_thing, 0.02),
    (_two_things, 0.04),
    (_hair_and_upper, 0.03),
    (_without, 0.04),
    (_garment_without, 0.02),
    (dark_or_light, 0.015),
    (all_in_one_colour, 0.02),
    (_anybody, 0.01),
    (_hair_first, 0.02),
    (_adjective_first, 0.02),
    (_moving, 0.01),
    (telegram, 0.12),
)


def opening(describer: Describer, query: str) -> str:
    """Return the query, now and then as a request."""
    if not describer.chance(0.15):
        return query
    if not _SOMEBODY.match(query):
        return describer.pick(_REQUESTS).format(query)
    if query.startswith(PRONOUN_LIKE):
        return describer.pick(_OF_SOMEBODY).format(query)
    if describer.chance(0.25):
        return describer.pick(_OF_A_KNOWN_ONE).format(query)
    return describer.pick(_OF_SOMEBODY).format(with_article(query))
