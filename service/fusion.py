"""Queries of several parts as one vector.

Source: Rocchio, Relevance Feedback in Information Retrieval, 1971 (in Salton, The SMART Retrieval
System, chapter 14): a query moves towards the mean of what is wanted and away from the mean of
what is not. All vectors are unit rows of one space, so a mean of texts, crops and pictures makes
sense where the encoder has put them into one space; the result is made a unit vector again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.contracts import Float32Array
from service.queries import QueryRefused

_SHORTEST = 1e-6


@dataclass(frozen=True)
class WeightedMean:
    """One kind of part: its unit vectors, each ``(d,)``, and what their mean counts for.

    The weight of what is not wanted is negative.
    """

    vectors: Sequence[Float32Array]
    weight: float


def fuse(parts: Sequence[WeightedMean]) -> Float32Array:
    """Return the unit vector ``(d,)`` of the weighted sum of the means.

    A single wanted vector comes back as it is, to the last bit.

    Raises:
        QueryRefused: If the parts cancel each other, or nothing has a weight.
    """
    given = [part for part in parts if part.vectors and part.weight]
    if len(given) == 1 and len(given[0].vectors) == 1 and given[0].weight > 0:
        return given[0].vectors[0]
    if not any(part.weight > 0 for part in given):
        raise QueryRefused("text_weight", "no part of the query has a weight above 0: raise one")
    total = np.sum(
        [part.weight * np.mean(np.asarray(part.vectors, np.float64), axis=0) for part in given],
        axis=0,
    )
    length = float(np.linalg.norm(total))
    if length < _SHORTEST:
        raise QueryRefused(
            "not", "the parts of the query cancel each other out: change them or their weights"
        )
    fused: Float32Array = (total / length).astype(np.float32)
    return fused
