"""Rankings without sources equal those of galleries from which the source was truly taken."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models.contracts import Float32Array
from models.errors import ConfigurationInvalid
from models.parts import Parts
from models.visual_neighbours import nearest_images, rerank_by_visual_neighbours
from tests.fakes import ColourEncoder
from training.evaluation import ranking
from training.evaluation.ranking import (
    Reranking,
    SecondStage,
    best_candidates,
    best_candidates_without_sources,
    encode_in_batches,
    require_rerankable,
    require_scorer,
    rerank,
    rerank_without_sources,
    score_candidates,
)


def draw(
    seed: int, texts: int, crops: int
) -> tuple[Float32Array, Float32Array, npt.NDArray[np.int64]]:
    """Similarities ``(q, g)`` with ties, unit rows ``(g, d)`` with duplicates, and sources."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(crops, 4)).astype(np.float32)
    rows[crops // 2] = rows[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    similarity = rng.normal(size=(texts, crops)).round(1).astype(np.float32)
    sources = rng.integers(crops, size=texts)
    # Half of the sources are the best crop of their text, as they tend to be.
    similarity[np.arange(0, texts, 2), sources[::2]] = 9
    return similarity, rows, sources


@pytest.mark.parametrize("k", [1, 2, 3, 5, 8])
def test_re_ranking_without_a_source_is_that_of_a_gallery_without_it(k: int) -> None:
    similarity, rows, sources = draw(k, texts=30, crops=9)
    raised = rerank_without_sources(Reranking("rvn", 0.3, k), similarity, rows, sources)
    assert raised is not None
    for query, source in enumerate(sources):
        kept = np.delete(np.arange(9), source)
        neighbours = nearest_images(rows[kept], k=k)
        expected = rerank_by_visual_neighbours(
            similarity[query : query + 1, kept], neighbours, alpha=0.3, k=k
        )[0]
        assert np.array_equal(raised[query, kept], expected)


def test_a_source_would_otherwise_raise_the_crops_that_look_like_it() -> None:
    # Crops 0 and 1 are alike, and so are 2 and 3. The text was written for crop 0.
    rows = np.array([(1, 0), (1, 0.1), (0, 1), (0.1, 1)], np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    similarity = np.array([[0.9, 0.1, 0.3, 0.2]], np.float32)
    options = Reranking("rvn", 1.0, 1)
    with_source = rerank(options, similarity, rows)
    without = rerank_without_sources(options, similarity, rows, np.array([0]))
    assert without is not None
    assert with_source.tolist() == [pytest.approx([1.9, 0.1, 0.3, 0.2])]
    assert without[0, 1:].tolist() == pytest.approx([0.1, 1.3, 0.2])


def test_shipped_re_ranking_says_nothing_without_sources() -> None:
    similarity, rows, sources = draw(0, texts=30, crops=9)
    options = Reranking("nafs_shipped", 1.0, 3)
    assert rerank_without_sources(options, similarity, rows, sources) is None
    assert options.note == "depends on row order"
    assert Reranking("rvn", 1.0, 3).note is None


def test_as_many_neighbours_as_crops_leave_no_room_for_a_missing_source() -> None:
    similarity, rows, sources = draw(0, texts=4, crops=5)
    with pytest.raises(ConfigurationInvalid, match=r"5 neighbours of 5 crops.*there are 4"):
        rerank_without_sources(Reranking("rvn", 0.1, 5), similarity, rows, sources)


@pytest.mark.parametrize("candidates", [1, 3, 8, 9, 50])
def test_candidates_without_a_source_are_those_of_a_gallery_without_it(candidates: int) -> None:
    similarity, _, sources = draw(candidates, texts=30, crops=9)
    chosen = best_candidates_without_sources(similarity, sources, candidates)
    for query, source in enumerate(sources):
        kept = np.delete(np.arange(9), source)
        expected = best_candidates(similarity[query : query + 1, kept], candidates)[0]
        assert np.array_equal(chosen[query, kept], expected)
        assert not chosen[query, source]


def test_candidates_are_the_best_and_of_equals_the_first() -> None:
    similarity = np.array([[0.1, 0.7, 0.3, 0.3], [0, 0, 0, 0]], np.float32)
    assert best_candidates(similarity, 2).astype(int).tolist() == [[0, 1, 1, 0], [1, 1, 0, 0]]
    assert best_candidates(similarity, 9).all()


class Adding(ColourEncoder):
    @property
    def part_scorer(self) -> "Adder":
        return Adder()


class Adder:
    """A crop's score is the length of the text times its first part."""

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        return np.ones((len(images), 1, 1), np.float32)

    def prepare(self, text: str) -> int:
        return len(text)

    def score(self, prepared: int, parts: Parts) -> Float32Array:
        scores: Float32Array = np.float32(prepared) * parts.values[:, 0, 0].astype(np.float32)
        return scores


def test_only_wanted_crops_are_scored() -> None:
    parts = np.array([2, 3, 5], np.float32).reshape(3, 1, 1)
    wanted = np.array([[1, 0, 1], [0, 0, 0]], bool)
    scores = score_candidates(SecondStage(Adding()), parts, ["four", "five"], wanted)
    assert scores.tolist() == [[8, 0, 20], [0, 0, 0]]
    half = SecondStage(Adding(), weight=0.5)
    assert score_candidates(half, parts, ["four", "five"], wanted).tolist() == [
        [4, 0, 10],
        [0, 0, 0],
    ]


def test_crops_are_opened_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "CROPS_AT_ONCE", 3)
    sizes: list[int] = []
    told: list[tuple[int, int]] = []

    def encode(images: Sequence[Image.Image]) -> Float32Array:
        sizes.append(len(images))
        return np.array([[image.getpixel((0, 0))] for image in images], np.float32)

    rows = encode_in_batches(
        encode, partial(Image.new, "L", (1, 1)), 7, lambda done, of: told.append((done, of))
    )
    assert rows.tolist() == [[0], [1], [2], [3], [4], [5], [6]]
    assert sizes == [3, 3, 1]
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_a_model_without_parts_has_no_second_stage() -> None:
    with pytest.raises(ConfigurationInvalid, match="'colour' has one stage only"):
        require_scorer(ColourEncoder())


def test_impossible_re_rankings_are_refused_beforehand() -> None:
    with pytest.raises(ConfigurationInvalid, match="not 4 and 5"):
        require_rerankable(Reranking("nafs_shipped", 1.0, 2), 4, 5, None)
    with pytest.raises(ConfigurationInvalid, match="score 5 candidates instead of 4"):
        require_rerankable(Reranking("rvn", 1.0, 2), 4, 5, 4)
    require_rerankable(Reranking("rvn", 1.0, 2), 4, 5, 5)
