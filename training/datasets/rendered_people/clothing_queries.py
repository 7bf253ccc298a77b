"""Short queries about clothes and their colours."""

from training.datasets.rendered_people.attributes import NONE
from training.datasets.rendered_people.garment_words import LOWER, UPPER
from training.datasets.rendered_people.phrases import Describer, with_article
from training.datasets.rendered_people.wording import DARK, LIGHT, NOUNS, SHADE_WORDS, permitted_by

_TERSE = ("in", "wearing", "with", "dressed in")
_WEARING = (*_TERSE, *_TERSE, "in", "who wears", "clad in", "who is wearing", "having on",
            "that has", "sporting", "clothed in", "that is in", "in what looks like")  # fmt: skip
_LINKS = (" and ", " and ", " and ", " with ", ", ", " & ", " + ", " plus ")
_ALL_IN = ("all in {}", "dressed all in {}", "in {} from head to toe", "entirely in {}",
           "in all {}", "in {} clothes", "in an all {} outfit", "in {} top and bottom",
           "in nothing but {}")  # fmt: skip


def wearing(describer: Describer, upper: str, lower: str = "", *, lower_first: bool = False) -> str:
    """Return who wears one or two garments; empty if there is none."""
    if not upper and not lower:
        return ""
    verb = describer.pick(_WEARING)
    upper = article_or_not(describer, upper, verb)
    garments = (lower, upper) if lower_first else (upper, lower)
    return f"{describer.subject(0.35)} {verb} {_joined(describer, *garments)}"


def article_or_not(describer: Describer, words: str, verb: str = "in") -> str:
    """Return the words with their article, which hurried people drop after a short verb."""
    dropped = not words or (verb in _TERSE and describer.chance(0.5))
    return words if dropped else with_article(words)


def _joined(describer: Describer, *garments: str) -> str:
    return describer.pick(_LINKS).join(filter(None, garments))


def upper_garment(describer: Describer) -> str:
    """Return who wears an upper garment."""
    return wearing(describer, describer.upper(0.5, colour_last=True))


def upper_alone(describer: Describer) -> str:
    """Return an upper garment and nobody in it."""
    return describer.upper(0.5, colour_last=True)


def upper_colour(describer: Describer) -> str:
    """Return who is in some colour."""
    colour = describer.shade("upper")
    if not colour:
        return ""
    tails = ("", "", " on top", " up top") if colour in NOUNS else (" clothing on top",)
    return f"{describer.subject(0.35)} in {colour}{describer.pick(tails)}"


def garment_is_coloured(describer: Describer) -> str:
    """Return a colour after its garment: "man whose jacket is navy"."""
    part, words = describer.pick((("upper", UPPER), ("lower", LOWER)))
    name = describer.name(f"{part}_type", words)
    colour = describer.shade(part)
    if not name or not colour:
        return ""
    verb = "are" if part == "lower" and name.endswith("s") else "is"
    person = describer.subject(0.3)
    return describer.pick(
        (
            f"{person} whose {name} {verb} {colour}",
            f"{person}, {name} {verb} {colour}",
            f"{person}: {colour} {name}",
        )
    )


def lower_garment(describer: Describer) -> str:
    """Return who wears a lower garment."""
    return wearing(describer, "", describer.lower(colour_last=True))


def lower_alone(describer: Describer) -> str:
    """Return a lower garment and nobody in it."""
    return describer.lower(colour_last=True)


def both_garments(describer: Describer) -> str:
    """Return who wears an upper and a lower garment."""
    upper = describer.upper(0.4)
    lower = describer.lower() if upper else ""
    return wearing(describer, upper, lower, lower_first=describer.chance(0.3)) if upper else ""


def both_alone(describer: Describer) -> str:
    """Return an upper and a lower garment and nobody in them."""
    upper = describer.upper(0.3)
    lower = describer.lower() if upper else ""
    return _joined(describer, upper, lower) if lower else ""


def dark_or_light(describer: Describer) -> str:
    """Return who is in dark or in light clothes."""
    upper, lower = describer.attributes["upper_shade"], describer.attributes["lower_shade"]
    for shades, words in ((DARK, "dark"), (LIGHT, "light")):
        if upper in shades and lower in (*shades, NONE):
            describer.claim("upper_shade", shades)
            describer.claim("lower_shade", (*shades, NONE))  # a dress is all there is
            return f"{describer.subject(0.4)} in {words} {describer.pick(('clothes', 'clothing'))}"
    return ""


def all_in_one_colour(describer: Describer) -> str:
    """Return who is all in one colour."""
    upper, lower = describer.attributes["upper_shade"], describer.attributes["lower_shade"]
    if upper is None or lower is None:
        return ""
    words = describer.pick([words for words, _ in SHADE_WORDS[upper] if words in NOUNS])
    shades = permitted_by(words, SHADE_WORDS)
    if lower not in (*shades, NONE):
        return ""
    describer.claim("upper_shade", shades)
    describer.claim("lower_shade", (*shades, NONE))
    return f"{describer.subject(0.4)} {describer.pick(_ALL_IN).format(words)}"
