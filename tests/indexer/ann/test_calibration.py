from pathlib import Path

import numpy as np
import pytest

from indexer.ann import IVF_KIND, write_index
from indexer.ann.calibration import text_like_queries
from tests.indexer.ann.vectors import crowd, open_lists, unit_rows, write_lists


def test_queries_are_as_far_from_every_row_as_texts_are() -> None:
    vectors = crowd(5000, width=256)
    queries = text_like_queries(vectors, 100, seed=1)
    assert queries.shape == (100, 256)
    assert queries.dtype == np.float32
    assert np.linalg.norm(queries, axis=1) == pytest.approx(np.ones(100), abs=1e-5)
    assert np.median((queries @ vectors.T).max(axis=1)) == pytest.approx(0.25, abs=0.005)


def test_a_direction_that_all_rows_share_is_no_part_of_a_query() -> None:
    vectors = crowd(5000, width=256) * np.float32(0.6)
    vectors[:, 255] = 0.8
    queries = text_like_queries(vectors, 200, seed=1)
    # Of noise alone, a direction of 256 would have 1/16 in the root of the mean of squares.
    assert np.sqrt((queries[:, 255] ** 2).mean()) < 0.07
    assert abs(queries[:, 255].mean()) < 0.02


def test_where_noise_comes_nearer_than_texts_queries_are_noise_alone() -> None:
    vectors = unit_rows(2000, width=8)
    queries = text_like_queries(vectors, 50, seed=1)
    assert np.median((queries @ vectors.T).max(axis=1)) > 0.5
    assert np.isfinite(queries).all()


def test_one_row_gives_finite_queries() -> None:
    queries = text_like_queries(unit_rows(1), 7, seed=1)
    assert np.linalg.norm(queries, axis=1) == pytest.approx(np.ones(7), abs=1e-5)


def test_more_recall_takes_more_lists_and_is_measured_to_be_reached(tmp_path: Path) -> None:
    vectors = crowd(10_000)
    measured = [write_lists(tmp_path, vectors, recall).measured for recall in (0.6, 0.95)]
    assert [each[0].share for each in measured] == [1, 1]
    probes = [each[0].probes for each in measured]
    assert probes == sorted(set(probes))
    for wanted, each in zip((0.6, 0.95), measured, strict=True):
        assert each[0].recall >= wanted
        assert each[1].share == 0.1
        assert each[1].probes >= each[0].probes


def test_recall_is_that_of_the_best_ten_found(tmp_path: Path) -> None:
    vectors = crowd(6000)
    queries = unit_rows(20, seed=3, width=64)
    np.save(tmp_path / "vectors.npy", vectors)
    description = write_index(
        vectors, tmp_path / "index.faiss", IVF_KIND, recall=0.5, queries=queries
    )
    index = open_lists(tmp_path, description)
    hits, tops = 0, []
    for query in queries:
        scores = vectors.astype(np.float64) @ query
        true = sorted(range(len(vectors)), key=scores.__getitem__, reverse=True)[:10]
        hits += len(set(true) & set(index.search(query, 10).rows.tolist()))
        tops.append(scores[true[0]])
    assert description.queries == 20
    assert description.recall == pytest.approx(hits / 200)
    assert description.top_cosine == pytest.approx(np.median(tops), abs=1e-5)
