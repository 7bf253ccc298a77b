from collections import Counter

import numpy as np

from training.datasets.rendered_people.dice import Dice
from training.datasets.rendered_people.wardrobe import choose

WEIGHTS = {"common": 9.0, "never": 0.0, "rare": 1.0}


def drawn(evenness: float) -> Counter[str]:
    dice = Dice(np.random.default_rng(0), evenness)
    return Counter(dice.choose(WEIGHTS) for _ in range(4000))


def test_without_evenness_draws_are_those_of_the_weights() -> None:
    rng = np.random.default_rng(0)
    assert drawn(0.0) == Counter(choose(rng, WEIGHTS) for _ in range(4000))


def test_evenness_takes_roots_of_weights() -> None:
    # 9 ** 0.5 : 1 ** 0.5 is 3 : 1; 4 standard deviations of 4,000 draws are 110.
    assert abs(drawn(0.5)["rare"] - 1000) < 110


def test_full_evenness_makes_all_as_frequent_but_never_the_impossible() -> None:
    counts = drawn(1.0)
    assert abs(counts["rare"] - 2000) < 127
    assert counts["never"] == 0


def test_a_chance_is_evened_against_its_contrary() -> None:
    # 0.1 ** 0.5 : 0.9 ** 0.5 is 1 : 3.
    for evenness, likelihood in ((0.0, 0.1), (0.5, 0.25), (1.0, 0.5)):
        dice = Dice(np.random.default_rng(1), evenness)
        happened = sum(dice.chance(0.1) for _ in range(4000))
        assert abs(happened / 4000 - likelihood) < 0.032


def test_what_is_impossible_or_certain_stays_so() -> None:
    dice = Dice(np.random.default_rng(2), 0.7)
    assert not any(dice.chance(0.0) for _ in range(50))
    assert all(dice.chance(1.0) for _ in range(50))
