"""Short queries, as people type them into a search box."""

from collections.abc import Callable

from training.datasets.rendered_people.attributes import NONE
from training.datasets.rendered_people.phrases import Describer, with_article
from training.datasets.rendered_people.wording import DARK

_OPENINGS = ("", "", "", "", "find ", "show me ", "looking for ")
_HAIRED = {
    "brown": ("brunette", "brown haired"),
    "blonde": ("blonde", "blond", "blonde haired"),
    "red": ("red haired", "ginger haired", "red-headed"),
    "grey": ("grey haired", "gray-haired", "white haired"),
}
_WEARING = ("in", "in", "wearing", "with", "dressed in")


def _wearing(describer: Describer, thing: str) -> str:
    return f"{describer.subject(0.35)} {describer.pick(_WEARING)} {thing}" if thing else ""


def _bare_or_article(describer: Describer, words: str) -> str:
    return with_article(words) if words and describer.chance(0.5) else words


def _upper(describer: Describer) -> str:
    return _wearing(describer, _bare_or_article(describer, describer.upper(0.5)))


def _upper_alone(describer: Describer) -> str:
    return describer.upper(0.5)


def _upper_colour(describer: Describer) -> str:
    colour = describer.shade("upper")
    return (
        f"{describer.subject(0.35)} in {colour}{describer.pick(('', ' on top', ' top'))}"
        if colour
        else ""
    )


def _lower(describer: Describer) -> str:
    return _wearing(describer, describer.lower())


def _lower_alone(describer: Describer) -> str:
    return describer.lower()


def _both(describer: Describer) -> str:
    upper = _bare_or_article(describer, describer.upper(0.4))
    lower = describer.lower()
    return _wearing(describer, " and ".join(filter(None, (upper, lower)))) if upper else ""


def _thing(make: Callable[[Describer], str], verbs: tuple[str, ...]) -> Callable[[Describer], str]:
    def query(describer: Describer) -> str:
        thing = make(describer)
        if not thing:
            return ""
        if describer.chance(0.2):
            return thing
        return f"{describer.subject(0.4)} {describer.pick(verbs)} {thing}"

    return query


def _upper_and_bag(describer: Describer) -> str:
    bag = describer.bag()
    upper = _bare_or_article(describer, describer.upper(0.4)) if bag else ""
    return (
        f"{_wearing(describer, upper)} {describer.pick(('with', 'and', 'carrying'))} {bag}"
        if upper
        else ""
    )


def _hair_and_upper(describer: Describer) -> str:
    hair = describer.hair()
    upper = _bare_or_article(describer, describer.upper(0.4)) if hair else ""
    return f"{describer.subject(0.2)} with {hair} in {upper}" if upper else ""


def _without(describer: Describer) -> str:
    things = {"bag": ("bag", "bags"), "headwear": ("hat", "headwear"), "glasses": ("glasses",)}
    absent = [slot for slot in things if describer.attributes[slot] == NONE]
    if not absent:
        return ""
    slot = describer.pick(absent)
    describer.claim(slot, (NONE,))
    word = describer.pick(things[slot])
    link = describer.pick(
        (
            "without {}",
            "with no {}",
            "no {}",
            "not wearing {}" if slot != "bag" else "not carrying {}",
        )
    )
    return f"{describer.subject(0.4)} {link.format(word)}"


def _all_dark(describer: Describer) -> str:
    upper, lower = describer.attributes["upper_shade"], describer.attributes["lower_shade"]
    if upper not in DARK or lower not in (*DARK, NONE):
        return ""
    all_black = upper == "black" and lower in ("black", NONE)
    permitted, words = (("black",), "all in black") if all_black else (DARK, "in dark clothes")
    describer.claim("upper_shade", permitted)
    describer.claim("lower_shade", (*permitted, NONE))  # a dress is all there is
    return f"{describer.subject(0.4)} {words}"


def _anybody(describer: Describer) -> str:
    return describer.subject(0.0) if describer.attributes["gender"] else ""


def _hair_first(describer: Describer) -> str:
    colour, length = describer.attributes["hair_colour"], describer.attributes["hair_length"]
    if length == "bald":
        describer.claim("hair_length", ("bald",))
        return f"bald {describer.subject(0.3)}"
    if colour is None or colour == "black":
        return ""
    describer.claim("hair_colour", (colour,))
    return f"{describer.pick(_HAIRED[colour])} {describer.subject(0.3)}"


def _moving(describer: Describer) -> str:
    doing = describer.doing()
    return f"{describer.subject(0.3)} {doing}" if doing else ""


KINDS: tuple[tuple[Callable[[Describer], str], float], ...] = (
    (_upper, 0.20),
    (_upper_alone, 0.08),
    (_upper_colour, 0.08),
    (_lower, 0.09),
    (_lower_alone, 0.05),
    (_both, 0.12),
    (_thing(Describer.bag, ("with", "carrying", "holding")), 0.09),
    (_thing(Describer.headwear, ("wearing", "with", "in")), 0.06),
    (_thing(Describer.hair, ("with", "having")), 0.05),
    (_thing(Describer.glasses, ("wearing", "with")), 0.03),
    (_thing(Describer.carried, ("with", "holding", "carrying")), 0.03),
    (_thing(Describer.shoes, ("in", "wearing", "with")), 0.03),
    (_thing(Describer.around_the_neck, ("with", "wearing")), 0.015),
    (_thing(Describer.on_the_face, ("with", "having")), 0.015),
    (_upper_and_bag, 0.04),
    (_hair_and_upper, 0.03),
    (_without, 0.02),
    (_all_dark, 0.02),
    (_anybody, 0.01),
    (_hair_first, 0.03),
    (_moving, 0.01),
)


def opening(describer: Describer, query: str) -> str:
    """Return the query, now and then as a request."""
    words = describer.pick(_OPENINGS)
    return f"{words}{query}" if words else query
