"""Approximate search: the lists nearest to the query are scanned, the best scored again exactly."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Self
from weakref import WeakKeyDictionary

import faiss
import numpy as np

from indexer.ann.description import IVF_KIND, IndexDescription, IndexKind
from indexer.ann.faiss_files import read_index
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
from indexer.ann.selection import BitArray, Int32Array, Int64Array, Selection
from indexer.vectors import open_vectors
from models.contracts import Float32Array
from models.errors import BundleDamaged

# So few rows are compared one by one in a millisecond, exactly.
SMALL_SELECTION = 2_000
# Lists pass over this many rows that may not answer while one vector is read and compared.
PASSED_PER_COMPARED = 150


class IvfIndex:
    """Written lists and their vectors, memory-mapped; any number of threads may search at once."""

    kind: IndexKind = IVF_KIND

    def __init__(
        self, index: faiss.Index, vectors: Float32Array, description: IndexDescription
    ) -> None:
        held = _lists_of(index)
        if held is None:
            raise TypeError(f"{type(index).__name__} has no lists of one byte a direction")
        self._index = index  # owns what is taken out of it
        self._ivf, self._lists = held
        self._directions = _directions(index)
        centroids = faiss.downcast_index(self._ivf.quantizer)
        self._centroids: Float32Array = centroids.reconstruct_n(0, self._ivf.nlist)
        lists = range(self._ivf.nlist)
        self._sizes = np.array([self._lists.list_size(each) for each in lists], np.int64)
        self._selected_sizes: WeakKeyDictionary[Selection, Int64Array] = WeakKeyDictionary()
        self._lock = Lock()
        self._description = description
        self.vectors = vectors  # (n, d)
        self.size, self.width = vectors.shape

    @classmethod
    def open(cls, index: Path, vectors: Path, description: IndexDescription) -> Self:
        """Map both files; pages are read when a search needs them.

        Raises:
            BundleDamaged: If one cannot be read, or they and the description do not fit together.
        """
        rows = open_vectors(vectors)
        opened = read_index(index, rows.shape)
        held = _lists_of(opened)
        lists = 0 if held is None else held[0].nlist
        if lists != description.lists or not description.measured:
            raise BundleDamaged(
                f"{index} has {lists} lists, its description {description.lists} of which "
                f"{len(description.measured)} numbers were measured. Build the index again."
            )
        return cls(opened, rows, description)

    @property
    def code_width(self) -> int:
        """How many directions of a vector the lists hold."""
        return int(self._ivf.d)

    @property
    def lists(self) -> int:
        """How many lists there are."""
        return len(self._sizes)

    def search(
        self, query: Float32Array, limit: int, selected: Selection | Int64Array | None = None
    ) -> Nearest:
        """Return scores and rows of the ``limit`` best for one vector ``(d,)``.

        Best first, ties by row. If at least ``limit`` rows may answer, ``limit`` are returned: few
        selected rows are compared one by one, and as many lists are probed as hold enough rows.

        Args:
            query: Finite; of any length.
            limit: At least 1.
            selected: The rows that may answer, in ascending order; None for all.

        Raises:
            ValueError: If the query is not a finite vector of the index's width, or limit < 1.
        """
        selection = as_selection(selected, self.size)
        check_query(query, limit, self.width)
        size = self.size if selection is None else len(selection)
        if size <= SMALL_SELECTION or candidates_for(limit) >= size:
            if selection is not None:
                return of_selected(self.vectors, query, limit, selection)
            every = Selection(np.arange(self.size), self.size)
            return replace(of_selected(self.vectors, query, limit, every), strategy="scan")
        probes, recall = self._description.probes(size / self.size, limit)
        passed = probes * self.size / self.lists
        if selection is not None and size * PASSED_PER_COMPARED <= passed:
            return of_selected(self.vectors, query, limit, selection)
        return self.probe(query, limit, selection, probes, recall)

    def probe(
        self,
        query: Float32Array,
        limit: int,
        selected: Selection | None,
        probes: int,
        recall: float,
    ) -> Nearest:
        """Search that many lists that hold rows that may answer, or more if they hold too few."""
        turned = self.turned(query)
        sizes = self._sizes if selected is None else self._sizes_of(selected)
        lists = self.lists_by_score(turned)
        lists = lists[sizes[lists] > 0]
        held = np.cumsum(sizes[lists])
        enough = int(np.searchsorted(held, limit)) + 1
        lists = lists[: max(probes, enough)]
        rows = self._nearest(turned, candidates_for(limit), lists, selected)
        scores = exact_scores(self.vectors, query, rows)
        scanned = int(held[len(lists) - 1])
        return Nearest(*best_first(scores, rows, limit), "lists", scanned, recall)

    def lists_by_score(self, turned: Float32Array) -> Int64Array:
        """Return all lists, that with the centroid nearest to a turned query ``(w,)`` first."""
        return np.argsort(-(self._centroids @ turned), kind="stable")

    def disagreeing(self, rows: Int64Array) -> Int64Array:
        """Return those of ``rows`` whose code is not that of their vector."""
        wrong = []
        for row in rows.tolist():
            turned = self.turned(np.asarray(self.vectors[row]))
            code = self._ivf.sq.compute_codes(turned[np.newaxis])[0].astype(np.int16)
            # The product that turns a vector rounds otherwise for one row than for many.
            if np.abs(code - self._code(row)).max() > 1:
                wrong.append(row)
        return np.array(wrong, np.int64)

    @cached_property
    def list_of_row(self) -> Int32Array:
        """The list that holds each row: ``(n,)``, made by reading the ids of all lists once."""
        found = np.empty(self.size, np.int32)
        for each, size in enumerate(self._sizes.tolist()):
            if size:
                found[faiss.rev_swig_ptr(self._lists.get_ids(each), size)] = each
        return found

    def turned(self, query: Float32Array) -> Float32Array:
        """Return a query ``(d,)`` on the directions of the lists: ``(w,)``."""
        turned = query if self._directions is None else self._directions @ query
        return np.ascontiguousarray(turned, dtype=np.float32)

    def _code(self, row: int) -> BitArray:
        holder = int(self.list_of_row[row])
        size, width = int(self._sizes[holder]), self._ivf.code_size
        ids = faiss.rev_swig_ptr(self._lists.get_ids(holder), size)
        codes = faiss.rev_swig_ptr(self._lists.get_codes(holder), size * width).reshape(size, width)
        code: BitArray = codes[int(np.flatnonzero(ids == row)[0])]
        return code

    def _sizes_of(self, selected: Selection) -> Int64Array:
        with self._lock:
            known = self._selected_sizes.get(selected)
        if known is None:
            known = np.bincount(self.list_of_row[selected.rows], minlength=self.lists)
            with self._lock:
                self._selected_sizes[selected] = known
        return known

    def _nearest(
        self, turned: Float32Array, count: int, lists: Int64Array, selected: Selection | None
    ) -> Int64Array:
        chosen = None if selected is None else selector(selected)  # kept while FAISS reads it
        options = faiss.SearchParametersIVF(nprobe=len(lists), sel=chosen)  # type: ignore[call-arg]
        scores, rows = np.empty(count, np.float32), np.empty(count, np.int64)
        lists = np.ascontiguousarray(lists, np.int64)
        unused = np.zeros(len(lists), np.float32)  # distances to centroids: codes are no residuals
        pointers = [faiss.swig_ptr(each) for each in (lists, unused, scores, rows)]
        # Python's own wrapper of this method takes no parameters, and so no selector.
        search = self._ivf.search_preassigned_c  # type: ignore[attr-defined]
        keep_positions = False
        with one_thread():
            search(1, faiss.swig_ptr(turned), count, *pointers, keep_positions, options)
        return rows[rows >= 0]


def candidates_for(limit: int) -> int:
    """Return how many rows are scored again for an answer of so many."""
    return 4 * limit + 64


def _lists_of(
    index: faiss.Index,
) -> tuple[faiss.IndexIVFScalarQuantizer, faiss.InvertedLists] | None:
    ivf = faiss.try_extract_index_ivf(index)
    held = None if ivf is None else faiss.downcast_index(ivf)
    if not isinstance(held, faiss.IndexIVFScalarQuantizer) or held.invlists is None:
        return None
    return held, held.invlists


def _directions(index: faiss.Index) -> Float32Array | None:
    """Return what turns a query onto the directions of the lists: ``(w, d)``."""
    if not isinstance(index, faiss.IndexPreTransform):
        return None
    # The stubs take FAISS's own vectors for lists, and every transform for the plainest.
    transform = faiss.downcast_VectorTransform(index.chain.at(0))  # type: ignore[attr-defined]
    matrix: Float32Array = faiss.vector_to_array(transform.A)  # type: ignore[attr-defined]
    return matrix.reshape(transform.d_out, transform.d_in)
