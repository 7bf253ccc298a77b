"""How good rankings are: pure functions of similarities, relevance and who is who.

A query with no match among the crops cannot be answered well or badly: it is counted and left out
of every mean. All means are of float64, all metrics are in 0..1.

Sources: recall and mean average precision as in person retrieval (Zheng et al., Market-1501, 2015,
section 5): average precision is the mean of the precision at each relevant crop. Mean inverse
negative penalty of Ye et al., Deep Learning for Person Re-identification, 2020
(https://arxiv.org/abs/2001.04193, section 4.1), which IRRA reports too. Equal similarities keep
the gallery's order. The code of IRRA's authors (https://github.com/anosorae/IRRA) has no such
order, fails at a query without a match, and needs at least ten crops; this has none of the three.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid
from models.schema import Schema

Relevance = npt.NDArray[np.bool_]
Shortlist = npt.NDArray[np.bool_]
Similarity = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
PerQuery = npt.NDArray[np.float64]

_CELLS_AT_ONCE = 2**22  # of a similarity matrix; bounds the memory of sorting it


class RetrievalMetrics(Schema):
    """Means over the queries that have a match; ``queries`` counts the others too."""

    queries: int
    queries_without_match: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mean_average_precision: float
    mean_inverse_negative_penalty: float


@dataclass(frozen=True)
class QueryMetrics:
    """What each query scores: float64 ``(q,)``, NaN where ``answerable`` ``(q,)`` is False.

    ``first_match_ranks`` count from 1.
    """

    answerable: npt.NDArray[np.bool_]
    first_match_ranks: PerQuery
    average_precisions: PerQuery
    inverse_negative_penalties: PerQuery

    def by_metric(self) -> dict[str, PerQuery]:
        """Return what to take the mean of, by field of ``RetrievalMetrics``: answerable only."""
        ranks = self.first_match_ranks[self.answerable]
        return {
            "recall_at_1": (ranks <= 1).astype(np.float64),
            "recall_at_5": (ranks <= 5).astype(np.float64),
            "recall_at_10": (ranks <= 10).astype(np.float64),
            "mean_average_precision": self.average_precisions[self.answerable],
            "mean_inverse_negative_penalty": self.inverse_negative_penalties[self.answerable],
        }

    def mean(self) -> RetrievalMetrics:
        """Return the means over the answerable queries.

        Raises:
            ConfigurationInvalid: If there is none.
        """
        if not self.answerable.any():
            raise ConfigurationInvalid(
                f"none of {len(self.answerable)} queries has a match in the gallery: there is "
                "nothing to measure"
            )
        means = {name: float(values.mean()) for name, values in self.by_metric().items()}
        return RetrievalMetrics(
            queries=len(self.answerable),
            queries_without_match=int((~self.answerable).sum()),
            recall_at_1=means["recall_at_1"],
            recall_at_5=means["recall_at_5"],
            recall_at_10=means["recall_at_10"],
            mean_average_precision=means["mean_average_precision"],
            mean_inverse_negative_penalty=means["mean_inverse_negative_penalty"],
        )


def retrieval_metrics(
    similarity: Similarity,
    query_ids: Ids,
    gallery_ids: Ids,
    *,
    exclude: Ids | None = None,
    shortlist: Shortlist | None = None,
) -> RetrievalMetrics:
    """Return how well queries ``(q,)`` find the crops ``(g,)`` of the same person.

    For the other direction hand in the transpose, and the ids the other way round. ``exclude``
    ``(q,)`` names one column a query that is left out of its gallery. Crops of a ``shortlist``
    ``(q, g)`` stand before all others.

    Raises:
        ConfigurationInvalid: If shapes do not fit, a similarity is NaN or infinite, a column to
            leave out is not there, or no query has a match.
    """
    return measure_queries(
        similarity, query_ids, gallery_ids, exclude=exclude, shortlist=shortlist
    ).mean()


def measure_queries(
    similarity: Similarity,
    query_ids: Ids,
    gallery_ids: Ids,
    *,
    exclude: Ids | None = None,
    shortlist: Shortlist | None = None,
) -> QueryMetrics:
    """Return what ``retrieval_metrics`` takes the mean of, query by query.

    Raises:
        ConfigurationInvalid: As there, but for queries without a match.
    """
    _require_fitting(similarity, query_ids, gallery_ids, exclude, shortlist)
    measured = np.full((3, len(query_ids)), np.nan)
    answerable = np.zeros(len(query_ids), bool)
    for part in _chunks(*similarity.shape):
        scores = similarity[part]  # (c, g)
        if not np.isfinite(scores).all():
            raise ConfigurationInvalid("a similarity is NaN or infinite: the encoder is broken")
        relevance = query_ids[part, None] == gallery_ids
        preferred = None if shortlist is None else shortlist[part]
        if exclude is not None:
            # Last and no match: it takes no rank from any other crop.
            left_out = exclude[part, None] == np.arange(len(gallery_ids))
            scores, relevance = np.where(left_out, -np.inf, scores), relevance & ~left_out
            preferred = None if preferred is None else preferred & ~left_out
        kept = relevance.any(axis=1)  # (c,)
        preferred = None if preferred is None else preferred[kept]
        ranked = rank_relevance(scores[kept], relevance[kept], preferred)
        answerable[part] = kept
        measured[:, np.flatnonzero(kept) + part.start] = (
            ranked.argmax(axis=1) + 1,
            average_precisions(ranked),
            inverse_negative_penalties(ranked),
        )
    return QueryMetrics(answerable, *measured)


def best_columns(
    similarity: Similarity, k: int, shortlist: Shortlist | None = None
) -> npt.NDArray[np.intp]:
    """Return the first k columns of each row ``(q, at most k)`` as metrics rank them."""
    return np.concatenate(
        [
            _ranked_columns(similarity[part], None if shortlist is None else shortlist[part])[:, :k]
            for part in _chunks(*similarity.shape)
        ]
    )


def rank_relevance(
    similarity: Similarity, relevance: Relevance, shortlist: Shortlist | None = None
) -> Relevance:
    """Return relevance ``(q, g)`` in the order of descending similarity ``(q, g)``.

    The crops of a ``shortlist`` ``(q, g)`` stand before all others.

    Raises:
        ConfigurationInvalid: If a query has no relevant crop, or the shapes differ.
    """
    if similarity.shape != relevance.shape:
        raise ConfigurationInvalid(
            f"similarity {similarity.shape} and relevance {relevance.shape} differ in shape"
        )
    unanswerable = np.flatnonzero(~relevance.any(axis=1))
    if unanswerable.size:
        raise ConfigurationInvalid(
            f"{unanswerable.size} queries have no relevant crop in the gallery, the first is "
            f"number {unanswerable[0]}: leave them out and report how many they are"
        )
    return np.take_along_axis(relevance, _ranked_columns(similarity, shortlist), axis=1)


def recall_at(ranked: Relevance, k: int) -> float:
    """Return the share of queries with a relevant crop among the first k, in 0..1."""
    return float(ranked[:, :k].any(axis=1).mean())


def precision_at(ranked: Relevance, k: int) -> float:
    """Return the share of relevant crops among the first k, averaged over queries, in 0..1."""
    return float(ranked[:, :k].mean())


def average_precisions(ranked: Relevance) -> PerQuery:
    """Return the average precision of each query ``(q,)``, in 0..1."""
    hits = ranked.cumsum(axis=1)
    precision = hits / np.arange(1, ranked.shape[1] + 1)
    averages: PerQuery = (precision * ranked).sum(axis=1) / ranked.sum(axis=1)
    return averages


def mean_average_precision(ranked: Relevance) -> float:
    """Return the mean over queries of the average precision, in 0..1."""
    return float(average_precisions(ranked).mean())


def inverse_negative_penalties(ranked: Relevance) -> PerQuery:
    """Return how little must be looked through to find all relevant crops ``(q,)``, in 0..1.

    Of a query: the number of its relevant crops by the rank of the last of them.
    """
    last = ranked.shape[1] - ranked[:, ::-1].argmax(axis=1)  # (q,) ranks, from 1
    penalties: PerQuery = ranked.sum(axis=1) / last
    return penalties


def mean_inverse_negative_penalty(ranked: Relevance) -> float:
    """Return the mean over queries of the inverse negative penalty, in 0..1."""
    return float(inverse_negative_penalties(ranked).mean())


def _ranked_columns(similarity: Similarity, shortlist: Shortlist | None) -> npt.NDArray[np.intp]:
    if shortlist is None:
        return np.argsort(-similarity, axis=1, kind="stable")
    return np.lexsort((-similarity, ~shortlist), axis=1)


def _require_fitting(
    similarity: Similarity,
    query_ids: Ids,
    gallery_ids: Ids,
    exclude: Ids | None,
    shortlist: Shortlist | None,
) -> None:
    shape = (len(query_ids), len(gallery_ids))
    if similarity.shape != shape or (shortlist is not None and shortlist.shape != shape):
        other = "" if shortlist is None else f" and a shortlist of {shortlist.shape}"
        raise ConfigurationInvalid(
            f"similarities of the shape {similarity.shape}{other} do not fit {shape[0]} queries "
            f"and a gallery of {shape[1]}"
        )
    if 0 in shape:
        raise ConfigurationInvalid(f"{shape[0]} queries of a gallery of {shape[1]}: none to rank")
    if exclude is None:
        return
    if exclude.shape != query_ids.shape or exclude.min() < 0 or exclude.max() >= shape[1]:
        raise ConfigurationInvalid(
            f"columns to leave out have the shape {exclude.shape} and lie in {exclude.min()} to "
            f"{exclude.max()}: one for each of {shape[0]} queries, within 0 to {shape[1] - 1}, "
            "is needed"
        )


def _chunks(rows: int, width: int) -> Iterator[slice]:
    size = max(1, _CELLS_AT_ONCE // width)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))
