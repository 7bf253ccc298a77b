import numpy as np

from training.evaluation.report_examples import choose_queries
from training.metrics import QueryMetrics


def metrics(precisions: list[float]) -> QueryMetrics:
    values = np.array(precisions)
    return QueryMetrics(~np.isnan(values), values, values, values)


def test_best_and_worst_are_by_average_precision() -> None:
    found = metrics([0.5, 0.1, 0.9, 0.7, 0.3, 0.2])
    chosen = choose_queries(found, np.arange(6), count=2, seed=0)
    assert chosen.best == (2, 3)
    assert chosen.worst == (1, 5)
    assert set(chosen.random) == {0, 4}


def test_a_group_shows_a_person_once() -> None:
    found = metrics([1.0, 0.9, 0.8, 0.3, 0.2, 0.1])
    chosen = choose_queries(found, np.array([5, 5, 6, 6, 7, 7]), count=2, seed=0)
    assert chosen.best == (0, 2)
    assert chosen.worst == (5, 3)


def test_no_query_is_shown_twice() -> None:
    chosen = choose_queries(metrics([0.4, 0.6, 0.8]), np.arange(3), count=2, seed=1)
    assert chosen.best == (2, 1)
    assert chosen.worst == (0,)
    assert chosen.random == ()


def test_a_seed_decides_among_equals_and_what_is_random() -> None:
    found, people = metrics([1.0] * 40), np.arange(40)
    first = choose_queries(found, people, count=5, seed=1)
    assert first == choose_queries(found, people, count=5, seed=1)
    other = choose_queries(found, people, count=5, seed=2)
    assert set(first.best) != set(other.best)
    assert set(first.random) != set(other.random)
    assert len({*first.best, *first.worst, *first.random}) == 15


def test_queries_without_a_match_are_not_shown() -> None:
    chosen = choose_queries(metrics([np.nan, 0.5, np.nan]), np.arange(3), count=3, seed=0)
    assert chosen == ((1,), (), ())
