"""Write an index of inverted lists: near rows together, one byte for each principal direction.

The vectors of person encoders vary along few directions: 98 % of the variance of the default
model's lies in 55 of 256. The lists hold the vectors turned onto the directions that carry that
share, so that a search reads a fraction of the bytes; the exact scores come from the vectors.

Measured over 1,000,000 rows of width 512, 2,048 lists, far queries, one thread: with all directions
128 lists take 3.4 ms, with the 144 that carry 98 % the same recall takes 1.3 ms and a third of the
memory. RaBitQ of 1 bit lost recall that no list could give back even where 1,000 candidates were
scored again; with 2 bits it was as slow as this; its fast-scan form in FAISS 1.15.1 found nothing.
"""

from pathlib import Path

import faiss
import numpy as np

from indexer.ann.faiss_files import write_file
from indexer.ann.selection import Int64Array
from models.contracts import Float32Array

KEPT_VARIANCE = 0.98
ROUNDS = 10
_WIDTH_STEP = 16
_DIRECTION_ROWS = 65_536
_POINTS_PER_LIST = 64
_MOST_TRAINING_ROWS = 524_288
_ROWS_AT_ONCE = 32_768
_ROWS_PER_PRODUCT = 4_096


def number_of_lists(rows: int) -> int:
    """Return the power of two next to twice the root of ``rows``, at most one for 8 rows."""
    wanted = 2 ** round(np.log2(2 * np.sqrt(max(rows, 1))))
    return int(max(1, min(wanted, rows // 8)))


def training_rows(rows: int) -> int:
    """Return how many of the rows the lists' centroids are learned from."""
    return min(_POINTS_PER_LIST * number_of_lists(rows), _MOST_TRAINING_ROWS, rows)


def write_ivf(vectors: Float32Array, path: Path, *, seed: int) -> None:
    """Write the lists of unit rows ``(n, d)``; ``vectors`` may be memory-mapped.

    Training reads a bounded sample, adding a bounded part at a time; both use the GPUs that FAISS
    can use. The same vectors and seed give the same file on the same machine.

    Raises:
        OSError: If the file cannot be written.
    """
    directions = _principal_directions(_sample(vectors, _DIRECTION_ROWS, seed))
    lists = number_of_lists(len(vectors))
    drawn = _sample_rows(len(vectors), training_rows(len(vectors)), seed)
    sample = _turned(vectors, drawn, directions)
    centroids = _centroids(sample, lists, seed)
    index = _trained(centroids, sample)
    _add(vectors, directions, index, _searcher(centroids))
    write_file(_turning(directions, index), path)


def _sample_rows(size: int, count: int, seed: int) -> Int64Array:
    drawn = np.random.default_rng(seed).choice(size, min(count, size), replace=False, shuffle=False)
    return np.sort(drawn)


def _sample(vectors: Float32Array, count: int, seed: int) -> Float32Array:
    return vectors[_sample_rows(len(vectors), count, seed)]


def _principal_directions(sample: Float32Array) -> Float32Array | None:
    """Return orthonormal columns ``(d, w)`` that keep the variance; None where that takes all."""
    # Not centred: a dot product changes by other amounts for each row if the mean is taken away.
    moments = np.zeros((sample.shape[1], sample.shape[1]))
    for start in range(0, len(sample), _ROWS_PER_PRODUCT):
        part = sample[start : start + _ROWS_PER_PRODUCT].astype(np.float64)
        moments += part.T @ part / len(sample)
    shares, directions = np.linalg.eigh(moments)
    mean = sample.mean(axis=0, dtype=np.float64)
    lost = np.cumsum(np.maximum(shares, 0))  # by leaving out the first 1, 2, ... directions
    allowed = (1 - KEPT_VARIANCE) * max(float(np.trace(moments) - mean @ mean), 0.0)
    width = len(shares) - int(np.searchsorted(lost, allowed, side="right"))
    width = -(-width // _WIDTH_STEP) * _WIDTH_STEP
    if not 0 < width < len(shares):
        return None
    return np.ascontiguousarray(directions[:, ::-1][:, :width], dtype=np.float32)


def _turned(
    vectors: Float32Array, rows: Int64Array | slice, directions: Float32Array | None
) -> Float32Array:
    if isinstance(rows, slice):
        part = np.asarray(vectors[rows])
        return np.ascontiguousarray(part if directions is None else part @ directions)
    parts = [
        _turned(vectors[rows[start : start + _ROWS_AT_ONCE]], slice(None), directions)
        for start in range(0, len(rows), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _searcher(centroids: Float32Array) -> faiss.Index:
    flat = faiss.IndexFlatIP(centroids.shape[1])
    flat.add(centroids)
    if faiss.get_num_gpus():  # not run on any machine yet: none with a GPU build was at hand
        return faiss.index_cpu_to_all_gpus(flat)
    return flat


def _centroids(sample: Float32Array, lists: int, seed: int) -> Float32Array:
    settings = faiss.ClusteringParameters()
    settings.niter = ROUNDS
    settings.spherical = True
    settings.seed = seed + 1  # FAISS takes 0 for no seed
    settings.min_points_per_centroid = 1
    settings.max_points_per_centroid = max(_POINTS_PER_LIST, -(-len(sample) // lists))
    clustering = faiss.Clustering(sample.shape[1], lists, settings)
    clustering.train(sample, _searcher(np.empty((0, sample.shape[1]), np.float32)))
    found: Float32Array = faiss.vector_to_array(clustering.centroids)
    return found.reshape(lists, -1)


def _trained(centroids: Float32Array, sample: Float32Array) -> faiss.IndexIVFScalarQuantizer:
    lists, width = centroids.shape
    quantizer = faiss.IndexFlatIP(width)
    quantizer.add(centroids)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, width, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.by_residual = False  # one set of codes for all lists: a centroid adds nothing to a score
    index.train(sample)
    return index


def _add(
    vectors: Float32Array,
    directions: Float32Array | None,
    index: faiss.IndexIVFScalarQuantizer,
    centroids: faiss.Index,
) -> None:
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = _turned(vectors, slice(start, start + _ROWS_AT_ONCE), directions)
        _, nearest = centroids.search(rows, 1)
        lists = np.ascontiguousarray(nearest[:, 0])
        index.add_core(len(rows), faiss.swig_ptr(rows), None, faiss.swig_ptr(lists))


def _turning(directions: Float32Array | None, index: faiss.IndexIVFScalarQuantizer) -> faiss.Index:
    if directions is None:
        return index
    transform = faiss.LinearTransform(*directions.shape)
    faiss.copy_array_to_vector(np.ascontiguousarray(directions.T).ravel(), transform.A)
    transform.is_trained = True
    return faiss.IndexPreTransform(transform, index)
