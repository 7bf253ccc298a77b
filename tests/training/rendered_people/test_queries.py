"""Short queries are of every kind, and may say that something is missing."""

import re
from collections import Counter

import numpy as np
import pytest

from tests.training.rendered_people.attribute_sets import only, random_attributes
from training.datasets.rendered_people import spelling
from training.datasets.rendered_people.attributes import ANY, NONE, SLOT_INDEX, permit
from training.datasets.rendered_people.captions import short_query
from training.datasets.rendered_people.phrases import Describer
from training.datasets.rendered_people.queries import KINDS, opening

REQUESTS = (
    "find", "show me", "looking for", "search for", "please find", "trying to find", "photo of",
    "picture of", "display", "get me", "i need", "footage of", "image of", "is there",
    "have you seen", "locate", "i am looking for", "spot", "we need to find",
)  # fmt: skip


def test_a_query_may_say_that_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "TYPO_RATE", 0.0)
    seen = only(gender="man", age="adult", bag=NONE)
    queries = [short_query(seen, np.random.default_rng(draw)) for draw in range(300)]
    without = [query for query in queries if query.claims[SLOT_INDEX["bag"]] != ANY]
    assert without
    assert all(re.search(r"\b(without|no|not|lacking|minus)\b", q.text.lower()) for q in without)
    of_any_bag = [q for q in without if re.search(r"\bbags?\b", q.text.lower())]
    assert of_any_bag
    assert {int(q.claims[SLOT_INDEX["bag"]]) for q in of_any_bag} == {permit("bag", [NONE])}


def test_a_request_has_an_article_before_a_person() -> None:
    rng = np.random.default_rng(4)
    asked: Counter[str] = Counter()
    for _ in range(4_000):
        describer = Describer(random_attributes(rng), rng)
        asked[opening(describer, "man in red")] += 1
        assert opening(describer, "someone in red") in {
            "someone in red", *(f"{words} someone in red" for words in REQUESTS)
        }  # fmt: skip
    assert 0.8 < asked.pop("man in red") / 4_000 < 0.9
    assert all(re.search(r"^[a-z ]* ?\b(a|the) man in red$", text) for text in asked), asked


def test_queries_join_two_garments_a_garment_and_a_thing_and_two_things() -> None:
    rng = np.random.default_rng(5)
    upper, lower = SLOT_INDEX["upper_type"], SLOT_INDEX["lower_type"]
    things = [SLOT_INDEX[slot] for slot in ("bag", "headwear", "glasses", "carried")]
    counts: Counter[str] = Counter()
    for _ in range(3_000):
        said = short_query(random_attributes(rng), rng).claims != ANY
        counts["upper and lower"] += bool(said[upper] and said[lower])
        counts["upper and thing"] += bool(said[upper] and said[things].any())
        counts["lower and thing"] += bool(said[lower] and said[things].any())
        counts["two things"] += int(said[things].sum()) == 2 and not said[upper]
    assert all(count >= 30 for count in counts.values()), counts


def test_every_kind_of_query_is_asked() -> None:
    rng = np.random.default_rng(3)
    people = [random_attributes(rng) for _ in range(300)]
    asked = {
        kind.__qualname__ + str(number)
        for number, (kind, _) in enumerate(KINDS)
        for seen in people
        if kind(Describer(seen, rng))
    }
    assert len(asked) == len(KINDS)
