"""There are many templates of many structures; the held-out ones are kept from training."""

import re

import pytest

from training.datasets.rendered_people.sentences import PARTS, names_in
from training.datasets.rendered_people.templates import HELD_OUT, STRUCTURES, TRAINING

# Phrases that there may be nothing to say for; all others always have words.
MAY_BE_EMPTY = {
    "hair", "head", "features", "worn", "shoes", "shoe_colour", "lower", "lower_and_shoes", "bag",
    "carried", "belongings", "doing", "lacking",
}  # fmt: skip
EVERY_TEMPLATE = pytest.mark.parametrize("template", [*TRAINING, *HELD_OUT])


def test_no_template_is_both_for_training_and_for_testing() -> None:
    assert len(set(TRAINING)) == len(TRAINING) >= 46
    assert len(set(HELD_OUT)) == len(HELD_OUT) >= 10
    assert not set(TRAINING) & set(HELD_OUT)


def test_templates_have_many_structures() -> None:
    assert set(STRUCTURES) == {
        "one sentence", "two or three sentences", "wearing first", "upper body first",
        "lower body first", "hair or face first", "belongings first", "there is", "passive",
        "participles", "past", "lists", "what is missing",
    }  # fmt: skip
    assert all(len(templates) >= 3 for templates in STRUCTURES.values())
    assert sum(map(len, STRUCTURES.values())) == len(TRAINING)


@pytest.mark.parametrize(
    ("structure", "form"),
    [
        ("one sentence", r"^[^.]*$"),
        ("two or three sentences", r"[.;] "),
        ("wearing first", r"^(wearing|dressed in|sporting) \{(outfit|upper)\}"),
        ("upper body first", r"^(\{upper|the upper body|on top)"),
        ("lower body first", r"lower(_and_shoes)?\}.*\{upper\}"),
        ("hair or face first", r"(head|hair|features)\}.*\{(upper|outfit)"),
        ("belongings first", r"belongings\}.*\{outfit"),
        ("there is", r"there is \{some_person\}"),
        ("passive", r" is (being )?(worn|clothed|pictured)|be seen|be made out"),
        ("participles", r"(wearing|having|carrying|showing|holding|\{Doing\},)"),
        ("past", r"\{wore\}|\{they_wore\}| was | had | saw | caught "),
        ("lists", r"^\{person\}[^.]*$|^\w+( body)?: "),
        ("what is missing", r"\{lacking\}"),
    ],
)
def test_a_template_has_the_form_its_structure_is_named_for(structure: str, form: str) -> None:
    for template in STRUCTURES[structure]:
        assert re.search(form, template, re.IGNORECASE), template


@EVERY_TEMPLATE
def test_a_template_says_no_thing_twice(template: str) -> None:
    names = names_in(template)
    for thing, phrases in PARTS.items():
        if thing == "lower":
            phrases = phrases | {"outfit"}
        assert sum(name in phrases for name in names) <= 1, thing
    upper = {"upper", "upper_bare", "outfit", "outfit_and_shoes"}
    assert sum(name in upper for name in names) == 1


@EVERY_TEMPLATE
def test_what_may_be_empty_is_optional_by_itself(template: str) -> None:
    always = re.sub(r"\[[^\[\]]*\]", "", template)
    assert not MAY_BE_EMPTY & set(names_in(always))
    # A subject claims gender and age as soon as it is made.
    subjects = {"person", "a_person", "some_person"}
    assert subjects & set(names_in(template)) <= set(names_in(always))
    for optional in re.findall(r"\[([^\[\]]*)\]", template):
        # With two of them, one that is empty would leave the other claimed and unsaid.
        assert sum(name in MAY_BE_EMPTY for name in names_in(optional)) == 1, optional
    assert template.count("[") == template.count("]") == len(re.findall(r"\[[^\[\]]*\]", template))
