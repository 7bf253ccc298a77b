"""Which crops share visual neighbours with the best ones of a query, from the stored lists.

The neighbourhood of a crop is the crop itself and the K - 1 that look most like it. Only crops in
whose neighbourhood one of the best is can share anything, and the reverse lists name them: the
rest of the gallery need not be looked at (RVN of NAFS, Gao et al. 2021,
https://arxiv.org/abs/2101.03036, section 3.4). With filters a neighbourhood is made of the crops
that meet them: a stored list is filtered first and its first K - 1 survivors are taken. Where too
few survive, the crop's neighbours are looked for among those that meet the filters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.neighbours import NOBODY, NeighbourLists, ReverseLists
from models.contracts import Float32Array
from models.visual_neighbours import nearest_images

Int64Array = npt.NDArray[np.int64]

SMALL_SELECTION = 512
"""So few crops that meet the filters are all compared with each other instead."""
SEARCHES_AT_MOST = 64

FindNearest = Callable[[int, int], Int64Array]


@dataclass(frozen=True)
class SharedNeighbours:
    """Rows ``(n,)`` that share neighbours, and their shares ``(n,)``: intersection over union.

    ``unknown`` crops had too few stored neighbours that meet the filters, and were passed over.
    """

    rows: Int64Array
    shares: Float32Array
    unknown: int


class NeighbourOverlap:
    """The stored lists of a generation, and what to do where they do not reach."""

    def __init__(
        self, lists: NeighbourLists, reverse: ReverseLists, find_nearest: FindNearest
    ) -> None:
        """Take lists, and ``find_nearest(row, count)`` among the rows that meet the filters."""
        self._lists = lists
        self._reverse = reverse
        self._find_nearest = find_nearest

    def shared(
        self, best: Int64Array, candidates: Int64Array, selected: Int64Array | None
    ) -> SharedNeighbours:
        """Return who shares neighbours with the best ``(K,)`` rows of a query.

        Exact for all rows without ``selected``, and with it for the ``candidates`` and whoever
        the stored lists name, except for the unknown ones.

        Args:
            best: What fits best, K rows.
            candidates: Rows whose neighbours are looked for where the stored ones do not reach.
            selected: The rows that meet the filters, ascending; None for all.
        """
        holders = [self._reverse.of(int(row)) for row in best]
        rows = np.unique(np.concatenate([best, *holders]))
        if selected is not None:
            rows = np.intersect1d(np.union1d(rows, candidates), selected)
        shares, ends_early = self._stored_shares(rows, best, selected)
        starved = np.flatnonzero(ends_early)
        for place in starved[:SEARCHES_AT_MOST].tolist():
            row = int(rows[place])
            found = self._find_nearest(row, len(best))
            around = found[found != row][: len(best) - 1]
            shares[place] = _share(np.append(around, row), best)
        there = shares > 0
        return SharedNeighbours(rows[there], shares[there], len(starved[SEARCHES_AT_MOST:]))

    def _stored_shares(
        self, rows: Int64Array, best: Int64Array, selected: Int64Array | None
    ) -> tuple[Float32Array, npt.NDArray[np.bool_]]:
        """Return the shares ``(n,)``, 0 where the stored list ends too early, and where it does."""
        needed = len(best) - 1
        stored = self._lists.rows[rows].astype(np.int64)  # (n, stored neighbours)
        kept = stored != NOBODY
        is_full = kept.all(axis=1)
        if selected is not None:
            kept &= _is_in(stored, selected)
        place = kept.cumsum(axis=1)
        kept &= place <= needed
        around = kept.sum(axis=1)
        both = (np.isin(stored, best) & kept).sum(axis=1) + np.isin(rows, best)
        shares = (both / (around + 1 + len(best) - both)).astype(np.float32)
        ends_early = is_full & (around < needed)
        shares[ends_early] = 0
        return shares, ends_early


def shared_among(best: Int64Array, rows: Int64Array, vectors: Float32Array) -> SharedNeighbours:
    """Return who of few rows shares neighbours, by comparing all of their vectors ``(n, d)``."""
    k = min(len(best), len(rows))
    nearest = nearest_images(vectors, k=k)
    shares = np.array([_share(rows[around], best) for around in nearest], np.float32)
    there = shares > 0
    return SharedNeighbours(rows[there], shares[there], 0)


def _share(around: Int64Array, best: Int64Array) -> float:
    both = len(np.intersect1d(around, best))
    return both / (len(around) + len(best) - both)


def _is_in(rows: Int64Array, selected: Int64Array) -> npt.NDArray[np.bool_]:
    places = np.searchsorted(selected, rows)
    return np.asarray(selected[np.minimum(places, len(selected) - 1)] == rows)
