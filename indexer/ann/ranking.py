"""What every kind of index shares: exact scores from the stored vectors, and their order."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

import faiss
import numpy as np

from indexer.ann.description import IndexKind
from indexer.ann.selection import Int64Array, Selection
from models.contracts import Float32Array

_ROWS_PER_PRODUCT = 4096

Strategy = Literal["scan", "selected rows", "lists"]


@dataclass(frozen=True)
class Nearest:
    """The best rows for one query, best first, and how they were found.

    ``scores`` and ``rows`` are ``(k,)``; ``scanned`` rows were compared with the query at all.
    ``recall`` is the expected share of the true best ones among them.
    """

    scores: Float32Array
    rows: Int64Array
    strategy: str
    scanned: int
    recall: float = 1.0


class VectorIndex(Protocol):
    """An opened index of any kind; any number of threads may search at once."""

    vectors: Float32Array
    size: int
    width: int
    kind: IndexKind

    def search(
        self, query: Float32Array, limit: int, selected: Selection | Int64Array | None = None
    ) -> Nearest:
        """Return scores and rows of the ``limit`` best for one vector ``(d,)``.

        Best first, ties by row; fewer only where fewer rows may answer. ``selected`` are the rows
        that may, None for all.
        """
        ...

    def disagreeing(self, rows: Int64Array) -> Int64Array:
        """Return those of ``rows`` of which the index holds something else than ``vectors``."""
        ...


def check_query(query: Float32Array, limit: int, width: int) -> None:
    """Refuse what cannot be searched.

    Raises:
        ValueError: If the query is not a finite vector of that width, or limit < 1.
    """
    if query.shape != (width,) or not np.isfinite(query).all():
        raise ValueError(
            f"query has shape {query.shape}: one finite vector of width {width} is needed"
        )
    if limit < 1:
        raise ValueError(f"limit is {limit}: at least 1")


def exact_scores(vectors: Float32Array, query: Float32Array, rows: Int64Array) -> Float32Array:
    """Return the dot products ``(m,)`` of one query ``(d,)`` with some of the vectors."""
    scores = np.empty(len(rows), np.float32)
    # In float64 equal vectors get equal scores wherever they stand in the product.
    wide_query = query.astype(np.float64)
    for start in range(0, len(rows), _ROWS_PER_PRODUCT):
        part = slice(start, start + _ROWS_PER_PRODUCT)
        scores[part] = vectors[rows[part]].astype(np.float64) @ wide_query
    return scores


def of_selected(
    vectors: Float32Array, query: Float32Array, limit: int, selected: Selection
) -> Nearest:
    """Return the best of the selected rows by comparing each of them."""
    scores = exact_scores(vectors, query, selected.rows)
    return Nearest(*best_first(scores, selected.rows, limit), "selected rows", len(selected))


def as_selection(selected: Selection | Int64Array | None, size: int) -> Selection | None:
    """Return ascending rows as a selection of an index of that size.

    Raises:
        ValueError: If it is a selection of another index, or the rows do not fit this one.
    """
    if isinstance(selected, np.ndarray):
        return Selection(selected, size)
    if selected is not None and selected.size != size:
        raise ValueError(f"rows of {selected.size} are selected, the index has {size}")
    return selected


def best_first(
    scores: Float32Array, rows: Int64Array, limit: int
) -> tuple[Float32Array, Int64Array]:
    """Return the ``limit`` highest scores and their rows, ties by row."""
    order = np.lexsort((rows, -scores))[:limit]
    return scores[order], rows[order]


def selector(selected: Selection) -> faiss.IDSelector:
    """Return what makes FAISS pass over all other rows."""
    # The stubs do not know what Python's wrapper takes instead of C++'s arguments.
    return faiss.IDSelectorBitmap(selected.bits)  # type: ignore[call-arg, arg-type]


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep FAISS from waking its pool for one query, which only one thread can work on.

    On two busy cores waking and joining the others made a search of 4 ms take 14. The number
    belongs to the calling thread and is put back: torch may read it too.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def merge_nearest(found: Sequence[tuple[int, Nearest]], limit: int) -> Nearest:
    """Return the best rows of several indexes whose rows follow each other.

    Args:
        found: Of each index, the number of its first row and what it found.
        limit: How many to return at most.
    """
    if not found:
        return Nearest(np.zeros(0, np.float32), np.zeros(0, np.int64), "nothing there", 0)
    scores = np.concatenate([nearest.scores for _, nearest in found])
    rows = np.concatenate([start + nearest.rows for start, nearest in found])
    searched = [nearest for _, nearest in found if nearest.scanned] or [found[0][1]]
    strategy = ", ".join(dict.fromkeys(nearest.strategy for nearest in searched))
    scanned = sum(nearest.scanned for _, nearest in found)
    order = np.lexsort((rows, -scores))[:limit]
    recall = min(nearest.recall for nearest in searched)
    return Nearest(scores[order], rows[order], strategy, scanned, recall)
