from dataclasses import replace

import numpy as np
import pytest

from tests.training.rendered_people.sightings import SEED
from training.datasets.rendered_people.attributes import SLOTS
from training.datasets.rendered_people.patterns import Dyes, print_pattern
from training.datasets.rendered_people.population import member

DYES = Dyes((10.0, 20.0, 30.0), (200.0, 210.0, 220.0), (90.0, 0.0, 0.0))
WEAVE = replace(
    member(SEED, 0).style.weave,
    frequency=10.0,
    band=0.5,
    offsets=(0.0, 0.0, 0.0, 0.0),
    overcheck=False,
)


def test_stripes_alternate_along_one_direction_only() -> None:
    # Ten bands a metre, half of each in the second colour, which begins at 0.
    places = np.array([0.01, 0.06, 0.11, 0.16, 0.21])
    zeros = np.full(5, 0.5)
    horizontal = print_pattern("horizontal stripes", DYES, WEAVE, zeros, places)
    assert horizontal[:, 0].tolist() == [200, 10, 200, 10, 200]
    across = print_pattern("horizontal stripes", DYES, WEAVE, places, zeros)
    assert len(np.unique(across[:, 0])) == 1


def test_checks_mix_where_one_band_crosses_none() -> None:
    # Bands cover the first 45 % of each 0.1 m: both, one, neither.
    x, y = np.array([0.01, 0.01, 0.08]), np.array([0.01, 0.08, 0.08])
    assert print_pattern("checked", DYES, WEAVE, x, y)[:, 0].tolist() == [200, 105, 10]


@pytest.mark.parametrize("name", ["plain", "graphic", "none"])
def test_plain_cloth_has_one_colour(name: str) -> None:
    places = np.linspace(0, 1, 50)
    assert (print_pattern(name, DYES, WEAVE, places, places) == DYES.base).all()


@pytest.mark.parametrize("name", sorted(set(SLOTS["upper_pattern"]) - {"plain", "graphic"}))
def test_patterns_show_the_base_and_something_else(name: str) -> None:
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 80), np.linspace(0, 1, 80)))
    base = (print_pattern(name, DYES, WEAVE, x, y) == DYES.base).all(1).mean()
    assert 0.2 < base < 0.95


def test_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(KeyError, match="zigzag"):
        print_pattern("zigzag", DYES, WEAVE, np.zeros(1), np.zeros(1))
