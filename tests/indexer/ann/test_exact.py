from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from indexer.ann import ExactIndex, Selection, exact, ranking, write_index
from models.contracts import Float32Array
from models.errors import BundleDamaged
from tests.indexer.ann.vectors import WIDTH, by_hand, unit_rows


def opened(folder: Path, vectors: Float32Array) -> ExactIndex:
    np.save(folder / "vectors.npy", vectors)
    write_index(vectors, folder / "index.faiss")
    return ExactIndex.open(folder / "index.faiss", folder / "vectors.npy")


@pytest.mark.parametrize("limit", [1, 7, 200, 1500])
def test_the_ranking_is_that_of_a_full_sort(tmp_path: Path, limit: int) -> None:
    vectors = unit_rows(1500)
    index = opened(tmp_path, vectors)
    for query in unit_rows(3, seed=1):
        found = index.search(query, limit)
        scores, rows = found.scores, found.rows
        assert rows.tolist() == by_hand(vectors, query, limit)
        assert np.abs(scores - vectors[rows] @ query).max() < 1e-6


def test_rows_closer_than_half_precision_can_tell_are_ranked_right(tmp_path: Path) -> None:
    query = unit_rows(1)[0]
    noise = unit_rows(400, seed=2) * np.float32(2e-4)
    vectors = query + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = opened(tmp_path, vectors).search(query, 10).rows
    assert rows.tolist() == by_hand(vectors, query, 10)


def test_equal_rows_keep_their_order_even_across_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "_ROWS_PER_PRODUCT", 64)
    vectors = unit_rows(900)
    vectors[100:700] = vectors[5]
    found = opened(tmp_path, vectors).search(vectors[5], 50)
    scores, rows = found.scores, found.rows
    assert rows.tolist() == [5, *range(100, 149)]
    assert len(set(scores.tolist())) == 1


def test_a_limit_beyond_the_size_gives_every_row(tmp_path: Path) -> None:
    rows = opened(tmp_path, unit_rows(3)).search(unit_rows(1)[0], 10**9).rows
    assert sorted(rows.tolist()) == [0, 1, 2]


def test_many_threads_get_the_answers_of_one(tmp_path: Path) -> None:
    index = opened(tmp_path, unit_rows(2000))
    queries = unit_rows(64, seed=3)
    alone = [index.search(query, 20).rows.tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: index.search(query, 20).rows.tolist(), queries))
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


def selection(size: int, share: float, seed: int) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.random.default_rng(seed).random(size) < share)


@pytest.mark.parametrize("share", [0.0, 0.002, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("small", [0, 100, 5000])
def test_only_selected_rows_answer_and_as_many_as_wanted_if_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, small: int
) -> None:
    monkeypatch.setattr(exact, "SMALL_SELECTION", small)
    vectors = unit_rows(1500)
    index = opened(tmp_path, vectors)
    chosen = selection(1500, share, seed=4)
    for query in unit_rows(2, seed=5):
        found = index.search(query, 20, chosen)
        expected = [int(chosen[place]) for place in by_hand(vectors[chosen], query, 20)]
        assert found.rows.tolist() == expected
        assert len(expected) == min(20, len(chosen))
        assert found.scanned == len(chosen)
        assert found.recall == 1
        assert found.strategy == ("selected rows" if len(chosen) <= small else "scan")


def test_selected_rows_that_are_nearly_equal_are_ranked_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "SMALL_SELECTION", 0)
    query = unit_rows(1)[0]
    vectors = query + unit_rows(400, seed=2) * np.float32(2e-4)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen = selection(400, 0.5, seed=6)
    rows = opened(tmp_path, vectors).search(query, 10, chosen).rows
    assert rows.tolist() == [int(chosen[place]) for place in by_hand(vectors[chosen], query, 10)]


def test_a_row_whose_copy_differs_is_found(tmp_path: Path) -> None:
    vectors = unit_rows(50)
    opened(tmp_path, vectors)
    vectors[7], vectors[9] = -vectors[7], vectors[10]
    np.save(tmp_path / "vectors.npy", vectors)
    index = ExactIndex.open(tmp_path / "index.faiss", tmp_path / "vectors.npy")
    assert index.disagreeing(np.arange(50)).tolist() == [7, 9]


def test_a_selection_of_another_index_is_an_error(tmp_path: Path) -> None:
    index = opened(tmp_path, unit_rows(50))
    with pytest.raises(ValueError, match="rows of 40 are selected, the index has 50"):
        index.search(unit_rows(1)[0], 3, Selection(np.arange(3), 40))
