import numpy as np

from training.evaluation.query_extremes import Queries, best_and_worst
from training.evaluation.rendered_figures import QueryFigures


def scored(text: str, precision: float, chance: float = 0.1, matches: int = 10) -> QueryFigures:
    return QueryFigures(text=text, matches=matches, chance=chance, average_precision=precision)


def extremes(
    queries: list[QueryFigures], claims: list[int] | None = None
) -> tuple[Queries, Queries]:
    """Of queries that claim these numbers; by default each claims something else."""
    numbers = claims if claims is not None else list(range(len(queries)))
    return best_and_worst(queries, np.array(numbers, np.int32).reshape(-1, 1))


def test_ten_best_and_ten_worst_are_shown_the_most_extreme_first() -> None:
    # 0.00 to 0.24 in an order that is not theirs.
    queries = [scored(f"query {number}", number / 100) for number in (*range(12, 25), *range(12))]
    best, worst = extremes(queries)
    assert [query.text for query in best] == [f"query {number}" for number in range(24, 14, -1)]
    assert [query.text for query in worst] == [f"query {number}" for number in range(10)]


def test_of_few_queries_none_is_both() -> None:
    best, worst = extremes([scored("a", 0.1), scored("b", 0.5), scored("c", 0.9)])
    assert [query.text for query in best] == ["c", "b"]
    assert [query.text for query in worst] == ["a"]
    assert extremes([]) == ((), ())


def test_of_wordings_that_claim_the_same_the_most_extreme_is_shown() -> None:
    queries = [scored("a", 0.8), scored("b", 0.9), scored("c", 0.2), scored("d", 0.1)]
    best, worst = extremes(queries, [7, 7, 5, 5])
    assert [query.text for query in best] == ["b"]
    assert [query.text for query in worst] == ["d"]


def test_a_text_is_shown_once_and_one_with_few_matches_not_at_all() -> None:
    queries = [scored("a", 0.1), scored("a", 0.9), scored("b", 0.5), scored("c", 1.0, matches=9)]
    best, worst = extremes(queries)
    assert best == (queries[1], queries[2])
    assert worst == ()


def test_of_equal_precision_the_smaller_chance_is_better() -> None:
    best, worst = extremes([scored("a", 0.5, 0.3), scored("b", 0.5, 0.2)])
    assert (best[0].text, worst[0].text) == ("b", "a")


def test_a_query_that_is_true_of_most_crops_is_not_shown() -> None:
    half, most = scored("a", 0.6, 0.5), scored("no helmet", 0.9, 0.51)
    assert extremes([half, most]) == ((half,), ())
