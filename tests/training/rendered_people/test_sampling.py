from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from tests.training.rendered_people.sightings import SEED
from training.datasets.rendered_people.attributes import SHADES, SLOTS
from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.population import member
from training.datasets.rendered_people.tints import contrasting, tint
from training.datasets.rendered_people.wardrobe import choose

IDENTITY_SLOTS = set(SLOTS) - {"pose", "view"}


@pytest.fixture(scope="module")
def people() -> Sequence[Person]:
    return [member(SEED, person_id) for person_id in range(3000)]


def test_a_person_has_every_slot_but_pose_and_view(people: Sequence[Person]) -> None:
    for person in people:
        assert set(person.attributes) == IDENTITY_SLOTS
        for slot, value in person.attributes.items():
            assert value in SLOTS[slot]


def test_every_value_occurs(people: Sequence[Person]) -> None:
    for slot in IDENTITY_SLOTS:
        assert {person.attributes[slot] for person in people} == set(SLOTS[slot]), slot


def test_men_and_women_are_equally_frequent(people: Sequence[Person]) -> None:
    women = sum(person.is_woman for person in people)
    assert 1400 < women < 1600  # 3.6 standard deviations of a fair coin around 1,500


def test_shades_agree_with_colours(people: Sequence[Person]) -> None:
    for person in people:
        attributes = person.attributes
        assert attributes["upper_colour"] == SHADES[attributes["upper_shade"]].colour
        if attributes["lower_shade"] != "none":
            assert attributes["lower_colour"] == SHADES[attributes["lower_shade"]].colour


def test_things_have_a_colour_exactly_if_they_are_there(people: Sequence[Person]) -> None:
    for person in people:
        for thing in ("bag", "headwear", "carried"):
            there = person.attributes[thing] != "none"
            assert there == (person.attributes[f"{thing}_colour"] != "none")


def test_a_dress_is_upper_and_lower_garment(people: Sequence[Person]) -> None:
    for person in people:
        attributes = person.attributes
        assert (attributes["upper_type"] == "dress") == (attributes["lower_type"] == "dress")
        if attributes["lower_type"] in ("dress", "skirt"):
            assert attributes["gender"] == "woman"
            assert attributes["hem_length"] in ("short", "long")


def test_beards_are_for_men(people: Sequence[Person]) -> None:
    bearded = [person for person in people if person.attributes["beard"] == "yes"]
    assert bearded
    assert not any(person.is_woman for person in bearded)


def test_patterns_of_two_colours_name_the_second(people: Sequence[Person]) -> None:
    for person in people:
        attributes = person.attributes
        if attributes["upper_pattern"] not in ("plain", "camouflage"):
            assert attributes["upper_second_colour"] != "none"


def test_the_second_colour_stands_out(people: Sequence[Person]) -> None:
    for person in people:
        palette = person.style.palette
        difference = sum(
            abs(a - b) for a, b in zip(palette.upper, palette.upper_second, strict=True)
        )
        assert difference > 100


def test_choose_draws_by_weight_and_never_what_weighs_nothing() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(choose(rng, {"a": 1, "b": 0, "c": 3}) for _ in range(4000))
    assert drawn["b"] == 0
    assert 2890 < drawn["c"] < 3110  # 4 standard deviations around 3,000


def test_a_tint_stays_near_its_shade() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        red, green, blue = tint("red", rng)
        assert red > 140
        assert green < 100
        assert blue < 100


def test_contrasting_names_the_shade_of_its_colour() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        name, colour = contrasting((128, 128, 128), rng)
        nearest = min(
            sum(abs(a - b) for a, b in zip(colour, example, strict=True))
            for example in SHADES[name].examples
        )
        assert nearest < 120
