"""Full captions: how the phrases about one person are put together.

A template is text with ``{names}`` of phrases; a part in square brackets is left out where one
of its phrases is empty. The held-out templates have word orders and openings that no training
template has, and are kept for testing.
"""

import re
from collections.abc import Mapping, Sequence

from training.datasets.rendered_people.phrases import Describer, with_article

TRAINING: tuple[str, ...] = (
    "{A_person} {wears} {outfit_and_shoes}[. {They} {has} {features}][. {They} {carries} {belongings}][. {They} {is} {doing}]",
    "{A_person}[ with {head}] {wears} {outfit}[ with {shoes}][ and {worn}][, holding {carried}][ and carrying {bag}][, {doing}]",
    "{person}[, {head}], {upper}[, {lower}][, {shoes}][, {worn}][, {belongings}][, {doing}]",
    "wearing {outfit}, {a_person} is in the picture[. {They} {has} {head}][. {They} {wears_too} {shoes}][. {They} {carries} {belongings}]",
    "{A_person} is {doing_or_here} and {wears_plain} {upper}[. {They} {is} also wearing {lower_and_shoes}][. {They} {has} {features}][ and {belongings}]",
    "{A_person}[ has {head} and] {wears} {outfit_and_shoes}[, with {worn}][, with {belongings}]",
    "{A_person} in {upper}[ and {lower}][ with {belongings}][, {head}][, {worn}][, {shoes}]",
    "{A_person}[ carrying {belongings}] {wears} {outfit}[. {Their} shoes are {shoe_colour}][. {They} {has} {features}]",
    "[{Doing}, ]{a_person} {wears} {outfit}[, {shoes}][ and {worn}][. {They} {has} {head}][. {They} {carries} {belongings}]",
    "{They} {they_wear} {outfit}[; {they} {has} {features}][. {They} also {has} {belongings}][ and {shoes}]",
    "{person}: {upper}[, {lower}][, {shoes}][; {belongings}][; {features}]",
    "[{Head}, ]{upper}[, {lower}][ and {shoes}][, {belongings}]",
    "{A_person} dressed in {outfit_and_shoes}[, {doing}][, {belongings} with {them}]",
    "{A_person} has on {upper}[ paired with {lower}][ and {shoes}][; {worn} too][. {Belongings} can be seen]",
    "this {person} {wears} {outfit}[, {hair}][, {worn}][, {shoes}][. {They} {carries} {belongings}]",
    "{A_person} who {wears} {outfit}[ and who has {features}][, {belongings}][, {shoes}]",
    "{upper_bare} on {a_person}[, {lower} below][, {shoes} on the feet][, {head}][, {worn}][, {belongings}]",
    "the {person} {is_singular} wearing {upper}[, {lower}][ and {shoes}][. {Their} bag is {bag}][. {They} {is} {doing}][. {They} {has} {features}]",
    "{person} {wears} {upper}[ {lower}][ {shoes}][ {belongings}][ {head}][ {worn}]",
    "{A_person}, {doing_or_here}, with {outfit}[, {features}][ and {belongings}]",
    "[{Lower} and ]{upper}, worn by {a_person}[ with {features}][ and {shoes}][. {They} {carries} {belongings}]",
    "{A_person} wearing {outfit}",
    "{A_person}[ with {belongings}] {wears} {outfit}[. {They} {has} {features}][. {They} {is} {doing}]",
    "the image shows {a_person} in {outfit_and_shoes}[. {They} {has} {head}][. {They} {wears_too} {worn}][. {They} {carries} {belongings}]",
    "{A_person}[ {doing}][. {They} {has} {head}]. {They} {they_wear} {outfit}[, {shoes}][ and {worn}][. {They} {carries} {belongings}]",
    "{person}; {upper}[; {lower}][; {shoes}][; {features}][; {belongings}]",
)  # fmt: skip
HELD_OUT: tuple[str, ...] = (
    "there is {a_person} who {has_on} {upper}[ along with {lower}][ plus {shoes}][ while showing {features}][, and {belongings} is visible]",
    "look for {a_person} in {upper}[ combined with {lower}][ + {shoes}][ / {features}][ / {belongings}]",
    "{upper}[, then {lower}][, then {shoes}]: that is what {a_person} has chosen[, together with {features}][, not to forget {belongings}]",
    "seen here: {a_person}[, {doing}], clad in {outfit}[; notable: {features}][; also {belongings}][; footwear {shoes}]",
    "what stands out about {a_person} is {upper}[, followed by {lower}][ and finally {shoes}][, besides {features}][ or {belongings}]",
    "can you find {a_person} that goes about in {outfit}[, on foot in {shoes}][, recognisable by {features}][, taking along {belongings}]",
)  # fmt: skip

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"\{(\w+)\}")
_TELLING_PRONOUN = re.compile(r"\b(he|his|him|she|her)\b", re.IGNORECASE)


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

    def optional(match: re.Match[str]) -> str:
        part = match.group(1)
        complete = all(phrases[name.lower()] for name in _NAME.findall(part))
        return part if complete else ""

    def phrase(match: re.Match[str]) -> str:
        name = match.group(1)
        words = phrases[name.lower()]
        return words[:1].upper() + words[1:] if name[0].isupper() else words

    return " ".join(_NAME.sub(phrase, _OPTIONAL.sub(optional, template)).split())


def speak(describer: Describer, template: str) -> str:
    """Make the phrases that a template names, claiming only what it says, and fill it."""
    wanted = {name.lower() for name in _NAME.findall(template)}
    made = _things(describer, wanted)
    made |= _combinations(describer, made)
    made |= _grammar(describer, wanted)
    text = fill_template(template, made)
    gender = describer.attributes["gender"]
    if gender is not None and _TELLING_PRONOUN.search(text):
        describer.claim("gender", (gender,))
    return text


_PARTS = {
    "hair": ("hair", "head", "features"),
    "face": ("head", "features"),
    "headwear": ("worn", "features"),
    "glasses": ("worn", "features"),
    "scarf": ("worn", "features"),
    "shoes": ("shoes", "outfit_and_shoes", "lower_and_shoes"),
    "lower": ("lower", "outfit", "outfit_and_shoes", "lower_and_shoes"),
    "bag": ("bag", "belongings"),
    "carried": ("carried", "belongings"),
    "doing": ("doing", "doing_or_here"),
}
_SAID = {
    "hair": 0.62, "face": 0.4, "headwear": 0.9, "glasses": 0.7, "scarf": 0.75, "shoes": 0.62,
    "lower": 0.95, "bag": 0.9, "carried": 0.75, "doing": 0.5,
}  # fmt: skip


def _things(describer: Describer, wanted: set[str]) -> dict[str, str]:
    """Make each elementary phrase that the template can use and that is to be said."""
    makers = {
        "hair": describer.hair, "face": describer.on_the_face, "headwear": describer.headwear,
        "glasses": describer.glasses, "scarf": describer.around_the_neck,
        "shoes": describer.shoes, "lower": describer.lower, "bag": describer.bag,
        "carried": describer.carried, "doing": describer.doing,
    }  # fmt: skip
    made = {
        name: maker() if set(_PARTS[name]) & wanted and describer.chance(_SAID[name]) else ""
        for name, maker in makers.items()
    }
    made["shoe_colour"] = describer.shoe_colour() if "shoe_colour" in wanted else ""
    made["upper_bare"] = describer.upper()
    return made


def _combinations(describer: Describer, made: Mapping[str, str]) -> dict[str, str]:
    bare = made["upper_bare"]
    upper = with_article(bare) if bare else "everyday clothes"
    worn = [made["headwear"], made["glasses"], made["scarf"]]
    describer.rng.shuffle(worn)
    head = listed([made["hair"], made["face"]])
    features = listed([made["hair"], made["face"], *worn])
    belongings = listed([made["bag"], made["carried"]])
    return {
        "upper_bare": bare or "everyday clothes",
        "upper": upper,
        "outfit": listed([upper, made["lower"]]),
        "outfit_and_shoes": listed([upper, made["lower"], made["shoes"]]),
        "lower_and_shoes": listed([made["lower"], made["shoes"]]),
        "head": head,
        "worn": listed(worn),
        "features": features,
        "belongings": belongings,
        "doing_or_here": made["doing"] or "in the picture",
    }


def _grammar(describer: Describer, wanted: set[str]) -> dict[str, str]:
    """Make the subject, its pronouns and the verbs that agree with them."""
    needs_pronoun = bool(wanted & {"they", "their", "them"})
    # A subject claims gender and age, so it is made only for a template that says it.
    person = describer.subject() if wanted & {"person", "a_person"} else ""
    if person == "someone" and "a_person" not in wanted:
        person = "person"
    they, their = describer.pronouns() if needs_pronoun else ("they", "their")
    plural = they == "they"
    them = {"he": "him", "she": "her", "they": "them"}[they]
    article = "" if person == "someone" else describer.pick(("a", "a", "the", "this"))
    a_person = with_article(person) if article == "a" else f"{article} {person}".strip()
    wears = ("is wearing", "wears", "is dressed in", "has on")
    return {
        "person": person,
        "a_person": a_person,
        "they": they,
        "their": their,
        "them": them,
        "has": "have" if plural else "has",
        "is": "are" if plural else "is",
        "is_singular": "is",
        "has_on": describer.pick(("has on", "sports")),
        "wears": describer.pick(wears),
        "they_wear": describer.pick(("wear", "are wearing", "have on") if plural else wears),
        "wears_plain": describer.pick(("wears", "is wearing", "has on")),
        "wears_too": "wear" if plural else "wears",
        "carries": describer.pick(
            ("carry", "are carrying", "have") if plural else ("carries", "is carrying", "has")
        ),
    }
