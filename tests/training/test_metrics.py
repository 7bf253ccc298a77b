"""By hand, against IRRA's own numbers, and against a slow transcription of the definitions."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.errors import ConfigurationInvalid
from training import metrics as metrics_module
from training.metrics import (
    RetrievalMetrics,
    best_columns,
    mean_average_precision,
    mean_inverse_negative_penalty,
    measure_queries,
    precision_at,
    rank_relevance,
    recall_at,
    retrieval_metrics,
)

RECORDED = Path(__file__).parent.parent / "reference" / "irra" / "metrics.pt"

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


def test_inverse_negative_penalty_is_the_matches_by_the_rank_of_the_last() -> None:
    ranked = rank_relevance(SIMILARITY, RELEVANCE)
    expected = (Fraction(2, 4) + Fraction(3, 5)) / 2
    assert mean_inverse_negative_penalty(ranked) == pytest.approx(float(expected), rel=1e-12)
    first_alone = np.array([[True, False, False]])
    assert mean_inverse_negative_penalty(first_alone) == 1


def test_a_shortlist_stands_before_all_others() -> None:
    shortlist = np.array([[0, 0, 1, 1, 0], [0, 1, 0, 0, 0]], bool)
    ranked = rank_relevance(SIMILARITY, RELEVANCE, shortlist)
    # Crops 2, 3, 0, 1, 4 for the first query, 1, 4, 3, 2, 0 for the second.
    assert ranked.astype(int).tolist() == [[0, 1, 0, 1, 0], [0, 1, 1, 0, 1]]


def test_a_shortlist_keeps_the_order_of_the_gallery_among_equals() -> None:
    relevance = np.array([[False, False, True, False, True]])
    shortlist = np.array([[False, True, False, True, True]])
    ranked = rank_relevance(np.zeros((1, 5), np.float32), relevance, shortlist)
    assert ranked.astype(int).tolist() == [[0, 0, 1, 0, 1]]  # crops 1, 3, 4, 0, 2


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


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    content: dict[str, Any] = torch.load(RECORDED, weights_only=True)
    return content


def percentages(metrics: RetrievalMetrics) -> list[float]:
    recalls = (metrics.recall_at_1, metrics.recall_at_5, metrics.recall_at_10)
    means = (metrics.mean_average_precision, metrics.mean_inverse_negative_penalty)
    return [100 * value for value in (*recalls, *means)]


def recorded_percentages(case: dict[str, Any]) -> list[float]:
    cmc = case["cmc"]
    return [float(value) for value in (cmc[0], cmc[4], cmc[9], case["mAP"], case["mINP"])]


@pytest.mark.parametrize("number", range(4))
def test_captions_find_crops_as_in_irra_s_evaluation(recorded: dict[str, Any], number: int) -> None:
    case = recorded["metrics"][number]
    similarity, queries, gallery = (
        case[name].numpy() for name in ("similarity", "q_pids", "g_pids")
    )
    found = retrieval_metrics(similarity, queries, gallery)
    assert (found.queries, found.queries_without_match) == (len(queries), 0)
    assert percentages(found) == pytest.approx(recorded_percentages(case), abs=1e-4)
    assert np.array_equal(best_columns(similarity, 10), case["topk_idx"].numpy())


@pytest.mark.parametrize("number", range(4))
def test_crops_find_captions_as_in_irra_s_evaluation(recorded: dict[str, Any], number: int) -> None:
    case = recorded["metrics"][number]
    with_match = case["i2t"]["rows"]  # IRRA's code fails at the others, which were taken out
    found = retrieval_metrics(
        case["similarity"].numpy().T, case["g_pids"].numpy(), case["q_pids"].numpy()
    )
    assert found.queries == len(with_match)
    assert found.queries_without_match == int((~with_match).sum())
    assert percentages(found) == pytest.approx(recorded_percentages(case["i2t"]), abs=1e-4)


def test_a_query_without_a_match_is_counted_where_irra_s_evaluation_fails(
    recorded: dict[str, Any],
) -> None:
    assert recorded["metrics_no_match"].startswith("IndexError")
    found = retrieval_metrics(SIMILARITY, np.array([1, 9]), np.array([0, 1, 0, 1, 0]))
    assert (found.queries, found.queries_without_match) == (2, 1)
    assert (found.recall_at_1, found.recall_at_5) == (0, 1)
    assert found.mean_average_precision == pytest.approx(1 / 2)
    assert found.mean_inverse_negative_penalty == pytest.approx(2 / 4)


def transcribe(
    similarity: npt.NDArray[Any],
    queries: list[int],
    gallery: list[int],
    excluded: list[int | None],
    shortlist: npt.NDArray[np.bool_] | None = None,
) -> tuple[list[float], int]:
    """Slowly, crop by crop: the five metrics, and how many queries have no match."""
    rows = []
    without = 0
    for query, person in enumerate(queries):
        columns = [column for column in range(len(gallery)) if column != excluded[query]]
        columns.sort(
            key=lambda column: (
                shortlist is not None and not shortlist[query, column],
                -float(similarity[query, column]),
                column,
            )
        )
        ranks = [rank for rank, column in enumerate(columns, 1) if gallery[column] == person]
        if not ranks:
            without += 1
            continue
        precision = sum(found / rank for found, rank in enumerate(ranks, 1)) / len(ranks)
        recalls = [float(any(rank <= k for rank in ranks)) for k in (1, 5, 10)]
        rows.append([*recalls, precision, len(ranks) / ranks[-1]])
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)], without


@pytest.mark.parametrize("seed", range(6))
def test_metrics_equal_a_slow_transcription(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # A few queries at once, so that the last chunk is smaller than the others.
    monkeypatch.setattr(metrics_module, "_CELLS_AT_ONCE", 200)
    rng = np.random.default_rng(seed)
    crops, texts = (7, 31, 64)[seed % 3], 43
    gallery, queries = rng.integers(12, size=crops), rng.integers(12, size=texts)
    # Rounded, so that many similarities are equal.
    similarity = rng.normal(size=(texts, crops)).round(1).astype(np.float32)
    similarity += (queries[:, None] == gallery).astype(np.float32)
    sources = rng.integers(crops, size=texts)
    shortlist = rng.random(similarity.shape) < 0.3
    nothing: list[int | None] = [None] * texts
    for exclude, excluded in ((None, nothing), (sources, sources.tolist())):
        for short in (None, shortlist):
            found = retrieval_metrics(
                similarity, queries, gallery, exclude=exclude, shortlist=short
            )
            expected, without = transcribe(
                similarity, queries.tolist(), gallery.tolist(), excluded, short
            )
            assert np.array(percentages(found)) / 100 == pytest.approx(expected, abs=1e-12)
            assert (found.queries, found.queries_without_match) == (texts, without)


def test_a_left_out_source_gives_its_place_to_the_next_crop() -> None:
    gallery = np.array([0, 1, 0, 1, 0])
    found = measure_queries(
        SIMILARITY, np.array([1, 0]), gallery, exclude=np.array([1, 4], np.int64)
    )
    # Crops 0, 2, 3, 4 for the first query, 3, 2, 1, 0 for the second.
    assert found.first_match_ranks.tolist() == [3, 2]
    assert found.average_precisions == pytest.approx([1 / 3, (1 / 2 + 2 / 4) / 2])
    assert found.inverse_negative_penalties == pytest.approx([1 / 3, 2 / 4])


def test_a_query_whose_only_match_is_left_out_has_none() -> None:
    gallery = np.array([7, 8, 8, 9, 9])
    queries, sources = np.array([7, 8]), np.array([0, 1])
    found = retrieval_metrics(SIMILARITY, queries, gallery, exclude=sources)
    assert (found.queries, found.queries_without_match) == (2, 1)
    measured = measure_queries(SIMILARITY, queries, gallery, exclude=sources)
    assert measured.answerable.tolist() == [False, True]
    assert np.isnan(measured.average_precisions).tolist() == [True, False]


def test_metrics_of_a_gallery_below_ten_are_those_of_what_there_is() -> None:
    found = retrieval_metrics(np.eye(3), np.arange(3), np.arange(3))
    assert percentages(found) == [100] * 5


def test_only_queries_without_a_match_cannot_be_measured() -> None:
    with pytest.raises(ConfigurationInvalid, match="none of 2 queries has a match"):
        retrieval_metrics(SIMILARITY, np.array([5, 6]), np.arange(5))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_similarity_that_is_no_number_is_refused(wrong: float) -> None:
    similarity = SIMILARITY.copy()
    similarity[1, 3] = wrong
    with pytest.raises(ConfigurationInvalid, match="NaN or infinite"):
        retrieval_metrics(similarity, np.arange(2), np.arange(5))


@pytest.mark.parametrize("exclude", [[0], [0, 5], [-1, 0]])
def test_a_column_to_leave_out_that_is_not_there_is_refused(exclude: list[int]) -> None:
    with pytest.raises(ConfigurationInvalid, match="within 0 to 4"):
        retrieval_metrics(SIMILARITY, np.arange(2), np.arange(5), exclude=np.array(exclude))


def test_ids_that_do_not_fit_the_similarities_are_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"\(2, 5\).*3 queries.*gallery of 5"):
        retrieval_metrics(SIMILARITY, np.arange(3), np.arange(5))
    with pytest.raises(ConfigurationInvalid, match=r"shortlist of \(2, 4\)"):
        retrieval_metrics(SIMILARITY, np.arange(2), np.arange(5), shortlist=np.ones((2, 4), bool))
    with pytest.raises(ConfigurationInvalid, match="0 queries of a gallery of 5"):
        retrieval_metrics(SIMILARITY[:0], np.arange(0), np.arange(5))


def test_best_columns_are_those_that_metrics_rank_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "_CELLS_AT_ONCE", 5)
    assert best_columns(SIMILARITY, 3).tolist() == [[0, 1, 2], [4, 3, 2]]
    shortlist = np.array([[0, 0, 1, 1, 0], [0, 1, 0, 0, 0]], bool)
    assert best_columns(SIMILARITY, 3, shortlist).tolist() == [[2, 3, 0], [1, 4, 3]]
    assert best_columns(SIMILARITY, 9).shape == (2, 5)
