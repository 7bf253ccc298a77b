"""A word claims the same wherever it is said, and no value lacks words."""

import pytest

from training.datasets.rendered_people import garment_words, person_words, wording
from training.datasets.rendered_people.attributes import COLOURS, NONE, SHADES, SLOTS
from training.datasets.rendered_people.wording import Wordings, lexicon, permitted_by

LEXICONS: dict[str, dict[str, Wordings]] = {
    "upper_shade": wording.SHADE_WORDS,
    "bag_colour": wording.COLOUR_WORDS,
    "upper_type": garment_words.UPPER,
    "lower_type": garment_words.LOWER,
    "shoe_type": garment_words.SHOES,
    "upper_pattern": garment_words.PATTERN,
    "bag": person_words.BAGS,
    "headwear": person_words.HEADWEAR,
    "glasses": person_words.GLASSES,
    "carried": person_words.CARRIED,
    "hair_colour": person_words.HAIR_COLOUR,
}
WITHOUT_WORDS = {NONE, "dress", "hood"}  # said in other ways, or by saying nothing
EVERY_SLOT = pytest.mark.parametrize("slot", LEXICONS)


def test_a_word_permits_every_value_that_lists_it() -> None:
    made = lexicon({"coat": "coat*2, parka", "jacket": "jacket, coat"})
    assert made == {
        "coat": (
            ("coat", ("coat", "jacket")),
            ("coat", ("coat", "jacket")),
            ("parka", ("coat",)),
        ),
        "jacket": (("jacket", ("jacket",)), ("coat", ("coat", "jacket"))),
    }
    assert permitted_by("coat", made) == ("coat", "jacket")
    assert permitted_by("anorak", made) == ()


@EVERY_SLOT
def test_every_value_has_several_words_and_no_others_have(slot: str) -> None:
    words = LEXICONS[slot]
    assert set(words) <= set(SLOTS[slot])
    assert set(SLOTS[slot]) - set(words) <= WITHOUT_WORDS
    assert all(len(set(wordings)) >= 3 for wordings in words.values())


@EVERY_SLOT
def test_words_are_lower_case_without_stray_spaces(slot: str) -> None:
    for wordings in LEXICONS[slot].values():
        for words, _ in wordings:
            assert words
            assert words == " ".join(words.lower().split())


@pytest.mark.parametrize(
    ("words", "shades"),
    [
        ("red", {"red", "dark red"}),
        ("navy", {"dark blue"}),
        ("dark", {"black", "dark grey", "dark blue", "dark brown", "dark green"}),
        ("light coloured", {"white", "light grey", "beige", "light blue"}),
        ("crimson", {"red", "dark red"}),
        ("scarlet", {"red"}),
        ("khaki", {"beige", "tan", "olive"}),
        ("charcoal", {"dark grey"}),
        ("maroon", {"dark red"}),
        ("green", {"green", "dark green", "olive", "bright green", "teal"}),
    ],
)
def test_a_colour_word_permits_the_shades_it_is_true_of(words: str, shades: set[str]) -> None:
    assert set(permitted_by(words, wording.SHADE_WORDS)) == shades


@pytest.mark.parametrize("colour", COLOURS)
def test_a_basic_colour_permits_all_its_shades_and_no_other(colour: str) -> None:
    shades = {name for name, shade in SHADES.items() if shade.colour == colour}
    assert set(permitted_by(colour, wording.SHADE_WORDS)) == shades
    assert permitted_by(colour, wording.COLOUR_WORDS) == (colour,)


@pytest.mark.parametrize(
    ("slot", "words", "kinds"),
    [
        ("upper_type", "coat", {"coat", "jacket", "puffer jacket"}),
        ("upper_type", "shirt", {"t-shirt", "shirt", "blouse"}),
        ("upper_type", "anorak", {"jacket", "puffer jacket"}),
        ("upper_type", "blazer", {"suit jacket"}),
        ("upper_type", "top", set(SLOTS["upper_type"]) - {"dress"}),
        ("lower_type", "trousers", {"trousers", "jeans", "leggings", "sweatpants"}),
        ("lower_type", "slacks", {"trousers"}),
        ("lower_type", "bottoms", set(SLOTS["lower_type"]) - {"dress"}),
        ("bag", "bag", set(SLOTS["bag"]) - {NONE}),
        ("bag", "satchel", {"crossbody bag"}),
        ("bag", "shopping bag", {"plastic bag", "tote bag"}),
        ("headwear", "hat", {"cap", "beanie", "brimmed hat"}),
        ("headwear", "hard hat", {"helmet"}),
        ("glasses", "eyewear", {"glasses", "sunglasses"}),
        ("carried", "a drink", {"cup", "bottle"}),
        ("hair_colour", "dark", {"black", "brown"}),
    ],
)
def test_a_name_permits_the_kinds_it_is_true_of(slot: str, words: str, kinds: set[str]) -> None:
    assert set(permitted_by(words, LEXICONS[slot])) == kinds


def test_the_basic_word_for_a_colour_is_the_commonest() -> None:
    for colour in COLOURS:
        wordings = [words for words, _ in wording.SHADE_WORDS[colour]]
        assert max(set(wordings), key=wordings.count) == colour
