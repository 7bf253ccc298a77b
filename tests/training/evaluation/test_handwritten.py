"""Handwritten queries claim what their words say, and say it in words of their own."""

import re

import numpy as np
import numpy.typing as npt
import pytest

from tests.training.rendered_people.attribute_sets import only
from training.captioning import write_full_captions, write_short_queries
from training.datasets.rendered_people.attributes import (
    ANY,
    SLOTS,
    agreement,
    encode_values,
)
from training.datasets.rendered_people.sampling import sample_person
from training.evaluation.handwritten import GROUP, handwritten_queries
from training.evaluation.named_queries import NamedQuery

QUERIES = handwritten_queries()
EVERY_QUERY = pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.text)


def _people(count: int, seed: int) -> npt.NDArray[np.int8]:
    rng = np.random.default_rng(seed)
    seen = {"pose": "walking", "view": "front"}
    people = (sample_person(number, rng).attributes for number in range(count))
    return np.stack([encode_values({**attributes, **seen}) for attributes in people])


def _word_sequences(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z'-]+", text.lower())
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))


def test_there_are_forty_different_ones() -> None:
    assert len({query.text for query in QUERIES}) == 40
    assert {query.group for query in QUERIES} == {GROUP}


@EVERY_QUERY
def test_claims_name_slots_and_values_that_exist(query: NamedQuery) -> None:
    assert query.permitted
    for slot, values in query.permitted.items():
        assert values
        assert set(values) < set(SLOTS[slot])
    claimed = query.claims() != ANY
    assert [slot for slot, said in zip(SLOTS, claimed, strict=True) if said] == sorted(
        query.permitted, key=list(SLOTS).index
    )


def test_a_query_is_true_of_what_it_says_and_of_nothing_else() -> None:
    query = next(query for query in QUERIES if "school" not in query.text and "boy" in query.text)
    boy = only(gender="man", age="child", bag="backpack")
    others = [{**boy, "gender": "woman"}, {**boy, "age": "adult"}, {**boy, "bag": "suitcase"}]
    people = np.stack([encode_values(person) for person in (boy, *others)])
    assert agreement(query.claims()[None], people)[0].tolist() == [1, 0, 0, 0]


def test_five_hundred_people_hold_somebody_for_each_and_few_for_most() -> None:
    claims = np.stack([query.claims() for query in QUERIES])
    matches = (agreement(claims, _people(500, 1)) == 1).sum(axis=1)
    assert matches.min() >= 1
    assert np.median(matches) <= 25
    assert matches.max() <= 60


def test_few_of_their_word_sequences_occur_in_generated_captions() -> None:
    values = _people(500, 2)
    written = [
        write_full_captions(values, 5, 3).texts,
        write_full_captions(values, 5, 3, held_out=True).texts,
        write_short_queries(values, 5, 3).texts,
    ]
    generated = set().union(
        *(_word_sequences(text) for kind in written for texts in kind for text in texts)
    )
    own = set().union(*(_word_sequences(query.text) for query in QUERIES))
    assert len(generated) > 10_000
    assert len(own & generated) / len(own) < 0.03
