"""Against numbers recorded from NAFS' own features, and against sets, pair by pair."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.errors import ConfigurationInvalid
from models.visual_neighbours import (
    best_ids,
    further_candidates,
    intersection_over_union,
    nearest_images,
    rerank_by_visual_neighbours,
    rerank_candidates,
    reverse_neighbours,
)

Floats = npt.NDArray[np.float32]

RECORDED = Path(__file__).parent.parent / "reference" / "nafs" / "nafs.pt"


@pytest.fixture(scope="module")
def case() -> dict[str, Any]:
    """Features of 180 crops and 360 texts, and what NAFS' method makes of them."""
    recorded = torch.load(RECORDED, weights_only=True)
    content = recorded["cases"]["rerank"]
    return {
        key: value.numpy() if isinstance(value, torch.Tensor) else value
        for key, value in content.items()
    }


def unit(rows: npt.NDArray[Any]) -> Floats:
    scaled: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def in_order(scores: npt.NDArray[Any]) -> list[int]:
    return sorted(range(len(scores)), key=lambda index: (-scores[index], index))


def rerank_pair_by_pair(
    text_to_image: Floats, image_to_image: Floats, alpha: float, k: int
) -> Floats:
    """The formula as it is written, with sets."""
    result = np.empty_like(text_to_image)
    of_images = [set(in_order(row)[:k]) for row in image_to_image]
    for text, row in enumerate(text_to_image):
        of_text = set(in_order(row)[:k])
        for image, of_image in enumerate(of_images):
            ratio = len(of_text & of_image) / len(of_text | of_image)
            result[text, image] = row[image] + np.float32(alpha) * np.float32(ratio)
    return result


def matches_at(
    similarity: Floats, labels: tuple[npt.NDArray[Any], npt.NDArray[Any]]
) -> list[float]:
    """Percentages of queries with a match among the first 1, 5 and 10, as NAFS reports them."""
    order = np.argsort(-similarity, axis=1, kind="stable")
    relevant = labels[1][order] == labels[0][:, None]
    return [100 * float(relevant[:, :k].any(1).mean()) for k in (1, 5, 10)]


def random_gallery(seed: int, crops: int = 40) -> tuple[Floats, Floats]:
    """Rows of few whole numbers, so that many products are equal, and some rows twice."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-1, 2, (crops, 6)).astype(np.float32)
    rows[1::4] = rows[::4]
    texts = rng.integers(-1, 2, (25, 6)).astype(np.float32)
    return texts @ rows.T, rows


def test_neighbours_and_overlap_equal_the_recorded_ones(case: dict[str, Any]) -> None:
    texts = best_ids(case["sim_all"].T, k=5)
    images = nearest_images(unit(case["img"]), k=5)
    assert np.array_equal(texts, case["N_text_top5_images"])
    assert np.array_equal(images, case["N_image_top5_images"])
    assert np.array_equal(intersection_over_union(texts, images), case["iou_correct"].T)


def test_best_ten_and_figures_equal_the_recorded_ones(case: dict[str, Any]) -> None:
    rows, labels = unit(case["img"]), (case["txt_labels"], case["img_labels"])
    base = np.ascontiguousarray(case["sim_all"].T)
    reranked = rerank_by_visual_neighbours(base, rows @ rows.T, alpha=1, k=5)
    assert np.array_equal(reranked, base + case["iou_correct"].T)
    assert np.array_equal(best_ids(base, k=10), case["top10_t2i_before"])
    assert np.array_equal(best_ids(reranked, k=10), case["top10_t2i_correct"])
    before = case["metrics_no_rerank(global,local,all)"][2][3:]
    assert matches_at(base, labels) == pytest.approx(before, rel=1e-6)
    assert matches_at(reranked, labels) == pytest.approx(case["metrics_correct_t2i(all)"], rel=1e-6)


@pytest.mark.parametrize(
    ("alpha", "name"), [(0, "before"), (1, "correct_alpha1"), (0.05, "correct_alpha0.05")]
)
def test_figures_of_the_global_score_alone_equal_the_recorded_ones(
    case: dict[str, Any], alpha: float, name: str
) -> None:
    base = np.ascontiguousarray(case["sim_global"].T)
    neighbours = nearest_images(unit(case["img"]), k=5)
    reranked = rerank_by_visual_neighbours(base, neighbours, alpha=alpha, k=5)
    figures = matches_at(reranked, (case["txt_labels"], case["img_labels"]))
    assert figures == pytest.approx(case["global_only"][name], rel=1e-6)


def test_the_order_of_the_rows_changes_nothing(case: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    images, texts = rng.permutation(180), rng.permutation(360)
    rows, base = unit(case["img"]), case["sim_all"].T
    reranked = rerank_by_visual_neighbours(base, nearest_images(rows, k=5), alpha=1, k=5)
    shuffled = rerank_by_visual_neighbours(
        base[texts][:, images], nearest_images(rows[images], k=5), alpha=1, k=5
    )
    assert np.array_equal(shuffled, reranked[texts][:, images])
    labels = (case["txt_labels"][texts], case["img_labels"][images])
    assert matches_at(shuffled, labels) == pytest.approx(case["metrics_correct_t2i(all)"], rel=1e-6)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_ties_and_duplicates_are_ranked_as_sets_say(k: int) -> None:
    for seed in range(4):
        scores, rows = random_gallery(seed)
        cosines = rows @ rows.T  # exact: whole numbers
        assert nearest_images(rows, k=k).tolist() == [in_order(row)[:k] for row in cosines]
        expected = rerank_pair_by_pair(scores, cosines, 0.3, k)
        assert np.array_equal(
            rerank_by_visual_neighbours(scores, cosines, alpha=0.3, k=k), expected
        )
        lists = nearest_images(rows, k=k)
        assert np.array_equal(rerank_by_visual_neighbours(scores, lists, alpha=0.3, k=k), expected)


def test_duplicates_tie_although_their_numbers_cannot_be_summed_exactly() -> None:
    rows = unit(np.random.default_rng(3).standard_normal((301, 97)))
    rows[[50, 220, 300]] = rows[7]
    nearest = nearest_images(rows, k=4)
    assert all(nearest[row].tolist() == [7, 50, 220, 300] for row in (7, 50, 220, 300))
    assert (nearest[8:50, 0] == np.arange(8, 50)).all()


def test_a_large_gallery_is_worked_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(np.random.default_rng(5).standard_normal((90, 8)))
    scores = unit(np.random.default_rng(6).standard_normal((30, 8))) @ rows.T
    whole = rerank_by_visual_neighbours(scores, nearest_images(rows, k=6), alpha=0.2, k=6)
    monkeypatch.setattr("models.visual_neighbours._CELLS_AT_ONCE", 200)
    parts = rerank_by_visual_neighbours(scores, nearest_images(rows, k=6), alpha=0.2, k=6)
    assert np.array_equal(parts, whole)


def test_longer_stored_lists_serve_fewer_neighbours() -> None:
    scores, rows = random_gallery(9)
    short = rerank_by_visual_neighbours(scores, nearest_images(rows, k=3), alpha=1, k=3)
    long = rerank_by_visual_neighbours(scores, nearest_images(rows, k=20), alpha=1, k=3)
    assert np.array_equal(short, long)


def test_reverse_lists_say_whose_neighbour_a_crop_is() -> None:
    neighbours = np.array([[0, 1], [1, 0], [2, 0], [3, 2]])
    reverse = reverse_neighbours(neighbours)
    assert reverse.starts.tolist() == [0, 3, 5, 7, 8]
    assert reverse.ids.tolist() == [0, 1, 2, 0, 1, 2, 3, 3]
    places, holders = reverse.of(np.array([3, 0]))
    assert places.tolist() == [0, 1, 1, 1]
    assert holders.tolist() == [3, 0, 1, 2]


def rerank_short_list(
    scores: Floats, neighbours: npt.NDArray[Any], k: int, best: int
) -> tuple[list[int], Floats, int]:
    """The best ten of one text from its ``best`` crops and those that share neighbours."""
    reverse = reverse_neighbours(neighbours)
    ids = best_ids(scores[None], k=best)[0]
    ids = np.concatenate([ids, further_candidates(ids, reverse, k=k)])
    ranked, raised = rerank_candidates(ids, scores[ids], neighbours, alpha=0.5, k=k)
    return ranked[:10].tolist(), raised[:10], len(ids)


def test_a_short_list_has_the_best_ten_of_the_whole_gallery(case: dict[str, Any]) -> None:
    neighbours = nearest_images(unit(case["img"]), k=5)
    scores = np.ascontiguousarray(case["sim_all"].T)
    full = rerank_by_visual_neighbours(scores, neighbours, alpha=0.5, k=5)
    expected = best_ids(full, k=10)
    sizes = []
    for text, row in enumerate(scores):
        ids, raised, size = rerank_short_list(row, neighbours, 5, 10)
        assert ids == expected[text].tolist()
        assert np.array_equal(raised, full[text, ids])
        sizes.append(size)
    assert np.mean(sizes) < 40  # of 180


def test_a_short_list_has_the_best_ten_despite_ties() -> None:
    for seed in range(20):
        scores, rows = random_gallery(seed, crops=60)
        neighbours = nearest_images(rows, k=5)
        full = rerank_pair_by_pair(scores, rows @ rows.T, 0.5, 5)
        for text, row in enumerate(scores):
            assert rerank_short_list(row, neighbours, 5, 10)[0] == in_order(full[text])[:10]


def test_further_candidates_leave_out_those_already_there() -> None:
    neighbours = np.array([[0, 1], [1, 0], [2, 0], [3, 2]])
    reverse = reverse_neighbours(neighbours)
    assert further_candidates(np.array([0, 1]), reverse, k=1).tolist() == [2]
    assert further_candidates(np.array([2, 3, 0]), reverse, k=2).tolist() == []


SCORES = np.zeros((2, 4), np.float32)
LISTS = np.array([[0, 1], [1, 0], [2, 0], [3, 2]])


@pytest.mark.parametrize(
    ("scores", "images", "alpha", "k", "message"),
    [
        (SCORES, LISTS, 1.0, 0, "0 neighbours of 4 crops: use 1 to 4"),
        (SCORES, SCORES[[0, 0, 0, 0]], 1.0, 5, "5 neighbours of 4 crops"),
        (SCORES, LISTS, float("nan"), 2, "alpha is nan"),
        (SCORES, LISTS, float("inf"), 2, "alpha is inf"),
        (SCORES, LISTS, -0.1, 2, r"alpha is -0\.1"),
        (SCORES[0], LISTS, 1.0, 2, r"shape \(4,\)"),
        (SCORES, SCORES, 1.0, 2, r"shape \(2, 4\).*\(4, 4\) is needed"),
        (SCORES, LISTS[:3], 1.0, 2, "lists of 3 crops beside similarities to 4"),
        (SCORES, LISTS, 1.0, 3, "at least 3"),
        (SCORES, LISTS + 1, 1.0, 2, "crop 4 is not among the 4 crops"),
        (SCORES, LISTS - 1, 1.0, 2, "crop -1 is not among the 4 crops"),
        (SCORES, LISTS // 2, 1.0, 2, "names a crop twice"),
        (SCORES + np.float32(np.nan), LISTS, 1.0, 2, "NaN"),
    ],
)
def test_what_cannot_be_re_ranked_is_refused(
    scores: Floats, images: npt.NDArray[Any], alpha: float, k: int, message: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=message):
        rerank_by_visual_neighbours(scores, images, alpha=alpha, k=k)


def test_a_short_list_of_another_gallery_is_refused() -> None:
    reverse = reverse_neighbours(LISTS)
    with pytest.raises(ConfigurationInvalid, match="crop 4 is not among the 4 crops"):
        further_candidates(np.array([4]), reverse, k=1)
    with pytest.raises(ConfigurationInvalid, match="crop -1 is not among"):
        rerank_candidates(np.array([0, -1]), SCORES[0, :2], LISTS, alpha=1, k=2)
    with pytest.raises(ConfigurationInvalid, match="candidate comes twice"):
        rerank_candidates(np.array([1, 1]), SCORES[0, :2], LISTS, alpha=1, k=1)
    with pytest.raises(ConfigurationInvalid, match="one score an id"):
        rerank_candidates(np.array([1]), SCORES[0, :2], LISTS, alpha=1, k=1)


def test_rows_that_are_no_table_and_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"shape \(3,\)"):
        nearest_images(np.zeros(3, np.float32), k=1)
    with pytest.raises(ConfigurationInvalid, match="lists of 2 and of 1"):
        intersection_over_union(LISTS, LISTS[:, :1])
    with pytest.raises(ConfigurationInvalid, match="hold float64"):
        reverse_neighbours(LISTS / 1)  # type: ignore[arg-type]
