"""Exact search: every row is scanned, rounded to half precision, and the best are scored again.

The scores are those of float32, yet most of the time goes into scanning a copy of the vectors
rounded to half precision: that copy names a short list, which is scored again with the vectors
themselves. Measured over 100,000 / 1,000,000 rows of width 512 with one thread, this takes
4 / 37 ms; FAISS's flat index of float32 takes 7 / 75 ms, for the same answers.
"""

from pathlib import Path
from typing import Self

import faiss
import numpy as np

from indexer.ann.description import EXACT_KIND, IndexKind
from indexer.ann.faiss_files import read_index, write_file
from indexer.ann.ranking import (
    Nearest,
    as_selection,
    best_first,
    check_query,
    exact_scores,
    of_selected,
    one_thread,
    selector,
)
from indexer.ann.selection import Int64Array, Selection
from indexer.vectors import open_vectors
from models.contracts import Float32Array
from models.errors import BundleDamaged

_ROWS_PER_ADD = 65_536
_SPARE_CANDIDATES = 32
# Rounding moves a component by at most 2^-11 of itself, or by 2^-25 where it is tiny, and so the
# score of two unit vectors by at most 4.9e-4 (Cauchy-Schwarz); the rest is for summing in float32.
ROUNDING_ERROR = 5e-4
# Below this many rows, reading them one by one is faster than scanning past all others.
SMALL_SELECTION = 5_000


def write_exact(vectors: Float32Array, path: Path) -> None:
    """Write the index of unit rows ``(n, d)``; ``vectors`` may be memory-mapped.

    Raises:
        OSError: If the file cannot be written.
    """
    index = faiss.IndexScalarQuantizer(
        vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    for start in range(0, len(vectors), _ROWS_PER_ADD):
        index.add(np.ascontiguousarray(vectors[start : start + _ROWS_PER_ADD]))
    write_file(index, path)


class ExactIndex:
    """A written index and its vectors, memory-mapped; any number of threads may search at once."""

    kind: IndexKind = EXACT_KIND

    def __init__(self, index: faiss.Index, vectors: Float32Array) -> None:
        self._index = index
        self.vectors = vectors  # (n, d)
        self.size, self.width = vectors.shape

    @classmethod
    def open(cls, index: Path, vectors: Path) -> Self:
        """Map both files; pages are read when a search needs them.

        Raises:
            BundleDamaged: If one cannot be read, or they do not belong together.
        """
        rows = open_vectors(vectors)
        opened = read_index(index, rows.shape)
        if not isinstance(opened, faiss.IndexScalarQuantizer):
            raise BundleDamaged(f"{index} is no exact index. Build the index again.")
        return cls(opened, rows)

    def search(
        self, query: Float32Array, limit: int, selected: Selection | Int64Array | None = None
    ) -> Nearest:
        """Return scores and rows of the ``limit`` best for one vector ``(d,)``.

        Best first, ties by row; fewer only where there are fewer rows.

        Args:
            query: Finite; of any length.
            limit: At least 1.
            selected: The rows that may answer, in ascending order; None for all.

        Raises:
            ValueError: If the query is not a finite vector of the index's width, or limit < 1.
        """
        selection = as_selection(selected, self.size)
        check_query(query, limit, self.width)
        if selection is not None and len(selection) <= SMALL_SELECTION:
            return of_selected(self.vectors, query, limit, selection)
        return self._of_scan(query, limit, selection)

    def _of_scan(self, query: Float32Array, limit: int, selected: Selection | None) -> Nearest:
        size = self.size if selected is None else len(selected)
        options = None if selected is None else _only(selected)
        wanted = min(limit, size)
        rounded, rows = self._nearest(query, min(wanted + _SPARE_CANDIDATES, size), options)
        scores = exact_scores(self.vectors, query, rows)
        if len(rows) < size:
            error = ROUNDING_ERROR * float(np.linalg.norm(query))
            bar = float(np.partition(scores, -wanted)[-wanted])
            if float(rounded.min()) >= bar - error:  # a row beyond the list may reach the bar
                rows = self._above(query, bar - error, options)
                scores = exact_scores(self.vectors, query, rows)
        return Nearest(*best_first(scores, rows, wanted), "scan", size)

    def stored(self, row: int) -> Float32Array:
        """Return one vector ``(d,)`` as FAISS holds it, rounded to half precision."""
        return np.asarray(self._index.reconstruct(row), np.float32)

    def disagreeing(self, rows: Int64Array) -> Int64Array:
        """Return those of ``rows`` whose stored copy is not the vector, rounded."""
        wrong = [
            row
            for row in rows.tolist()
            if np.abs(self.stored(row) - self.vectors[row]).max() > ROUNDING_ERROR
        ]
        return np.array(wrong, np.int64)

    def _nearest(
        self, query: Float32Array, limit: int, options: faiss.SearchParameters | None
    ) -> tuple[Float32Array, Int64Array]:
        with one_thread():
            scores, rows = self._index.search(_as_batch(query), limit, params=options)
        return scores[0], rows[0]

    def _above(
        self, query: Float32Array, score: float, options: faiss.SearchParameters | None
    ) -> Int64Array:
        # FAISS wants more than the threshold, not at least as much.
        threshold = float(np.nextafter(np.float32(score), np.float32(-np.inf)))
        found: Int64Array
        with one_thread():
            _, _, found = self._index.range_search(_as_batch(query), threshold, params=options)
        return found


def _only(selected: Selection) -> faiss.SearchParameters:
    return faiss.SearchParameters(sel=selector(selected))  # type: ignore[call-arg]


def _as_batch(query: Float32Array) -> Float32Array:
    return np.ascontiguousarray(query[np.newaxis], dtype=np.float32)  # (1, d)
