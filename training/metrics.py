"""How good rankings are: pure functions of similarities and relevance.

Sources: recall and mean average precision as in person retrieval (Zheng et al., Market-1501, 2015,
section 5): average precision is the mean of the precision at each relevant crop. Equal
similarities keep the gallery's order.
"""

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid

Relevance = npt.NDArray[np.bool_]


def rank_relevance(similarity: npt.NDArray[np.float32], relevance: Relevance) -> Relevance:
    """Return relevance ``(q, g)`` in the order of descending similarity ``(q, g)``.

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
    order = np.argsort(-similarity, axis=1, kind="stable")
    return np.take_along_axis(relevance, order, axis=1)


def recall_at(ranked: Relevance, k: int) -> float:
    """Return the share of queries with a relevant crop among the first k, in 0..1."""
    return float(ranked[:, :k].any(axis=1).mean())


def precision_at(ranked: Relevance, k: int) -> float:
    """Return the share of relevant crops among the first k, averaged over queries, in 0..1."""
    return float(ranked[:, :k].mean())


def mean_average_precision(ranked: Relevance) -> float:
    """Return the mean over queries of the average precision, in 0..1."""
    hits = ranked.cumsum(axis=1)
    precision = hits / np.arange(1, ranked.shape[1] + 1)
    return float(((precision * ranked).sum(axis=1) / ranked.sum(axis=1)).mean())
