"""Against all draws there are, counted out one by one, and against the binomial formula."""

from itertools import product

import numpy as np
import pytest

from models.errors import ConfigurationInvalid
from training.evaluation.bootstrap import Interval, bootstrap_by_person

MANY = 40_000


def one(
    values: list[float], people: list[int], *, seed: int = 0, replicates: int = MANY
) -> Interval:
    intervals = bootstrap_by_person(
        {"metric": np.array(values, np.float64)},
        np.array(people),
        seed=seed,
        replicates=replicates,
    )
    return intervals["metric"]


def every_draw(values: list[float], people: list[int]) -> list[float]:
    """The mean of each of the P ** P equally likely draws of P people, queries and all."""
    own = [
        [value for value, person in zip(values, people, strict=True) if person == drawn]
        for drawn in sorted(set(people))
    ]
    means = []
    for draw in product(own, repeat=len(own)):
        queries = [value for queries_of_one in draw for value in queries_of_one]
        means.append(sum(queries) / len(queries))
    return means


@pytest.mark.parametrize(
    ("values", "people"),
    [
        ([1, 0, 1, 1], [3, 3, 8, 8]),
        ([1, 0, 0.25, 0.5, 1, 0.75, 0], [0, 0, 0, 1, 1, 2, 3]),
        ([0.9, 0.1, 0.4, 0.4, 0.3], [4, 3, 2, 1, 0]),
    ],
)
def test_standard_error_is_that_of_all_possible_draws(
    values: list[float], people: list[int]
) -> None:
    means = np.array(every_draw(values, people))
    assert one(values, people).standard_error == pytest.approx(means.std(), rel=0.02)


def test_bounds_leave_two_and_a_half_percent_of_the_draws_on_each_side() -> None:
    values, people = [0.9, 0.1, 0.45, 0.35, 0.3], [4, 3, 2, 1, 0]
    means = np.array(every_draw(values, people))
    interval = one(values, people)
    assert (means < interval.low).mean() == pytest.approx(0.025, abs=0.005)
    assert (means > interval.high).mean() == pytest.approx(0.025, abs=0.005)


def test_one_query_a_person_has_the_binomial_standard_error() -> None:
    hits, count = 300, 400
    interval = one([1.0] * hits + [0.0] * (count - hits), list(range(count)))
    expected = np.sqrt(0.75 * 0.25 / count)
    assert interval.standard_error == pytest.approx(expected, rel=0.02)
    assert interval.low == pytest.approx(0.75 - 1.96 * expected, abs=0.004)
    assert interval.high == pytest.approx(0.75 + 1.96 * expected, abs=0.004)


def test_asking_the_same_again_makes_nothing_surer() -> None:
    values, people = [1.0, 0.0, 1.0, 1.0, 0.0], [0, 1, 2, 3, 4]
    once, often = one(values, people, seed=5), one(values * 9, people * 9, seed=5)
    assert often.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_equal_people_leave_no_doubt() -> None:
    interval = one([0.5, 1.0] * 3, [0, 0, 1, 1, 2, 2], replicates=200)
    assert interval.standard_error == pytest.approx(0, abs=1e-12)
    assert (interval.low, interval.high) == pytest.approx((0.75, 0.75))


def test_a_seed_decides_the_draws_whatever_the_order_of_the_queries() -> None:
    rng = np.random.default_rng(1)
    values, people = rng.integers(2, size=60).astype(float), rng.integers(20, size=60)
    order = rng.permutation(60)
    first = one(values.tolist(), people.tolist(), seed=3, replicates=250)
    again = one(values[order].tolist(), people[order].tolist(), seed=3, replicates=250)
    other = one(values.tolist(), people.tolist(), seed=4, replicates=250)
    assert first == again
    assert first != other


def test_all_metrics_see_the_same_draws() -> None:
    rng = np.random.default_rng(2)
    values, people = rng.random(50), rng.integers(10, size=50)
    intervals = bootstrap_by_person({"a": values, "b": 1 - values}, people, seed=0)
    assert intervals["a"].low == pytest.approx(1 - intervals["b"].high)
    assert intervals["a"].standard_error == pytest.approx(intervals["b"].standard_error)


def test_one_person_or_one_draw_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="1 people drawn 40000 times"):
        one([0.0, 1.0], [6, 6])
    with pytest.raises(ConfigurationInvalid, match="2 people drawn 1 times"):
        one([0.0, 1.0], [6, 7], replicates=1)
    with pytest.raises(ConfigurationInvalid, match="0 people"):
        one([], [])


def test_values_that_do_not_fit_or_are_no_numbers_are_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"metric has the shape \(3,\).*2 queries"):
        one([0.0, 1.0, 1.0], [6, 7])
    with pytest.raises(ConfigurationInvalid, match="leave out queries without a match"):
        one([0.0, float("nan")], [6, 7])
