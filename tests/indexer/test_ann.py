from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer import ann
from indexer.ann import ExactIndex, write_index
from models.contracts import Float32Array
from models.errors import BundleDamaged

WIDTH = 32


def unit_rows(count: int, seed: int = 0) -> Float32Array:
    rows = np.random.default_rng(seed).standard_normal((count, WIDTH)).astype(np.float32)
    unit: Float32Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def opened(folder: Path, vectors: Float32Array) -> ExactIndex:
    np.save(folder / "vectors.npy", vectors)
    write_index(vectors, folder / "index.faiss")
    return ExactIndex.open(folder / "index.faiss", folder / "vectors.npy")


def by_hand(vectors: Float32Array, query: Float32Array, limit: int) -> list[int]:
    """Sort all rows by the plain float64 product, ties by row."""
    scores = [
        float(np.float32(sum(float(a) * float(b) for a, b in zip(row, query, strict=True))))
        for row in vectors
    ]
    return sorted(range(len(vectors)), key=lambda row: (-scores[row], row))[:limit]


@pytest.mark.parametrize("limit", [1, 7, 200, 1500])
def test_the_ranking_is_that_of_a_full_sort(tmp_path: Path, limit: int) -> None:
    vectors = unit_rows(1500)
    index = opened(tmp_path, vectors)
    for query in unit_rows(3, seed=1):
        scores, rows = index.search(query, limit)
        assert rows.tolist() == by_hand(vectors, query, limit)
        assert np.abs(scores - vectors[rows] @ query).max() < 1e-6


def test_rows_closer_than_half_precision_can_tell_are_ranked_right(tmp_path: Path) -> None:
    query = unit_rows(1)[0]
    noise = unit_rows(400, seed=2) * np.float32(2e-4)
    vectors = query + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    _, rows = opened(tmp_path, vectors).search(query, 10)
    assert rows.tolist() == by_hand(vectors, query, 10)


def test_equal_rows_keep_their_order_even_across_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ann, "_ROWS_PER_PRODUCT", 64)
    vectors = unit_rows(900)
    vectors[100:700] = vectors[5]
    scores, rows = opened(tmp_path, vectors).search(vectors[5], 50)
    assert rows.tolist() == [5, *range(100, 149)]
    assert len(set(scores.tolist())) == 1


def test_a_limit_beyond_the_size_gives_every_row(tmp_path: Path) -> None:
    _, rows = opened(tmp_path, unit_rows(3)).search(unit_rows(1)[0], 10**9)
    assert sorted(rows.tolist()) == [0, 1, 2]


def test_many_threads_get_the_answers_of_one(tmp_path: Path) -> None:
    index = opened(tmp_path, unit_rows(2000))
    queries = unit_rows(64, seed=3)
    alone = [index.search(query, 20)[1].tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: index.search(query, 20)[1].tolist(), queries))
    assert together == alone


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        (np.zeros(WIDTH + 1, np.float32), 1),
        (np.zeros((1, WIDTH), np.float32), 1),
        (np.full(WIDTH, np.nan, np.float32), 1),
        (np.ones(WIDTH, np.float32), 0),
        (np.ones(WIDTH, np.float32), -1),
    ],
)
def test_a_query_that_cannot_be_searched_is_an_error(
    tmp_path: Path, query: Float32Array, limit: int
) -> None:
    index = opened(tmp_path, unit_rows(3))
    with pytest.raises(ValueError, match=r"query has shape|limit is"):
        index.search(query, limit)


def test_a_broken_index_file_is_damage(tmp_path: Path) -> None:
    opened(tmp_path, unit_rows(50))
    content = (tmp_path / "index.faiss").read_bytes()
    for broken in (b"", b"no index", content[: len(content) // 2]):
        (tmp_path / "index.faiss").write_bytes(broken)
        with pytest.raises(BundleDamaged, match="Build the index again"):
            ExactIndex.open(tmp_path / "index.faiss", tmp_path / "vectors.npy")


def test_an_index_of_other_vectors_is_damage(tmp_path: Path) -> None:
    opened(tmp_path, unit_rows(50))
    np.save(tmp_path / "vectors.npy", unit_rows(49))
    with pytest.raises(BundleDamaged, match="49"):
        ExactIndex.open(tmp_path / "index.faiss", tmp_path / "vectors.npy")


def test_an_index_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        write_index(unit_rows(2), tmp_path / "no such folder" / "index.faiss")
