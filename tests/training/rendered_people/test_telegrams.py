"""Telegrams are a few things in a row, whose short forms claim what the long ones do."""

import re

import numpy as np

from tests.training.rendered_people.attribute_sets import only, random_attributes
from training.datasets.rendered_people.attributes import ANY, SLOT_INDEX, SLOTS, permit
from training.datasets.rendered_people.phrases import Describer
from training.datasets.rendered_people.telegrams import telegram

WOMAN = only(
    gender="woman", upper_type="coat", upper_shade="red", bag="backpack", bag_colour="black"
)


def telegrams(seen: dict[str, str | None], draws: int) -> list[tuple[str, Describer]]:
    made = []
    for draw in range(draws):
        describer = Describer(seen, np.random.default_rng(draw))
        made.append((telegram(describer), describer))
    return [(words, describer) for words, describer in made if words]


def test_a_telegram_claims_what_its_short_words_say() -> None:
    exact = [
        describer
        for words, describer in telegrams(WOMAN, 12_000)
        if re.fullmatch(r"red (ct|coat)\W+blk (bkpk|backpk|backpack)\W+[fF]", words)
    ]
    assert exact
    expected = dict.fromkeys(SLOTS, ANY)
    expected["gender"] = permit("gender", ["woman"])
    expected["upper_type"] = permit("upper_type", ["coat", "jacket", "puffer jacket"])
    expected["upper_shade"] = permit("upper_shade", ["red", "dark red"])
    expected["bag"] = permit("bag", ["backpack"])
    expected["bag_colour"] = permit("bag_colour", ["black"])
    for describer in exact:
        assert describer.claims.tolist() == list(expected.values())


def test_a_telegram_has_no_verbs_and_no_leading_articles() -> None:
    rng = np.random.default_rng(5)
    made = [telegram(Describer(random_attributes(rng), rng)) for _ in range(2_000)]
    told = [words for words in made if words]
    assert len(told) > 1_500
    for words in told:
        assert not re.search(r"\b(is|are|has|have|wears|carries)\b", words), words
        assert not re.match(r"(an?|the|some) ", words), words


def test_gender_is_claimed_where_a_letter_or_a_word_says_so() -> None:
    rng = np.random.default_rng(6)
    letters = set()
    for _ in range(2_000):
        describer = Describer(random_attributes(rng), rng)
        words = telegram(describer)
        said = re.findall(r"(?<![\w'-])(m|f|male|female|man|woman)(?![\w'-])", words.lower())
        assert (describer.claims[SLOT_INDEX["gender"]] != ANY) == bool(said), words
        letters.update(said)
    assert letters == {"m", "f", "male", "female", "man", "woman"}


def test_one_thing_alone_is_no_telegram() -> None:
    assert telegrams(only(hair_length="long"), 200) == []
