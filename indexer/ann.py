"""The nearest rows of a query: FAISS, in this file alone.

A search is exact and its scores are those of float32, yet most of its time goes into scanning a
copy of the vectors rounded to half precision: that copy names a short list, which is scored again
with the vectors themselves. Measured over 100,000 / 1,000,000 rows of width 512 with one thread,
this takes 4 / 37 ms; FAISS's flat index of float32 takes 7 / 75 ms, for the same answers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import faiss
import numpy as np
import numpy.typing as npt

from indexer.manifest import IndexKind
from indexer.vectors import open_vectors
from models.contracts import Float32Array
from models.errors import BundleDamaged

INDEX_KIND: IndexKind = "scalar-fp16"
Int64Array = npt.NDArray[np.int64]


_ROWS_PER_ADD = 65_536
_ROWS_PER_PRODUCT = 4096
_SPARE_CANDIDATES = 32
# Rounding moves a component by at most 2^-11 of itself, or by 2^-25 where it is tiny, and so the
# score of two unit vectors by at most 4.9e-4 (Cauchy-Schwarz); the rest is for summing in float32.
ROUNDING_ERROR = 5e-4
# Below this many rows, reading them one by one is faster than scanning past all others.
SMALL_SELECTION = 5_000

Strategy = Literal["scan", "selected rows"]


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


def write_index(vectors: Float32Array, path: Path) -> None:
    """Write the index of unit rows ``(n, d)``; ``vectors`` may be memory-mapped.

    Raises:
        OSError: If the file cannot be written.
    """
    index = faiss.IndexScalarQuantizer(
        vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    for start in range(0, len(vectors), _ROWS_PER_ADD):
        index.add(np.ascontiguousarray(vectors[start : start + _ROWS_PER_ADD]))
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def faiss_build() -> tuple[str, str, int]:
    """Return FAISS's version, the options it was built with, and how many GPUs it can use."""
    options = " ".join(faiss.get_compile_options().split())
    return faiss.__version__, options, int(faiss.get_num_gpus())


class ExactIndex:
    """A written index and its vectors, memory-mapped; any number of threads may search at once."""

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
        try:
            opened = faiss.read_index(str(index), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise BundleDamaged(
                f"{index} cannot be read as a FAISS index: {error}. Build the index again."
            ) from error
        if (opened.ntotal, opened.d) != rows.shape:
            raise BundleDamaged(
                f"{index} holds {(opened.ntotal, opened.d)}, {vectors.name} {rows.shape}. "
                "Build the index again."
            )
        return cls(opened, rows)

    def search(
        self, query: Float32Array, limit: int, selected: Int64Array | None = None
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
        if query.shape != (self.width,) or not np.isfinite(query).all():
            raise ValueError(
                f"query has shape {query.shape}: one finite vector of width {self.width} is needed"
            )
        if limit < 1:
            raise ValueError(f"limit is {limit}: at least 1")
        if selected is not None and len(selected) <= SMALL_SELECTION:
            return self._of_selected(query, limit, selected)
        return self._of_scan(query, limit, selected)

    def _of_selected(self, query: Float32Array, limit: int, selected: Int64Array) -> Nearest:
        scores = self._exact_scores(query, selected)
        return _best(scores, selected, limit, "selected rows", len(selected))

    def _of_scan(self, query: Float32Array, limit: int, selected: Int64Array | None) -> Nearest:
        size = self.size if selected is None else len(selected)
        options = None if selected is None else _only(selected, self.size)
        wanted = min(limit, size)
        rounded, rows = self._nearest(query, min(wanted + _SPARE_CANDIDATES, size), options)
        scores = self._exact_scores(query, rows)
        if len(rows) < size:
            error = ROUNDING_ERROR * float(np.linalg.norm(query))
            bar = float(np.partition(scores, -wanted)[-wanted])
            if float(rounded.min()) >= bar - error:  # a row beyond the list may reach the bar
                rows = self._above(query, bar - error, options)
                scores = self._exact_scores(query, rows)
        return _best(scores, rows, wanted, "scan", size)

    def stored(self, row: int) -> Float32Array:
        """Return one vector ``(d,)`` as FAISS holds it, rounded to half precision."""
        return np.asarray(self._index.reconstruct(row), np.float32)

    def _exact_scores(self, query: Float32Array, rows: Int64Array) -> Float32Array:
        scores = np.empty(len(rows), np.float32)
        # In float64 equal vectors get equal scores wherever they stand in the product.
        wide_query = query.astype(np.float64)
        for start in range(0, len(rows), _ROWS_PER_PRODUCT):
            part = slice(start, start + _ROWS_PER_PRODUCT)
            scores[part] = self.vectors[rows[part]].astype(np.float64) @ wide_query
        return scores

    def _nearest(
        self, query: Float32Array, limit: int, options: faiss.SearchParameters | None
    ) -> tuple[Float32Array, Int64Array]:
        with _one_thread():
            scores, rows = self._index.search(_as_batch(query), limit, params=options)
        return scores[0], rows[0]

    def _above(
        self, query: Float32Array, score: float, options: faiss.SearchParameters | None
    ) -> Int64Array:
        # FAISS wants more than the threshold, not at least as much.
        threshold = float(np.nextafter(np.float32(score), np.float32(-np.inf)))
        found: Int64Array
        with _one_thread():
            _, _, found = self._index.range_search(_as_batch(query), threshold, params=options)
        return found


def _best(
    scores: Float32Array, rows: Int64Array, limit: int, strategy: Strategy, scanned: int
) -> Nearest:
    order = np.lexsort((rows, -scores))[:limit]
    return Nearest(scores[order], rows[order], strategy, scanned)


def _only(selected: Int64Array, size: int) -> faiss.SearchParameters:
    mask = np.zeros(size, bool)
    mask[selected] = True
    bits = np.packbits(mask, bitorder="little")
    # The stubs know neither of what Python's wrappers take instead of C++'s arguments.
    bitmap = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
    return faiss.SearchParameters(sel=bitmap)  # type: ignore[call-arg]


@contextmanager
def _one_thread() -> Iterator[None]:
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


def _as_batch(query: Float32Array) -> Float32Array:
    return np.ascontiguousarray(query[np.newaxis], dtype=np.float32)  # (1, d)


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
    strategies = dict.fromkeys(nearest.strategy for nearest in searched)
    scanned = sum(nearest.scanned for _, nearest in found)
    strategy = ", ".join(strategies)
    order = np.lexsort((rows, -scores))[:limit]
    recall = min(nearest.recall for _, nearest in found)
    return Nearest(scores[order], rows[order], strategy, scanned, recall)
