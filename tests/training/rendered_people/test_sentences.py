"""Templates are filled with phrases that agree with each other."""

import re

import numpy as np
import pytest

from tests.training.rendered_people.attribute_sets import only
from training.datasets.rendered_people.attributes import ANY, SLOT_INDEX, Attributes
from training.datasets.rendered_people.phrases import Describer
from training.datasets.rendered_people.sentences import fill_template, listed, speak

WOMAN = only(
    gender="woman", age="adult", upper_type="coat", upper_shade="red", lower_type="jeans",
    lower_shade="blue", hair_length="long", bag="none", headwear="none", glasses="none",
)  # fmt: skip


def spoken(template: str, seen: Attributes = WOMAN, draws: int = 60) -> list[tuple[str, Describer]]:
    made = []
    for draw in range(draws):
        describer = Describer(seen, np.random.default_rng(draw))
        made.append((speak(describer, template), describer))
    return made


def test_a_template_leaves_out_what_is_not_there() -> None:
    template = "{A_person}[ with {bag}][, {doing}][. {They} wears {hat} and {bag}]"
    phrases = {"a_person": "a man", "bag": "a bag", "doing": "", "they": "he", "hat": ""}
    assert fill_template(template, phrases) == "A man with a bag"
    whole = phrases | {"doing": "running", "hat": "a cap"}
    assert fill_template(template, whole) == "A man with a bag, running. He wears a cap and a bag"


def test_a_template_that_names_an_unknown_phrase_is_refused() -> None:
    with pytest.raises(KeyError, match="hat"):
        fill_template("a {hat}", {"bag": "a bag"})


def test_parts_are_listed_with_an_and_before_the_last() -> None:
    assert listed(["a", "", "b", "c"]) == "a, b and c"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["", "a"]) == "a"
    assert listed([]) == ""


def test_verbs_agree_with_pronouns() -> None:
    for text, _ in spoken("{They} {has} {upper}, {they} {was} here and {they} {is} there"):
        assert re.search(r"^(She has .*she was .*she is|They have .*they were .*they are) ", text)


def test_a_pronoun_claims_gender_and_they_claims_none() -> None:
    said = set()
    for text, describer in spoken("{They} {they_wear} {upper}"):
        claimed = int(describer.claims[SLOT_INDEX["gender"]])
        assert claimed == (1 << 1 if text.startswith("She") else ANY)
        said.add(text.split()[0])
    assert said == {"She", "They"}


def test_what_is_missing_is_said_only_where_it_is_seen_to_be_missing() -> None:
    template = "{They} {they_wear} {upper}[ and {lacking}]"
    assert any(" and no " in text for text, _ in spoken(template))
    unknown = only(upper_type="dress", upper_shade="red")
    for text, _ in spoken(template, unknown):
        # All that is known to be missing from a dress is other garments.
        assert not re.search(r"no (?!jacket|coat|hoodie)", text), text
