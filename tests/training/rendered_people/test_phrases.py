"""Phrases claim exactly the values they are true of."""

import re

import numpy as np
import pytest

from tests.training.rendered_people.attribute_sets import only
from training.datasets.rendered_people.attributes import ANY, SHADES, SLOT_INDEX, SLOT_NAMES
from training.datasets.rendered_people.phrases import Describer


def test_a_phrase_claims_the_values_it_is_true_of() -> None:
    seen = only(upper_type="sweater", upper_shade="dark blue", upper_pattern="plain")
    for draw in range(600):
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
    seen = only(lower_type="trousers", lower_shade="black", lower_colour="black")
    claims = set()
    for draw in range(300):
        describer = Describer(seen, np.random.default_rng(draw))
        if re.search(r"\bdark\b", describer.lower()):
            claims.add(int(describer.claims[SLOT_INDEX["lower_shade"]]))
    dark = ["black", "dark grey", "dark blue", "dark brown", "dark green"]
    assert claims == {sum(1 << list(SHADES).index(shade) for shade in dark)}
