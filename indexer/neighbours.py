"""The visual neighbours of every crop: which others look most like it, and whose list it is on.

A second stage may re-rank by them (RVN of NAFS, Gao et al. 2021, https://arxiv.org/abs/2101.03036,
section 3.4). Lists follow additions and deletions: what an update gives is what computing all of
them anew gives, for a list changes only where a new crop is nearer than its last one, or where
one on it is deleted.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.bundle import NEIGHBOUR_SCORES, NEIGHBOURS, REBUILD
from models.contracts import Float32Array
from models.errors import BundleDamaged

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

NOBODY = -1
_ROWS_AT_ONCE = 1024
_COLUMNS_AT_ONCE = 8192
_TIE = 1e-15


@dataclass(frozen=True)
class NeighbourLists:
    """The nearest others of n rows, nearest first.

    ``rows`` is int32 ``(n, k)``, ``NOBODY`` where there are fewer and in the lists of deleted
    rows; ``scores`` float32 ``(n, k)`` are their cosines, -inf for nobody.
    """

    rows: Int32Array
    scores: Float32Array

    def of(self, row: int) -> Int64Array:
        """Return the neighbours of a row, nearest first."""
        listed = self.rows[row]
        found: Int64Array = listed[listed != NOBODY].astype(np.int64)
        return found


@dataclass(frozen=True)
class ReverseLists:
    """For each of n rows, on whose lists it is: ``rows[offsets[i]:offsets[i + 1]]``, ascending."""

    offsets: Int64Array
    rows: Int32Array

    def of(self, row: int) -> Int64Array:
        """Return the rows that have a row on their list."""
        found = self.rows[self.offsets[row] : self.offsets[row + 1]]
        return found.astype(np.int64)


def empty_lists(count: int, k: int) -> NeighbourLists:
    """Return lists of nobody."""
    return NeighbourLists(
        np.full((count, k), NOBODY, np.int32), np.full((count, k), -np.inf, np.float32)
    )


def grown_lists(
    before: NeighbourLists, vectors: Float32Array, alive: Int64Array, added: Int64Array
) -> NeighbourLists:
    """Return the lists after some rows were deleted and others added.

    Args:
        before: The lists of the first rows; its deleted rows may still be on them.
        vectors: Unit rows ``(n, d)``, deleted ones included; may be memory-mapped.
        alive: The rows that are not deleted, ascending.
        added: Which of them have no list yet, ascending.
    """
    n, k = len(vectors), before.rows.shape[1]
    lists = empty_lists(n, k)
    known = np.setdiff1d(alive, added, assume_unique=True)
    lists.rows[known] = before.rows[known]
    lists.scores[known] = before.scores[known]
    is_alive = np.zeros(n + 1, bool)
    is_alive[alive] = True
    is_alive[NOBODY] = True  # of lists that were never full nothing was lost
    gone = ~is_alive[lists.rows[known]] | _unnamed(lists, known)
    robbed = known[gone.any(1)]
    lists.rows[robbed], lists.scores[robbed] = NOBODY, -np.inf
    anew = np.union1d(added, robbed)
    _compare(lists, vectors, anew, alive)
    _compare(lists, vectors, np.setdiff1d(known, robbed, assume_unique=True), added)
    return lists


def renumbered_lists(before: NeighbourLists, kept: Int64Array) -> NeighbourLists:
    """Return the lists of the rows ``kept``, which become rows 0 to n - 1.

    Of a neighbour that is not kept only the score stays.
    """
    numbers = np.full(len(before.rows) + 1, NOBODY, np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    return NeighbourLists(numbers[before.rows[kept]], before.scores[kept])


def reverse_lists(lists: NeighbourLists) -> ReverseLists:
    """Return on whose lists each row is."""
    n, k = lists.rows.shape
    owners = np.repeat(np.arange(n, dtype=np.int32), k)
    listed = lists.rows.reshape(-1)
    there = listed != NOBODY
    order = np.argsort(listed[there], kind="stable")
    counts = np.bincount(listed[there], minlength=n)
    return ReverseLists(np.concatenate([[0], np.cumsum(counts)]), owners[there][order])


def write_lists(lists: NeighbourLists, folder: Path) -> None:
    """Write lists into the folder of a generation.

    Raises:
        OSError: If the disk is full or fails.
    """
    np.save(folder / NEIGHBOURS, lists.rows)
    np.save(folder / NEIGHBOUR_SCORES, lists.scores)


def open_lists(folder: Path) -> NeighbourLists:
    """Map the lists of a generation.

    Raises:
        BundleDamaged: If they cannot be read, or do not belong together.
    """
    try:
        rows = np.load(folder / NEIGHBOURS, mmap_mode="r", allow_pickle=False)
        scores = np.load(folder / NEIGHBOUR_SCORES, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleDamaged(
            f"the neighbours in {folder} cannot be read: {error}. {REBUILD}"
        ) from error
    if rows.ndim != 2 or rows.shape != scores.shape or rows.dtype != np.int32:
        raise BundleDamaged(f"{folder / NEIGHBOURS} holds no lists of neighbours. {REBUILD}")
    return NeighbourLists(rows, scores)


def _unnamed(lists: NeighbourLists, rows: Int64Array) -> npt.NDArray[np.bool_]:
    """Return which places of some lists hold a score and nobody: ``(m, k)``."""
    nobody = lists.rows[rows] == NOBODY
    return np.asarray(nobody & ~np.isneginf(lists.scores[rows]))


def _compare(
    lists: NeighbourLists, vectors: Float32Array, rows: Int64Array, others: Int64Array
) -> None:
    """Put those of ``others`` on the lists of ``rows`` that are nearer than what is there."""
    if not len(rows) or not len(others):
        return
    k = lists.rows.shape[1]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        own = np.asarray(vectors[part])
        best_rows = lists.rows[part].astype(np.int64)
        best = lists.scores[part]
        for first in range(0, len(others), _COLUMNS_AT_ONCE):
            columns = others[first : first + _COLUMNS_AT_ONCE]
            scores = own @ np.asarray(vectors[columns]).T  # (rows, columns)
            scores[part[:, None] == columns[None]] = -np.inf  # nobody is their own neighbour
            best, best_rows = _merged(best, best_rows, scores, columns, k)
        lists.rows[part], lists.scores[part] = best_rows, best


def _merged(
    best: Float32Array, best_rows: Int64Array, scores: Float32Array, columns: Int64Array, k: int
) -> tuple[Float32Array, Int64Array]:
    """Return the k best of two lists, ties by row, whatever the lists were merged from."""
    if scores.shape[1] > k:
        places = np.argpartition(-_keys(scores, columns[None]), k - 1, axis=1)[:, :k]
        scores, named = np.take_along_axis(scores, places, 1), columns[places]
    else:
        named = np.broadcast_to(columns, scores.shape)
    scores = np.concatenate([best, scores], axis=1)
    rows = np.concatenate([best_rows, named], axis=1)
    rows[np.isneginf(scores)] = NOBODY
    order = np.argsort(-_keys(scores, rows), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def _keys(scores: Float32Array, rows: Int64Array) -> npt.NDArray[np.float64]:
    # Cosines of float32 differ by 6e-8 where they differ at all near 1: rows only break ties.
    return scores.astype(np.float64) - rows * _TIE
