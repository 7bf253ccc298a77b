"""How many lists a search must probe, measured with queries as far from the rows as texts are.

A text's vector is not near any crop's: its best cosine is about a quarter, where a crop of the
same person has four fifths. Queries that are rows, or rows with noise, make any number of lists
look sufficient. Without a text at hand, a far query is a mixture of distant rows, for what several
attributes together ask for, with noise that no row shares, as texts live in another cone.
"""

from dataclasses import dataclass

import numpy as np

from indexer.ann.description import MEASURED_HITS, MeasuredProbes
from indexer.ann.ivf import IvfIndex
from indexer.ann.selection import BoolArray, Selection
from models.contracts import Float32Array

QUERIES = 256
TEXT_TOP_COSINE = 0.25
SHARES = (1.0, 0.1, 0.01)
_FEWEST_ROWS = 1_000
_MIXED_ROWS = 4
_SAMPLE_ROWS = 25_000
_ROWS_AT_ONCE = 16_384
_HALVINGS = 20
_MORE = 1.25
_EQUAL = 1e-5
_TINY = 1e-9


def text_like_queries(vectors: Float32Array, count: int = QUERIES, *, seed: int) -> Float32Array:
    """Return unit rows ``(count, d)`` whose median best cosine with the vectors is about 0.25.

    Where even noise alone comes nearer than that, as it does in few dimensions, it is noise alone.
    """
    draw = np.random.default_rng(seed)
    size, width = vectors.shape
    rows = np.sort(draw.choice(size, min(size, _SAMPLE_ROWS), replace=False, shuffle=False))
    sample = np.asarray(vectors[rows])
    mixed = sample[draw.integers(0, len(sample), (_MIXED_ROWS, count))].mean(axis=0)
    mixed = mixed - sample.mean(axis=0)  # the mean says nothing about which row is meant
    noise = draw.standard_normal((count, width), dtype=np.float32)
    mixed, noise = _unit(mixed), _unit(noise)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        part = (low + high) / 2
        queries = _unit(part * mixed + (1 - part) * noise)
        if np.median((queries @ sample.T).max(axis=1)) > TEXT_TOP_COSINE:
            high = part
        else:
            low = part
    return _unit(low * mixed + (1 - low) * noise)


@dataclass(frozen=True)
class _Truth:
    """The best scores ``(q, k)`` of each query among some rows, best first, and their rows."""

    scores: Float32Array
    rows: np.ndarray
    selected: Selection | None
    share: float


def calibrate(
    index: IvfIndex, queries: Float32Array, asked_recall: float, *, seed: int
) -> tuple[float, tuple[MeasuredProbes, ...]]:
    """Return the median best cosine of the queries, and the probes for each share of the rows.

    The fewest that reach the recall by twice its standard error, so that other queries reach it
    too; all lists if none do.
    """
    truths = _truths(index.vectors, queries, seed)
    top = float(np.median(truths[0].scores[:, 0]))
    measured = []
    probes = 1
    for truth in truths:
        found = _measure(index, queries, truth, asked_recall, probes)
        probes = found.probes  # a narrower filter never needs fewer
        measured.append(found)
    return top, tuple(measured)


def recall_of(index: IvfIndex, queries: Float32Array, truth: _Truth, probes: int) -> float:
    """Return the share of the true best that a search of so many lists finds."""
    found = 0
    for query, scores in zip(queries, truth.scores, strict=True):
        hits = index.probe(query, len(scores), truth.selected, probes, 1.0).scores
        found += int(np.count_nonzero(hits >= scores[-1] - _EQUAL))
    return found / truth.scores.size


def _measure(
    index: IvfIndex, queries: Float32Array, truth: _Truth, asked: float, fewest: int
) -> MeasuredProbes:
    probes = max(fewest, _probes_that_reach(index, queries, truth, asked))
    recall = recall_of(index, queries, truth, probes)
    while recall < asked and probes < index.lists:  # rounding lost some of what the lists hold
        probes = min(index.lists, int(np.ceil(probes * _MORE)))
        recall = recall_of(index, queries, truth, probes)
    return MeasuredProbes(share=truth.share, probes=probes, recall=recall)


def _probes_that_reach(index: IvfIndex, queries: Float32Array, truth: _Truth, asked: float) -> int:
    places = np.empty(truth.rows.shape, np.int64)  # where in a query's order a best row's list is
    for query, rows, place in zip(queries, truth.rows, places, strict=True):
        order = index.lists_by_score(index.turned(query))
        rank = np.empty(index.lists, np.int64)
        rank[order] = np.arange(index.lists)
        place[:] = rank[index.list_of_row[rows]]
    for probes in np.unique(places) + 1:
        reached = (places < probes).mean(axis=1)
        if reached.mean() - 2 * reached.std() / np.sqrt(len(reached)) >= asked:
            return int(probes)
    return index.lists


def _truths(vectors: Float32Array, queries: Float32Array, seed: int) -> list[_Truth]:
    size = len(vectors)
    lots = np.random.default_rng(seed).random(size, dtype=np.float32)
    shares = [share for share in SHARES if share == 1 or share * size >= _FEWEST_ROWS]
    masks: list[BoolArray] = [lots < share for share in shares]
    kept = [_Best(len(queries)) for _ in shares]
    for start in range(0, size, _ROWS_AT_ONCE):
        scores = queries @ vectors[start : start + _ROWS_AT_ONCE].T
        for mask, best in zip(masks, kept, strict=True):
            inside = np.flatnonzero(mask[start : start + _ROWS_AT_ONCE])
            best.take(scores[:, inside], inside + start)
    selections = [None if mask.all() else Selection.of_mask(mask) for mask in masks]
    return [
        _Truth(best.scores, best.rows, selected, share)
        for best, selected, share in zip(kept, selections, shares, strict=True)
    ]


class _Best:
    """The best rows seen so far of each query, best first."""

    def __init__(self, queries: int) -> None:
        self.scores = np.empty((queries, 0), np.float32)
        self.rows = np.empty((queries, 0), np.int64)

    def take(self, scores: Float32Array, rows: np.ndarray) -> None:
        if scores.shape[1] > MEASURED_HITS:
            top = np.argpartition(-scores, MEASURED_HITS - 1, axis=1)[:, :MEASURED_HITS]
            scores, rows = np.take_along_axis(scores, top, 1), rows[top]
        else:
            rows = np.broadcast_to(rows, scores.shape)
        scores = np.concatenate([self.scores, scores], axis=1)
        rows = np.concatenate([self.rows, rows], axis=1)
        order = np.lexsort((rows, -scores), axis=1)[:, :MEASURED_HITS]
        self.scores = np.take_along_axis(scores, order, 1)
        self.rows = np.take_along_axis(rows, order, 1)


def _unit(rows: Float32Array) -> Float32Array:
    unit: Float32Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)
    return unit
