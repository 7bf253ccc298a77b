"""A negated form is true where the thing is seen to be missing, and false where it is seen."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.training.rendered_people.attribute_sets import only, random_attributes
from training.datasets.rendered_people import spelling
from training.datasets.rendered_people.absences import lacking, without
from training.datasets.rendered_people.attributes import (
    ANY,
    SLOT_INDEX,
    SLOTS,
    Attributes,
    agreement,
    encode_values,
)
from training.datasets.rendered_people.captions import Caption, full_caption, short_query
from training.datasets.rendered_people.phrases import Describer

Write = Callable[[Attributes, np.random.Generator], Caption]
NO = r"\b(no|without|not wearing|not carrying|lacking|minus)( an?| any)? "
# What each negated form denies, written down here from the meaning of the words.
DENIED: list[tuple[str, dict[str, set[str]]]] = [
    (NO + r"(bags?|bag of any kind)\b", {"bag": set(SLOTS["bag"]) - {"none"}}),
    (NO + r"(backpack|rucksack)\b", {"bag": {"backpack"}}),
    (NO + r"suitcase\b", {"bag": {"suitcase"}}),
    (NO + r"(hat|hat or cap)\b", {"headwear": {"cap", "beanie", "brimmed hat"}}),
    (NO + r"(baseball )?cap\b", {"headwear": {"cap"}}),
    (NO + r"(helmet|hard hat)\b", {"headwear": {"helmet"}}),
    (NO + r"(headgear|headwear)\b", {"headwear": set(SLOTS["headwear"]) - {"none"}}),
    (NO + r"(glasses|spectacles)\b", {"glasses": {"glasses", "sunglasses"}}),
    (NO + r"(sunglasses|shades)\b", {"glasses": {"sunglasses"}}),
    (NO + r"scarf\b", {"scarf_colour": set(SLOTS["scarf_colour"]) - {"none"}}),
    (NO + r"(face )?(mask|covering)\b", {"mask": {"yes"}}),
    (NO + r"(beard|facial hair)\b|clean.shaven|beardless|shaved face", {"beard": {"yes"}}),
    (NO + r"(umbrella|brolly)\b", {"carried": {"umbrella"}}),
    (NO + r"(mobile )?phone\b", {"carried": {"phone"}}),
    (NO + r"(box|parcel)\b", {"carried": {"box"}}),
    (
        NO + r"jacket\b",
        {"upper_type": {"jacket", "puffer jacket", "denim jacket", "leather jacket", "coat",
                        "suit jacket"}},
    ),
    (NO + r"coat\b", {"upper_type": {"coat", "jacket", "puffer jacket"}}),
    (NO + r"hoodie\b", {"upper_type": {"hoodie"}}),
    (NO + r"dress\b", {"upper_type": {"dress"}}),
    (NO + r"skirt\b", {"lower_type": {"skirt"}}),
    (NO + r"(jeans|denims)\b", {"lower_type": {"jeans"}}),
    (NO + r"shorts\b", {"lower_type": {"shorts"}}),
    (
        r"empty|nothing in the hands",
        {"carried": set(SLOTS["carried"]) - {"none"},
         "bag": {"handbag", "plastic bag", "briefcase", "suitcase"}},
    ),
    (
        r"not carrying anything|carrying nothing|nothing to carry|anything to carry|or carrying",
        {"carried": set(SLOTS["carried"]) - {"none"}, "bag": set(SLOTS["bag"]) - {"none"}},
    ),
    (r"bare ?head|nothing on the head", {"headwear": set(SLOTS["headwear"]) - {"none"}}),
]  # fmt: skip


def phrases(count: int, seed: int) -> list[tuple[str, Describer]]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        describer = Describer(random_attributes(rng), rng)
        made.append(((lacking, without)[number % 2](describer), describer))
    return [(words, describer) for words, describer in made if words]


def denied_by(words: str) -> dict[str, set[str]]:
    words = words.replace("who has no ", "no ").replace("with no ", "no ")
    found = [denied for form, denied in DENIED if re.search(form, words)]
    assert len(found) == 1 or found[:1] == found[1:], (words, found)
    return found[0]


def test_a_negated_form_denies_exactly_what_its_words_name() -> None:
    made = phrases(6_000, 1)
    said = set()
    for words, describer in made:
        expected = np.full(len(SLOTS), ANY, np.int32)
        for slot, values in denied_by(words).items():
            kept = [n for n, value in enumerate(SLOTS[slot]) if value not in values]
            expected[SLOT_INDEX[slot]] = sum(1 << number for number in kept)
        assert describer.claims.tolist() == expected.tolist(), words
        said.add(str(denied_by(words)))
    assert len(said) == len({str(denied) for _, denied in DENIED})


def test_a_negated_form_is_false_of_a_crop_that_shows_the_thing() -> None:
    for words, describer in phrases(2_000, 2):
        assert agreement(describer.claims[None], encode_values(describer.attributes)[None])[0] == 1
        for slot, values in denied_by(words).items():
            for value in values:
                shown = only(**{slot: value})
                assert agreement(describer.claims[None], encode_values(shown)[None])[0, 0] == 0


def test_nothing_is_missing_where_nothing_is_seen() -> None:
    for draw in range(200):
        describer = Describer(only(gender="man"), np.random.default_rng(draw))
        assert lacking(describer) == ""
        assert without(describer) == ""
        assert (describer.claims == ANY).all()


def test_only_grown_men_have_no_beard() -> None:
    for words, describer in phrases(6_000, 3):
        if describer.claims[SLOT_INDEX["beard"]] != ANY:
            assert describer.attributes["gender"] == "man", words
            assert describer.attributes["age"] != "child", words


@pytest.mark.parametrize(("write", "least"), [(full_caption, 0.02), (short_query, 0.04)])
def test_captions_and_queries_say_what_is_missing(
    write: Write, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spelling, "TYPO_RATE", 0.0)
    rng = np.random.default_rng(4)
    texts = [write(random_attributes(rng), rng).text.lower() for _ in range(2_000)]
    negated = [re.search(rf"{NO}(?!hair)|nothing|empty|shaven", text) is not None for text in texts]
    assert least < np.mean(negated) < 0.2
