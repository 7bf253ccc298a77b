"""Which queries a model answers best and worst, by average precision.

Of a query that is true of a handful of crops the average precision says more about those crops
than about its words, and one that is true of most crops is answered well by any ranking: neither
is shown. Of queries that claim the same, one is shown.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from training.evaluation.rendered_figures import QueryFigures

SHOWN = 10
LEAST_MATCHES = 10
HIGHEST_CHANCE = 0.5

Queries = tuple[QueryFigures, ...]


def best_and_worst(
    queries: Sequence[QueryFigures], claims: npt.NDArray[np.int32]
) -> tuple[Queries, Queries]:
    """Return at most ten best and ten worst queries, the most extreme first.

    No text and no claims come twice, so the best wording stands for all that are among the best.
    Of fewer than twenty, half are the best. Equal precision: the smaller chance is better.

    Args:
        queries: What each query scores.
        claims: What each claims: bit masks ``(q, s)``.
    """
    shown = [
        (query, claimed.tobytes())
        for query, claimed in zip(queries, claims, strict=True)
        if query.matches >= LEAST_MATCHES and query.chance <= HIGHEST_CHANCE
    ]
    shown.sort(key=lambda pair: (-pair[0].average_precision, pair[0].chance, pair[0].text))
    different = len({claimed for _, claimed in shown})
    taken: set[str | bytes] = set()
    best = _first(shown, min(SHOWN, (different + 1) // 2), taken)
    return best, _first(reversed(shown), SHOWN, taken)


def _first(
    ordered: Iterable[tuple[QueryFigures, bytes]], count: int, taken: set[str | bytes]
) -> Queries:
    """Return the first ``count`` queries whose text and claims are not ``taken``; take these."""
    chosen: list[QueryFigures] = []
    for query, claimed in ordered:
        if len(chosen) < count and not taken & {query.text, claimed}:
            chosen.append(query)
            taken |= {query.text, claimed}
    return tuple(chosen)
