import re
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from tests.training.rendered_people.attribute_sets import random_attributes
from training.datasets.rendered_people import spelling
from training.datasets.rendered_people.attributes import (
    ANY,
    SLOT_INDEX,
    SLOTS,
    Attributes,
    agreement,
    encode_values,
)
from training.datasets.rendered_people.captions import Caption, full_caption, short_query
from training.datasets.rendered_people.templates import HELD_OUT, TRAINING

PICTURES = 5_000
GENDERED = re.compile(
    r"\b(man|woman|male|female|guy|gentleman|bloke|gent|chap|lady|gal|boy|girl|he|him|his|she|her|"
    r"fellow|fella|dude)\b|(?<![\w'-])[mf](?![\w'-])",
    re.IGNORECASE,
)
AGED = re.compile(
    r"\b(boy|girl|kid|child|youngster|elderly|old|older|aged|young|grown|adult|pensioner|senior)\b",
    re.IGNORECASE,
)
HELD_OUT_MARKS = (
    "look for", "that is what", "seen here", "what stands out", "can you find", "anyone matching",
    "chose today", "of all the people", "picture this", "my friend", "told to expect", "call me",
)  # fmt: skip
NOT_ENGLISH = (
    r"  ", r"\ba (?!one)[aeio]\w", r"\ba u[^n]", r"\ban [^aeiou]", r"[{}\[\]]",
    r" [,.;]", r"[,.;]{2}",
    r"\b(with|and|in|wearing|carrying|holding|a|an)[.,;]?$", r"\b(and|with) (and|with)\b",
    r"\b(\w+) \1\b", r"\b(a|an|the) (a|an|the|some)(?![\w-])",
    r"\b(wears|has|is|are|have) (wears|has|is)\b",
    r"short short", r"\ba (pair of )?a\b", r"\bin (dark|\w+ish|\w+[ -]coloured)( and\b|[,.;]|$)",
    r"\bthey (wears|has|is|carries)\b", r"\b(he|she) (wear|have|are|carry)\b", r"\bwho have\b",
    r"\b(\w+) and \1\b",
)  # fmt: skip

Write = Callable[[Attributes, np.random.Generator], Caption]


def _held_out(attributes: Attributes, rng: np.random.Generator) -> Caption:
    return full_caption(attributes, rng, held_out=True)


WRITERS = pytest.mark.parametrize("write", [full_caption, _held_out, short_query])


@pytest.fixture
def well_spelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "TYPO_RATE", 0.0)
    monkeypatch.setattr(spelling, "MISSPELLING_RATE", 0.0)


def _write_many(write: Write, count: int, seed: int) -> list[tuple[Attributes, Caption]]:
    rng = np.random.default_rng(seed)
    people = [random_attributes(rng) for _ in range(count)]
    return [(person, write(person, rng)) for person in people]


def _claimed(caption: Caption, slot: str) -> set[str] | None:
    mask = int(caption.claims[SLOT_INDEX[slot]])
    if mask == ANY:
        return None
    return {value for number, value in enumerate(SLOTS[slot]) if mask >> number & 1}


@WRITERS
def test_a_caption_is_true_of_its_own_picture(write: Write) -> None:
    for person, caption in _write_many(write, PICTURES, 1):
        assert agreement(caption.claims[None], encode_values(person)[None])[0, 0] == 1, caption


@WRITERS
def test_nothing_unseen_is_claimed(write: Write) -> None:
    for person, caption in _write_many(write, 1_000, 2):
        for slot, value in person.items():
            assert value is not None or _claimed(caption, slot) is None, (slot, caption)


@WRITERS
@pytest.mark.usefixtures("well_spelt")
def test_gender_and_age_are_claimed_only_where_a_word_says_so(write: Write) -> None:
    for _, caption in _write_many(write, PICTURES, 3):
        says_gender = bool(GENDERED.search(caption.text))
        assert (_claimed(caption, "gender") is not None) == says_gender, caption.text
        assert _claimed(caption, "age") is None or AGED.search(caption.text), caption.text


@WRITERS
@pytest.mark.usefixtures("well_spelt")
def test_captions_are_english(write: Write) -> None:
    for _, caption in _write_many(write, PICTURES, 4):
        for fault in NOT_ENGLISH:
            assert not re.search(fault, caption.text, re.IGNORECASE), (fault, caption.text)


@pytest.mark.usefixtures("well_spelt")
def test_held_out_openings_never_appear_in_training() -> None:
    assert len(TRAINING) >= 46
    assert len(HELD_OUT) == len(HELD_OUT_MARKS) == 12
    for _, caption in _write_many(full_caption, PICTURES, 5):
        assert not any(mark in caption.text.lower() for mark in HELD_OUT_MARKS), caption.text
    for _, caption in _write_many(_held_out, 1_000, 6):
        assert any(mark in caption.text.lower() for mark in HELD_OUT_MARKS), caption.text


@WRITERS
def test_the_same_seed_writes_the_same_captions(write: Write) -> None:
    first, second = (_write_many(write, 50, 7) for _ in range(2))
    assert [caption.text for _, caption in first] == [caption.text for _, caption in second]
    for (_, one), (_, other) in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.claims, other.claims)


def test_short_queries_speak_of_every_kind_of_thing() -> None:
    said: Counter[str] = Counter()
    for _, caption in _write_many(short_query, PICTURES, 8):
        slots = [slot for slot in SLOTS if _claimed(caption, slot) is not None]
        assert slots, caption.text
        said.update(slots)
    # "red" of a garment claims its shade, so the coarse colours of garments are never claimed.
    silent = {slot for slot in SLOTS if not said[slot]}
    assert silent == {"upper_colour", "lower_colour"}


# Words that tell a thing, or that there is none of it, written down from the meaning of the words.
TELLING = {
    "bag": r"bag|pack\b|bkpk|backpk|rucksack|knapsack|haversack|purse|pocketbook|satchel|"
    r"holdall|\btote\b|shopper|plastic carrier|case\b|trolley|to carry|carrying nothing|"
    r"carrying anything|hands empty|empty hands|nothing in the hands",
    "glasses": r"glasses|spectacle|specs|eyewear|sunnies|shades|\bgls\b|sungls",
    "mask": r"mask|face covering",
    "beard": r"beard|facial hair|whiskers|clean.shaven|shaved face",
    "scarf_colour": r"(?<!head)(?<!head )scarf(?! over the hair)|muffler|neckerchief",
    "front": r"\b(open|unzipped|unbuttoned|unfastened|undone)\b(?! umbrella| sandals)(?!-toed)",
    "carried": r"phone|cell\b|mobile|handset|device|book|folder|binder|paperback|notepad|diary|"
    r"journal|\bfile\b|paper|document(?! case)|leaflet|(?<!pillar )box|package|"
    r"parcel|carton|crate|container|\bcup\b|"
    r"coffee(?! brown|[ -]col)|\bmug\b|drink|beverage|bottle(?! green)|flask|umbr|brolly|parasol|"
    r"to carry|carrying nothing|carrying anything|hands empty|empty hands|nothing in the hands",
}


@WRITERS
@pytest.mark.usefixtures("well_spelt")
def test_a_slot_is_claimed_just_where_a_word_tells_it(write: Write) -> None:
    for _, caption in _write_many(write, 1_500, 12):
        text = caption.text.lower().replace("book bag", "bag").replace("pocketbook", "bag")
        for slot, words in TELLING.items():
            told = re.search(words, text) is not None
            assert (_claimed(caption, slot) is not None) == told, (slot, caption.text)


@pytest.mark.usefixtures("well_spelt")
def test_sentences_begin_with_capitals_unless_all_is_lower_case() -> None:
    for _, caption in _write_many(full_caption, 1_000, 13):
        if caption.text != caption.text.lower():
            assert re.match(r"[A-Z]", caption.text), caption.text
            assert not re.search(r"[.] [a-z]", caption.text), caption.text


@pytest.mark.usefixtures("well_spelt")
def test_captions_and_queries_use_many_words() -> None:
    texts = [
        caption.text.lower()
        for write in (full_caption, short_query)
        for _, caption in _write_many(write, 4_000, 14)
    ]
    words = Counter(word for text in texts for word in re.findall(r"[a-z]+", text))
    assert sum(count > 1 for count in words.values()) >= 900


def _ask_until(person: Attributes, text: str, write: Write = short_query) -> Caption:
    """Return the caption with exactly this text, whatever its case and full stop."""
    rng = np.random.default_rng(9)
    for _ in range(60_000):
        caption = write(person, rng)
        if caption.text.lower().removesuffix(".") == text:
            return caption
    raise AssertionError(f"never said: {text}")


WOMAN = {
    **dict.fromkeys(SLOTS, None), "gender": "woman", "age": "adult", "upper_type": "coat",
    "upper_colour": "red", "upper_shade": "dark red", "lower_type": "trousers",
    "lower_colour": "black", "lower_shade": "black", "bag": "none", "bag_colour": "none",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "woman in red coat",
            {
                "gender": {"woman"},
                "upper_type": {"coat", "jacket", "puffer jacket"},
                "upper_shade": {"red", "dark red"},
            },
        ),
        (
            "burgundy jacket",
            {
                "upper_type": {
                    "jacket", "puffer jacket", "denim jacket", "leather jacket", "coat",
                    "suit jacket",
                },
                "upper_shade": {"dark red"},
            },
        ),
        (
            "dark trousers",
            {
                "lower_type": {"trousers", "jeans", "leggings", "sweatpants"},
                "lower_shade": {"black", "dark grey", "dark blue", "dark brown", "dark green"},
            },
        ),
        ("someone with no bag", {"bag": {"none"}}),
        ("lady", {"gender": {"woman"}}),
    ],
)  # fmt: skip
def test_a_query_claims_exactly_what_its_words_say(text: str, said: dict[str, set[str]]) -> None:
    caption = _ask_until(WOMAN, text)
    claimed = {slot: _claimed(caption, slot) for slot in SLOTS}
    assert {slot: values for slot, values in claimed.items() if values is not None} == said


def test_all_in_black_is_true_of_a_black_dress() -> None:
    dress = {
        **WOMAN, "upper_type": "dress", "upper_colour": "black", "upper_shade": "black",
        "lower_type": "dress", "lower_colour": "none", "lower_shade": "none",
    }  # fmt: skip
    suit = {**WOMAN, "upper_type": "suit jacket", "upper_colour": "black", "upper_shade": "black"}
    caption = _ask_until(suit, "person all in black")
    pictures = np.stack([encode_values(person) for person in (suit, dress, WOMAN)])
    assert agreement(caption.claims[None], pictures)[0].tolist() == [1, 1, 0]


def test_hair_may_come_first() -> None:
    blonde = {**WOMAN, "hair_length": "long", "hair_colour": "blonde"}
    caption = _ask_until(blonde, "blonde woman")
    assert _claimed(caption, "hair_colour") == {"blonde"}
    assert _claimed(caption, "hair_length") is None
    assert _claimed(caption, "gender") == {"woman"}


def test_captions_have_the_length_of_human_ones() -> None:
    lengths = [len(caption.text.split()) for _, caption in _write_many(full_caption, 1_000, 10)]
    # People with one thing of every kind, which is more than pedestrians carry.
    assert 20 <= np.mean(lengths) <= 30
    assert min(lengths) <= 8


def test_a_typo_changes_letters_and_no_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "TYPO_RATE", 1.0)
    with_typos = _write_many(full_caption, 200, 11)
    for person, caption in with_typos:
        assert agreement(caption.claims[None], encode_values(person)[None])[0, 0] == 1
        assert "  " not in caption.text
