"""Short queries are of every kind, and may say that something is missing."""

import re

import numpy as np

from tests.training.rendered_people.attribute_sets import only, random_attributes
from training.datasets.rendered_people.attributes import ANY, NONE, SLOT_INDEX, permit
from training.datasets.rendered_people.captions import short_query
from training.datasets.rendered_people.phrases import Describer
from training.datasets.rendered_people.queries import KINDS


def test_a_query_may_say_that_something_is_missing() -> None:
    seen = only(gender="man", age="adult", bag=NONE)
    queries = [short_query(seen, np.random.default_rng(draw)) for draw in range(300)]
    without = [query for query in queries if query.claims[SLOT_INDEX["bag"]] != ANY]
    assert without
    said = [re.search(r"\b(without|no|not)\b", query.text.lower()) is not None for query in without]
    assert np.mean(said) > 0.9  # the rest is misspelt
    assert {int(query.claims[SLOT_INDEX["bag"]]) for query in without} == {permit("bag", [NONE])}


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
