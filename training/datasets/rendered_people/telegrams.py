"""Queries in telegram style: a few things in a row, without verbs and often shortened."""

import re
from collections.abc import Callable

from training.datasets.rendered_people.absences import lacking
from training.datasets.rendered_people.phrases import Describer

_ARTICLE = re.compile(r"^(a pair of|an?|the|some) ")
_SEPARATORS = (", ", ", ", ", ", " ", " ", "; ", " / ", " + ", " & ", "/", " - ", ",")
_GENDERS = {
    "man": ("m", "m", "male", "man", "M"),
    "woman": ("f", "f", "female", "woman", "F"),
}
_SHORT = {
    "black": ("blk", "bk"), "white": ("wht", "wh"), "grey": ("gry",), "brown": ("brn", "brwn"),
    "green": ("grn",), "blue": ("blu",), "yellow": ("yel", "ylw"), "orange": ("org",),
    "purple": ("prpl", "purp"), "dark": ("dk", "drk"), "light": ("lt",), "red": ("rd",),
    "jacket": ("jkt", "jckt"), "backpack": ("bkpk", "backpk"), "trousers": ("trs", "trsrs"),
    "glasses": ("gls",), "sunglasses": ("sunnies", "sungls"), "with": ("w/",),
    "shirt": ("shrt",), "t-shirt": ("tshirt", "t-shrt"), "shoes": ("shs",),
    "sneakers": ("snkrs",), "umbrella": ("brolly", "umbr"), "handbag": ("hbag", "hndbg"),
    "sweater": ("swtr",), "hoodie": ("hoody",), "suitcase": ("s/case",), "trainers": ("trnrs",),
    "striped": ("strpd",), "ponytail": ("ponytl",), "baseball": ("bball",), "long": ("lng",),
    "short": ("sht",), "sleeved": ("slvd",), "coloured": ("col",), "coat": ("ct",),
}  # fmt: skip
_SHORTENED = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, _SHORT))})(?![\w-])")

_UPPER: tuple[Callable[[Describer], str], ...] = (lambda describer: describer.upper(0.25),)
_FRAGMENTS: tuple[Callable[[Describer], str], ...] = (
    *_UPPER * 3,
    Describer.lower,
    Describer.lower,
    Describer.bag,
    Describer.bag,
    Describer.headwear,
    Describer.shoes,
    Describer.hair,
    Describer.glasses,
    Describer.carried,
    Describer.on_the_face,
    lacking,
)


def telegram(describer: Describer) -> str:
    """Return two to four fragments, as "red coat, blk bag, f"; empty if fewer are seen."""
    count = 1 + int(describer.rng.random() * 3)
    order = describer.rng.permutation(len(_FRAGMENTS))
    made: list[str] = []
    used: set[Callable[[Describer], str]] = set()
    for number in order:
        fragment = _FRAGMENTS[number]
        # "no hat" beside a thing of the same kind would only repeat or confuse it.
        if fragment in used or len(made) == count:
            continue
        words = _ARTICLE.sub("", fragment(describer))
        if words:
            used.add(fragment)
            made.append(words)
    gender = describer.attributes["gender"]
    if gender is not None and describer.chance(0.45):
        describer.claim("gender", (gender,))
        made.insert(len(made) if describer.chance(0.6) else 0, describer.pick(_GENDERS[gender]))
    if len(made) < 2:
        return ""
    text = describer.pick(_SEPARATORS).join(made)
    return _shorten(describer, text) if describer.chance(0.5) else text


def _shorten(describer: Describer, text: str) -> str:
    def short(match: re.Match[str]) -> str:
        return describer.pick(_SHORT[match.group(1)]) if describer.chance(0.6) else match.group(1)

    return _SHORTENED.sub(short, text)
