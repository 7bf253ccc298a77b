from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from indexer.ann import (
    EXACT,
    IVF_KIND,
    IndexDescription,
    IvfIndex,
    Selection,
    ivf,
    open_index,
)
from indexer.ann.calibration import text_like_queries
from indexer.ann.description import MeasuredProbes
from indexer.ann.ivf_building import number_of_lists, write_ivf
from models.contracts import Float32Array
from models.errors import BundleDamaged
from tests.indexer.ann.vectors import by_hand, crowd, open_lists, unit_rows, write_lists

SIZE = 6000
Written = tuple[Path, IndexDescription]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("lists")
    return folder, write_lists(folder, crowd(SIZE))


@pytest.fixture
def index(written: Written) -> IvfIndex:
    return open_lists(*written)


def recall(index: IvfIndex, queries: Float32Array, rows: np.ndarray, limit: int = 10) -> float:
    selected = None if len(rows) == index.size else Selection(rows, index.size)
    hits = 0
    for query in queries:
        true = rows[np.argsort(-(index.vectors[rows] @ query))[:limit]]
        hits += len(set(true) & set(index.search(query, limit, selected).rows.tolist()))
    return hits / (limit * len(queries))


def test_far_queries_find_what_was_promised(index: IvfIndex, written: Written) -> None:
    queries = text_like_queries(index.vectors, 100, seed=5)
    found = index.search(queries[0], 10)
    assert found.strategy == "lists"
    assert found.scanned < SIZE
    assert found.recall == written[1].recall >= 0.99
    assert recall(index, queries, np.arange(SIZE)) >= 0.98


def test_long_answers_are_as_complete_as_short_ones(index: IvfIndex) -> None:
    queries = text_like_queries(index.vectors, 50, seed=16)
    assert index.search(queries[0], 100).scanned > index.search(queries[0], 10).scanned
    assert recall(index, queries, np.arange(SIZE), limit=100) >= 0.98


def test_scores_are_those_of_the_vectors_best_first(index: IvfIndex) -> None:
    for query in text_like_queries(index.vectors, 5, seed=6):
        found = index.search(query, 30)
        assert found.scores == pytest.approx(index.vectors[found.rows] @ query, abs=1e-6)
        assert (np.diff(found.scores) <= 0).all()


def test_equal_rows_are_ranked_by_row(tmp_path: Path) -> None:
    vectors = crowd(SIZE)
    vectors[[40, 999, 5000]] = vectors[2]
    index = open_lists(tmp_path, write_lists(tmp_path, vectors))
    assert index.search(vectors[2], 4).rows.tolist() == [2, 40, 999, 5000]


@pytest.mark.parametrize("share", [0.9, 0.3, 0.05, 0.002, 0.0])
@pytest.mark.parametrize("small", [0, 100])
def test_as_many_selected_rows_as_wanted_answer_if_there_are(
    index: IvfIndex, monkeypatch: pytest.MonkeyPatch, share: float, small: int
) -> None:
    monkeypatch.setattr(ivf, "SMALL_SELECTION", small)
    monkeypatch.setattr(ivf, "PASSED_PER_COMPARED", SIZE)
    mask = np.random.default_rng(7).random(SIZE) < share
    for limit in (1, 20, 150):
        found = index.search(unit_rows(1, seed=8, width=64)[0], limit, Selection.of_mask(mask))
        assert len(found.rows) == min(limit, int(mask.sum()))
        assert mask[found.rows].all()
        assert len(set(found.rows.tolist())) == len(found.rows)
        assert found.scanned <= mask.sum()


def test_rows_of_the_farthest_lists_are_found_if_no_others_may_answer(
    index: IvfIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivf, "SMALL_SELECTION", 0)
    monkeypatch.setattr(ivf, "PASSED_PER_COMPARED", SIZE)
    query = index.vectors[0]
    farthest = np.sort(np.argsort(index.vectors @ query)[:400])
    found = index.search(query, 60, Selection(farthest, SIZE))
    assert found.strategy == "lists"
    assert len(found.rows) == 60
    assert set(found.rows.tolist()) <= set(farthest.tolist())


def test_a_narrow_filter_keeps_the_promised_recall(
    index: IvfIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivf, "SMALL_SELECTION", 0)
    monkeypatch.setattr(ivf, "PASSED_PER_COMPARED", SIZE)
    rows = np.flatnonzero(np.random.default_rng(9).random(SIZE) < 0.1)
    assert recall(index, text_like_queries(index.vectors, 60, seed=10), rows) >= 0.97


def test_few_selected_rows_are_compared_exactly(index: IvfIndex) -> None:
    rows = np.arange(3, SIZE, 40)
    query = unit_rows(1, seed=11, width=64)[0]
    found = index.search(query, 12, rows)
    assert found.rows.tolist() == [int(rows[at]) for at in by_hand(index.vectors[rows], query, 12)]
    assert (found.strategy, found.scanned, found.recall) == ("selected rows", len(rows), 1)


@pytest.mark.parametrize(("passed", "strategy"), [(0, "selected rows"), (SIZE, "lists")])
def test_rows_are_compared_one_by_one_where_lists_would_pass_over_far_more(
    index: IvfIndex, monkeypatch: pytest.MonkeyPatch, passed: int, strategy: str
) -> None:
    monkeypatch.setattr(ivf, "SMALL_SELECTION", 0)
    monkeypatch.setattr(ivf, "PASSED_PER_COMPARED", passed)
    query = text_like_queries(index.vectors, 1, seed=17)[0]
    found = index.search(query, 5, np.arange(0, SIZE, 10))
    assert found.strategy == strategy
    assert len(found.rows) == 5


def test_a_limit_beyond_the_size_gives_every_row_in_order(index: IvfIndex) -> None:
    query = unit_rows(1, seed=12, width=64)[0]
    found = index.search(query, 10**9)
    assert (found.strategy, found.scanned, found.recall) == ("scan", SIZE, 1)
    assert sorted(found.rows.tolist()) == list(range(SIZE))
    assert (np.diff(found.scores) <= 0).all()


def test_scanned_counts_the_rows_of_the_probed_lists_that_may_answer(index: IvfIndex) -> None:
    query = text_like_queries(index.vectors, 1, seed=13)[0]
    mask = np.random.default_rng(14).random(SIZE) < 0.5
    found = index.probe(query, 5, Selection.of_mask(mask), 3, 1.0)
    nearest = index.lists_by_score(index.turned(query))[:3]
    assert found.scanned == int((np.isin(index.list_of_row, nearest) & mask).sum())


def test_many_threads_get_the_answers_of_one(written: Written) -> None:
    index = open_lists(*written)
    selected = Selection.of_mask(np.arange(SIZE) % 2 == 0)
    queries = text_like_queries(index.vectors, 64, seed=15)

    def rows(query: Float32Array) -> list[int]:
        return [*index.search(query, 9).rows.tolist(), *index.search(query, 9, selected).rows]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(rows, queries))
    assert together == [rows(query) for query in queries]


def test_the_same_vectors_give_the_same_file(tmp_path: Path) -> None:
    contents, descriptions = [], []
    for _ in range(2):
        descriptions.append(write_lists(tmp_path, crowd(3000)))
        contents.append((tmp_path / "index.faiss").read_bytes())
    assert contents[0] == contents[1]
    assert descriptions[0] == descriptions[1]


def test_vectors_that_vary_in_few_directions_are_cut_to_those(
    tmp_path: Path, written: Written
) -> None:
    assert written[1].code_width == 16  # of 64, of which a quarter carries the variance
    assert write_lists(tmp_path, unit_rows(3000)).code_width == 32  # all vary alike


def test_opening_reads_no_list(tmp_path: Path) -> None:
    vectors = unit_rows(50_000, width=64)
    np.save(tmp_path / "vectors.npy", vectors)
    write_ivf(vectors, tmp_path / "index.faiss", seed=0)
    measured = (MeasuredProbes(share=1, probes=9, recall=0.5),)
    lists = number_of_lists(len(vectors))
    described = IndexDescription(kind=IVF_KIND, lists=lists, measured=measured)
    before = psutil.Process().memory_full_info().uss
    index = open_lists(tmp_path, described)
    added = psutil.Process().memory_full_info().uss - before
    assert index.size == 50_000
    assert (tmp_path / "index.faiss").stat().st_size > 3_600_000
    assert added < 1_500_000


def test_a_row_whose_code_is_not_its_vector_s_is_found(tmp_path: Path) -> None:
    vectors = crowd(3000)
    description = write_lists(tmp_path, vectors)
    vectors[[7, 1234]] = -vectors[[7, 1234]]
    np.save(tmp_path / "vectors.npy", vectors)
    index = open_lists(tmp_path, description)
    assert index.disagreeing(np.arange(0, 3000)).tolist() == [7, 1234]


@pytest.mark.parametrize("size", [1, 5, 40])
def test_few_rows_are_an_index_too(tmp_path: Path, size: int) -> None:
    vectors = unit_rows(size)
    index = open_lists(tmp_path, write_lists(tmp_path, vectors))
    assert index.search(vectors[0], 50).rows.tolist() == by_hand(vectors, vectors[0], 50)


def test_a_file_that_is_cut_short_is_damage(tmp_path: Path) -> None:
    description = write_lists(tmp_path, crowd(3000))
    content = (tmp_path / "index.faiss").read_bytes()
    for broken in (b"", content[:100], content[: len(content) // 2]):
        (tmp_path / "index.faiss").write_bytes(broken)
        with pytest.raises(BundleDamaged, match="Build the index again"):
            open_lists(tmp_path, description)


def test_a_description_of_other_lists_is_damage(written: Written) -> None:
    folder, description = written
    for other in ({"lists": 7}, {"measured": ()}):
        with pytest.raises(BundleDamaged, match="Build the index again"):
            open_lists(folder, description.model_copy(update=other))
    with pytest.raises(BundleDamaged, match="no exact index"):
        open_index(folder / "index.faiss", folder / "vectors.npy", EXACT)
