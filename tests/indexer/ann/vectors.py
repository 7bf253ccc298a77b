"""Unit rows for the tests of the index kinds."""

from pathlib import Path

import numpy as np

from indexer.ann import IVF_KIND, IndexDescription, IvfIndex, open_index, write_index
from models.contracts import Float32Array

WIDTH = 32


def unit(rows: Float32Array) -> Float32Array:
    scaled: Float32Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def unit_rows(count: int, seed: int = 0, width: int = WIDTH) -> Float32Array:
    draw = np.random.default_rng(seed)
    return unit(draw.standard_normal((count, width)).astype(np.float32))


def crowd(count: int, seed: int = 0, width: int = 64) -> Float32Array:
    """Return rows around a hundred centres that lie in the first quarter of the directions."""
    draw = np.random.default_rng(seed)
    flat = np.zeros((100, width), np.float32)
    flat[:, : width // 4] = draw.standard_normal((100, width // 4))
    noise = draw.standard_normal((count, width)) * np.where(
        np.arange(width) < width // 4, 0.3, 0.01
    )
    return unit((unit(flat)[draw.integers(0, 100, count)] + noise / 4).astype(np.float32))


def by_hand(vectors: Float32Array, query: Float32Array, limit: int) -> list[int]:
    """Sort all rows by the plain float64 product, ties by row."""
    scores = [
        float(np.float32(sum(float(a) * float(b) for a, b in zip(row, query, strict=True))))
        for row in vectors
    ]
    return sorted(range(len(vectors)), key=lambda row: (-scores[row], row))[:limit]


def write_lists(folder: Path, vectors: Float32Array, recall: float = 0.99) -> IndexDescription:
    np.save(folder / "vectors.npy", vectors)
    return write_index(vectors, folder / "index.faiss", IVF_KIND, recall=recall)


def open_lists(folder: Path, description: IndexDescription) -> IvfIndex:
    index = open_index(folder / "index.faiss", folder / "vectors.npy", description)
    assert isinstance(index, IvfIndex)
    return index
