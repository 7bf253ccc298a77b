from fractions import Fraction

import numpy as np
import pytest

from models.errors import ConfigurationInvalid
from training.metrics import mean_average_precision, precision_at, rank_relevance, recall_at

# Two queries, five crops. Ranked by similarity the relevant crops of the first stand at 2 and 4,
# those of the second at 1, 2 and 5.
SIMILARITY = np.array([[0.9, 0.8, 0.7, 0.6, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]], np.float32)
RELEVANCE = np.array([[0, 1, 0, 1, 0], [1, 0, 0, 1, 1]], bool)


def test_ranking_is_by_descending_similarity() -> None:
    ranked = rank_relevance(SIMILARITY, RELEVANCE)
    assert ranked.astype(int).tolist() == [[0, 1, 0, 1, 0], [1, 1, 0, 0, 1]]


def test_recall_counts_queries_with_a_match_in_time() -> None:
    ranked = rank_relevance(SIMILARITY, RELEVANCE)
    assert recall_at(ranked, 1) == Fraction(1, 2)
    assert recall_at(ranked, 2) == 1


def test_precision_is_the_share_of_matches_among_the_first() -> None:
    ranked = rank_relevance(SIMILARITY, RELEVANCE)
    assert precision_at(ranked, 2) == Fraction(3, 4)
    assert precision_at(ranked, 5) == Fraction(1, 2)


def test_mean_average_precision_equals_fractions_by_hand() -> None:
    first = (Fraction(1, 2) + Fraction(2, 4)) / 2
    second = (Fraction(1, 1) + Fraction(2, 2) + Fraction(3, 5)) / 3
    ranked = rank_relevance(SIMILARITY, RELEVANCE)
    assert mean_average_precision(ranked) == pytest.approx(float((first + second) / 2), rel=1e-12)


def test_equal_similarities_keep_the_order_of_the_gallery() -> None:
    relevance = np.array([[False, False, True]])
    ranked = rank_relevance(np.zeros((1, 3), np.float32), relevance)
    assert ranked.tolist() == relevance.tolist()


def test_query_without_a_match_is_refused_by_number() -> None:
    relevance = RELEVANCE.copy()
    relevance[1] = False
    with pytest.raises(ConfigurationInvalid, match=r"1 queries .* number 1"):
        rank_relevance(SIMILARITY, relevance)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"\(2, 5\).*\(2, 4\)"):
        rank_relevance(SIMILARITY, RELEVANCE[:, :4])
