"""Captions are true of their pictures, claim exactly what they say, and read like English."""

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from training.datasets.rendered_people.attributes import (
    ANY,
    NONE,
    SHADES,
    SLOT_INDEX,
    SLOT_NAMES,
    SLOTS,
    Attributes,
    agreement,
    encode_values,
    permit,
)
from training.datasets.rendered_people.captions import Caption, full_caption, short_query
from training.datasets.rendered_people.phrases import Describer
from training.datasets.rendered_people.queries import KINDS
from training.datasets.rendered_people.templates import HELD_OUT, TRAINING, fill_template

PEOPLE = 2000


def anybody(rng: np.random.Generator) -> dict[str, str | None]:
    """Draw every slot evenly, tie together what belongs together, hide a fifth of it."""
    seen: dict[str, str | None] = {
        slot: values[int(rng.integers(len(values)))] for slot, values in SLOTS.items()
    }
    seen["upper_colour"] = SHADES[str(seen["upper_shade"])].colour
    if seen["upper_type"] == "dress" or seen["lower_type"] == "dress":
        seen |= {"upper_type": "dress", "lower_type": "dress"}
        seen |= dict.fromkeys(("lower_colour", "lower_shade", "lower_pattern"), NONE)
    else:
        shades = tuple(SHADES)
        shade = shades[int(rng.integers(len(shades)))]
        seen |= {"lower_shade": shade, "lower_colour": SHADES[shade].colour}
    for thing in ("bag", "headwear", "carried"):
        if seen[thing] == NONE:
            seen[f"{thing}_colour"] = NONE
    garments = [
        [slot for slot in SLOT_NAMES if slot.startswith(part)] for part in ("upper_", "lower_")
    ]
    others = [[slot] for slot in SLOT_NAMES if not slot.startswith(("upper_", "lower_"))]
    for slots in [*garments, *others]:
        if rng.random() < 0.2:
            seen |= dict.fromkeys(slots)
    return seen


@cache
def described() -> list[tuple[dict[str, str | None], Caption]]:
    rng = np.random.default_rng(7)
    pairs = []
    for _ in range(PEOPLE):
        seen = anybody(rng)
        pairs += [
            (seen, full_caption(seen, rng)),
            (seen, full_caption(seen, rng, held_out=True)),
            (seen, short_query(seen, rng)),
        ]
    return pairs


def texts() -> Iterator[str]:
    return (caption.text for _, caption in described())


def plain(**seen: str) -> Attributes:
    """Return a person of whom only this is seen."""
    return {slot: seen.get(slot) for slot in SLOT_NAMES}


def test_a_caption_is_true_of_its_own_picture() -> None:
    wrong = [
        caption.text
        for seen, caption in described()
        if agreement(caption.claims[None], encode_values(seen)[None])[0, 0] != 1
    ]
    assert wrong == []


def test_what_is_not_seen_is_not_claimed() -> None:
    for seen, caption in described():
        hidden = [SLOT_INDEX[slot] for slot in SLOT_NAMES if seen[slot] is None]
        assert (caption.claims[hidden] == ANY).all(), caption.text


@pytest.mark.parametrize(
    ("word", "slot"),
    [
        ("backpack", "bag"),
        ("helmet", "headwear"),
        ("sunglasses", "glasses"),
        ("ponytail", "hair_length"),
        ("she", "gender"),
        ("umbrella", "carried"),
        ("beard", "beard"),
    ],
)
def test_what_is_said_is_claimed(word: str, slot: str) -> None:
    saying = [
        caption for _, caption in described() if re.search(rf"\b{word}\b", caption.text.lower())
    ]
    assert saying
    assert all(caption.claims[SLOT_INDEX[slot]] != ANY for caption in saying)


def test_a_phrase_claims_the_values_it_is_true_of() -> None:
    seen = plain(upper_type="sweater", upper_shade="dark blue", upper_pattern="plain")
    for draw in range(200):
        describer = Describer(seen, np.random.default_rng(draw))
        if describer.upper(0.0) == "navy pullover":
            break
    else:
        pytest.fail("the grammar never says navy pullover")
    expected = dict.fromkeys(SLOT_NAMES, ANY)
    # A pullover may be a sweater (the fifth type) or a hoodie (the sixth); navy is one shade.
    expected["upper_type"] = (1 << 4) | (1 << 5)
    expected["upper_shade"] = 1 << list(SHADES).index("dark blue")
    assert describer.claims.tolist() == list(expected.values())


def test_a_dark_garment_may_have_one_of_five_shades() -> None:
    seen = plain(lower_type="trousers", lower_shade="black", lower_colour="black")
    claims = set()
    for draw in range(300):
        describer = Describer(seen, np.random.default_rng(draw))
        if re.search(r"\bdark\b", describer.lower()):
            claims.add(int(describer.claims[SLOT_INDEX["lower_shade"]]))
    dark = ["black", "dark grey", "dark blue", "dark brown", "dark green"]
    assert claims == {sum(1 << list(SHADES).index(shade) for shade in dark)}


def test_a_query_may_say_that_something_is_missing() -> None:
    seen = plain(gender="man", age="adult", bag=NONE)
    queries = [short_query(seen, np.random.default_rng(draw)) for draw in range(300)]
    without = [query for query in queries if query.claims[SLOT_INDEX["bag"]] != ANY]
    assert without
    said = [re.search(r"\b(without|no|not)\b", query.text.lower()) is not None for query in without]
    assert np.mean(said) > 0.9  # the rest is misspelt
    assert {int(query.claims[SLOT_INDEX["bag"]]) for query in without} == {permit("bag", [NONE])}


def test_every_kind_of_query_is_asked() -> None:
    rng = np.random.default_rng(3)
    people = [anybody(rng) for _ in range(300)]
    asked = {
        kind.__qualname__ + str(number)
        for number, (kind, _) in enumerate(KINDS)
        for seen in people
        if kind(Describer(seen, rng))
    }
    assert len(asked) == len(KINDS)


def test_held_out_templates_are_kept_from_training() -> None:
    assert not set(TRAINING) & set(HELD_OUT)
    markers = ("look for", "stands out", "seen here", "can you find", "has chosen", "there is ")
    rng = np.random.default_rng(5)
    training = " | ".join(full_caption(anybody(rng), rng).text.lower() for _ in range(1500))
    held_out = " | ".join(
        full_caption(anybody(rng), rng, held_out=True).text.lower() for _ in range(500)
    )
    assert [marker for marker in markers if marker in training] == []
    assert [marker for marker in markers if marker not in held_out] == []


def test_a_template_leaves_out_what_is_not_there() -> None:
    template = "{A_person}[ with {bag}][, {doing}][. {They} wears {hat} and {bag}]"
    phrases = {"a_person": "a man", "bag": "a bag", "doing": "", "they": "he", "hat": ""}
    assert fill_template(template, phrases) == "A man with a bag"
    whole = phrases | {"doing": "running", "hat": "a cap"}
    assert fill_template(template, whole) == "A man with a bag, running. He wears a cap and a bag"


@pytest.mark.parametrize(
    "fault",
    [
        r"  ",
        r"[{}\[\]]",
        r"\ba [aeio]\w",
        r"\ban [bcdfgjklmnpqrstvwxyz]\w",
        r"\b(and|with|wearing|in|carrying)[.,;]?$",
        r"\b(with|wearing|carrying) (and|with)\b",
        r"\b(?!short\b)(\w+) \1\b",
        r"None",
    ],
)
def test_captions_have_no_faults_of_grammar(fault: str) -> None:
    spelt = [text for text in texts() if text.lower() == text or not text.isupper()]
    typos = 0.03
    faulty = [text for text in spelt if re.search(fault, text)]
    # A misspelling may make "an oange" look wrong; nothing else may.
    assert len(faulty) <= typos * len(spelt) * 0.02, faulty[:5]


def test_captions_are_as_long_as_people_write_them() -> None:
    rng = np.random.default_rng(9)
    words = [len(full_caption(anybody(rng), rng).text.split()) for _ in range(1000)]
    assert 16 < np.mean(words) < 28
    queries = [len(short_query(anybody(rng), rng).text.split()) for _ in range(1000)]
    assert 3 < np.mean(queries) < 9


def test_the_same_seed_writes_the_same_captions() -> None:
    seen = anybody(np.random.default_rng(1))
    first, second = (full_caption(seen, np.random.default_rng(4)) for _ in range(2))
    assert first.text == second.text
    assert (first.claims == second.claims).all()
