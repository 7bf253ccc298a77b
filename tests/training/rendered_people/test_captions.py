import re
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from tests.training.rendered_people.attribute_sets import random_attributes
from training.datasets.rendered_people import captions
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
    r"\b(man|woman|male|female|guy|gentleman|bloke|gent|chap|lady|gal|boy|girl|he|him|his|she|her)\b",
    re.IGNORECASE,
)
AGED = re.compile(r"\b(boy|girl|kid|child|elderly|old|older|young)\b", re.IGNORECASE)
HELD_OUT_MARKS = (
    "there is", "look for", "that is what", "seen here", "what stands out", "can you find",
)  # fmt: skip
NOT_ENGLISH = (
    r"  ", r"\ba [aeio]\w", r"\ban [^aeiouh\W]", r"[{}\[\]]", r" [,.;]", r"[,.;]{2}",
    r"\b(with|and|in|wearing|carrying|holding|a|an)[.,;]?$", r"\b(and|with) (and|with)\b",
    r"\bthey (wears|has|is|carries)\b", r"\b(he|she) (wear|have|are|carry)\b", r"\bwho have\b",
    r"\b(\w+) and \1\b",
)  # fmt: skip

Write = Callable[[Attributes, np.random.Generator], Caption]


def _held_out(attributes: Attributes, rng: np.random.Generator) -> Caption:
    return full_caption(attributes, rng, held_out=True)


WRITERS = pytest.mark.parametrize("write", [full_caption, _held_out, short_query])


@pytest.fixture
def well_spelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "_TYPO_RATE", 0.0)


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
    assert len(TRAINING) >= 24
    assert len(HELD_OUT) == 6
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
            "person in dark trousers",
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
    monkeypatch.setattr(captions, "_TYPO_RATE", 1.0)
    with_typos = _write_many(full_caption, 200, 11)
    for person, caption in with_typos:
        assert agreement(caption.claims[None], encode_values(person)[None])[0, 0] == 1
        assert "  " not in caption.text
