"""Which queries a report shows: the best, the worst, and some drawn at random."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.metrics import QueryMetrics


class ChosenQueries(NamedTuple):
    """Numbers of queries, each of another person within its group; none comes twice."""

    best: tuple[int, ...]
    worst: tuple[int, ...]
    random: tuple[int, ...]


def choose_queries(
    metrics: QueryMetrics, person_ids: npt.NDArray[np.int64], *, count: int, seed: int
) -> ChosenQueries:
    """Choose up to ``count`` queries a group, of queries ``(q,)`` that ask for ``person_ids``.

    Best and worst by average precision; the seed decides among equals.
    """
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(metrics.answerable))
    precision = metrics.average_precisions[drawn]
    ascending = drawn[np.argsort(precision, kind="stable")]
    descending = drawn[np.argsort(-precision, kind="stable")]
    taken: set[int] = set()
    groups = []
    for queries in (descending, ascending, drawn):
        group = _one_a_person(queries, person_ids, taken, count)
        taken.update(group)
        groups.append(group)
    return ChosenQueries(*groups)


def _one_a_person(
    queries: npt.NDArray[np.intp], person_ids: npt.NDArray[np.int64], taken: set[int], count: int
) -> tuple[int, ...]:
    chosen: dict[int, int] = {}
    for query in queries:
        if len(chosen) == count:
            break
        if int(query) not in taken:
            chosen.setdefault(int(person_ids[query]), int(query))
    return tuple(chosen.values())
