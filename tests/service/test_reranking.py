"""The second stage over a real gallery, beside its formulas written out by hand."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from indexer.build import build
from indexer.gallery import Gallery, open_gallery
from indexer.preparation import BuildOptions
from service.column_filters import filters_of
from service.queries import QueryRefused, SearchRequest
from service.ranking import RankedHit, Ranking
from service.reranking import RerankDefaults
from service.searcher import Searcher, SearchQuery
from tests.fakes import COLOURS, ColourEncoder
from tests.indexer.conftest import draw
from tests.service.two_stages import SIZE, TwoStageEncoder, build_two_stage_gallery

Float64Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    index = build_two_stage_gallery(tmp_path_factory.mktemp("two stages"))
    with closing(open_gallery(index, TwoStageEncoder().card)) as opened:
        yield opened


@pytest.fixture(scope="module")
def searcher(gallery: Gallery) -> Searcher:
    return Searcher(TwoStageEncoder(), gallery)


def answer(searcher: Searcher, rerank: object = None, **more: object) -> Ranking:
    asked = {"text": "red", "limit": 200, "rerank": rerank} | more
    request = SearchRequest.model_validate(asked)
    return searcher.answer(SearchQuery(request, filters_of(request.filters)))


def first_stage(searcher: Searcher, **more: object) -> list[RankedHit]:
    return answer(searcher, None, **more).hits


def top_half_scores(gallery: Gallery, hits: list[RankedHit]) -> Float64Array:
    """Return the second stage's scores: product of the stored upper halves and the colour."""
    parts = gallery.parts([hit.crop.id for hit in hits])
    assert parts is not None
    scores: Float64Array = parts.values[:, 0].astype(np.float64) @ np.array(COLOURS["red"])
    return scores


def standardised(values: Float64Array) -> Float64Array:
    scores: Float64Array = (values - values.mean()) / values.std()
    return scores


def ids(hits: list[RankedHit]) -> list[str]:
    return [hit.crop.id for hit in hits]


@pytest.mark.parametrize("alpha", [0.5, 3.0])
def test_parts_order_the_best_by_the_sum_of_standard_scores(
    searcher: Searcher, gallery: Gallery, alpha: float
) -> None:
    before = first_stage(searcher)
    found = answer(searcher, {"method": "nafs", "k": 20, "alpha": alpha})
    assert found.reranked_by == ("parts",)
    first = np.array([hit.score for hit in before[:20]])
    second = top_half_scores(gallery, before[:20])
    total = standardised(first) + alpha * standardised(second)
    expected = [before[place].crop.id for place in np.argsort(-total)]
    assert ids(found.hits) == expected + ids(before[20:])
    assert expected != ids(before[:20])
    for hit in found.hits[:20]:
        place = ids(before).index(hit.crop.id)
        assert hit.first_stage_rank == place + 1
        assert hit.first_stage_score == before[place].score
        assert hit.second_stage_score == pytest.approx(second[place], abs=1e-5)
        # In units of a cosine: the standard score back on the first stage's scale, but for a
        # constant.
        assert hit.score == pytest.approx(first.mean() + first.std() * total[place], abs=1e-5)
    assert [hit.second_stage_score for hit in found.hits[20:]] == [None] * (SIZE - 20)
    assert [hit.rank for hit in found.hits] == list(range(1, SIZE + 1))


def test_a_weight_of_nothing_leaves_the_first_order(searcher: Searcher) -> None:
    before = first_stage(searcher)
    found = answer(searcher, {"method": "nafs", "alpha": 0.0})
    assert ids(found.hits) == ids(before)
    assert found.hits[0].second_stage_score is not None
    assert ids(answer(searcher, {"method": "rvn", "beta": 0.0}).hits) == ids(before)


def neighbour_scores(
    gallery: Gallery, best: list[str], members: list[str], beta: float, base: dict[str, float]
) -> dict[str, float]:
    """Add what re-ranking by visual neighbours adds, from all cosines of the members."""
    rows = gallery.vectors(members).astype(np.float64)
    raised = {}
    for place, crop_id in enumerate(members):
        cosines = rows @ rows[place]
        cosines[place] = 2
        around = {members[n] for n in np.argsort(-cosines, kind="stable")[:5]}
        overlap = len(around & set(best)) / len(around | set(best))
        raised[crop_id] = base[crop_id] + beta * overlap
    return raised


@pytest.mark.parametrize("beta", [0.05, 0.4, 1.0])
@pytest.mark.parametrize("k", [5, 12, 60])
@pytest.mark.parametrize("filters", [{}, {"camera": ["north", "west"]}])
def test_the_best_k_are_those_of_raising_every_crop_by_its_neighbours(
    searcher: Searcher, gallery: Gallery, beta: float, k: int, filters: dict[str, object]
) -> None:
    before = first_stage(searcher, filters=filters)
    base = {hit.crop.id: hit.score for hit in before}
    raised = neighbour_scores(gallery, ids(before[:5]), ids(before), beta, base)
    expected = sorted(raised, key=lambda crop_id: -raised[crop_id])
    found = answer(searcher, {"method": "rvn", "k": k, "beta": beta}, filters=filters)
    assert found.reranked_by == ("visual_neighbours",)
    assert ids(found.hits[:k]) == expected[:k]
    assert sorted(ids(found.hits)) == sorted(base)
    for hit in found.hits[:k]:
        assert hit.score == pytest.approx(raised[hit.crop.id], abs=1e-5)
        assert hit.first_stage_score == pytest.approx(base[hit.crop.id], abs=1e-6)


def test_a_crop_that_its_neighbours_bring_up_has_no_first_rank(searcher: Searcher) -> None:
    before = first_stage(searcher)
    found = answer(searcher, {"method": "rvn", "k": 10, "beta": 1.0})
    came = [hit for hit in found.hits if hit.first_stage_rank is None]
    assert came
    assert not {hit.crop.id for hit in came} & set(ids(before[:10]))
    assert all(hit.neighbour_overlap for hit in came)
    assert len(set(ids(found.hits))) == SIZE


def test_auto_does_parts_first_and_then_neighbours_of_the_new_order(
    searcher: Searcher, gallery: Gallery
) -> None:
    before = first_stage(searcher)
    first = np.array([hit.score for hit in before])
    second = top_half_scores(gallery, before)
    total = first.mean() + first.std() * (standardised(first) + 2 * standardised(second))
    base = dict(zip(ids(before), total.tolist(), strict=True))
    best = sorted(base, key=lambda crop_id: -base[crop_id])[:5]
    raised = neighbour_scores(gallery, best, ids(before), 0.3, base)
    found = answer(searcher, {"method": "auto", "k": 60, "alpha": 2.0, "beta": 0.3})
    assert found.reranked_by == ("parts", "visual_neighbours")
    assert ids(found.hits) == sorted(raised, key=lambda crop_id: -raised[crop_id])


def test_parts_followed_by_neighbours_if_they_are_given_a_weight(searcher: Searcher) -> None:
    both = answer(searcher, {"method": "nafs", "alpha": 1.0, "beta": 0.3})
    auto = answer(searcher, {"method": "auto", "alpha": 1.0, "beta": 0.3})
    assert both.reranked_by == auto.reranked_by == ("parts", "visual_neighbours")
    assert ids(both.hits) == ids(auto.hits)


def test_auto_without_a_text_leaves_parts_out(searcher: Searcher) -> None:
    liked = first_stage(searcher)[30].crop.id
    found = answer(searcher, {"method": "auto"}, text="blue", like=[liked], text_weight=0.1)
    assert found.reranked_by == ("parts", "visual_neighbours")
    request = SearchRequest.model_validate({"like": liked, "rerank": {"method": "auto"}})
    by_crop = searcher.answer(SearchQuery(request))
    assert by_crop.reranked_by == ("visual_neighbours",)
    assert by_crop.hits[0].crop.id == liked
    asked = request.model_copy(
        update={
            "rerank": SearchRequest.model_validate(
                {"text": "x", "rerank": {"method": "nafs"}}
            ).rerank
        }
    )
    with pytest.raises(QueryRefused, match="parts are compared with a text"):
        searcher.answer(SearchQuery(asked))


def test_defaults_of_the_service_count_where_a_request_is_silent(gallery: Gallery) -> None:
    defaults = RerankDefaults(method="nafs", alpha=2.0)
    searcher = Searcher(TwoStageEncoder(), gallery, defaults=defaults)
    silent = answer(searcher)
    assert silent.reranked_by == ("parts",)
    spoken = answer(searcher, {"method": "nafs", "alpha": 2.0})
    assert ids(silent.hits) == ids(spoken.hits)
    assert ids(silent.hits) != ids(answer(searcher, {"method": "nafs", "alpha": 0.1}).hits)
    assert answer(searcher, {"method": "none"}).reranked_by == ()


def test_past_the_deadline_the_first_order_stays_and_is_said_to(searcher: Searcher) -> None:
    before = first_stage(searcher)
    found = answer(searcher, {"method": "auto", "alpha": 3.0, "deadline_ms": 1e-6})
    assert ids(found.hits) == ids(before)
    assert (found.reranked_by, found.rerank_skipped) == ((), True)
    assert [each.partition(":")[0] for each in found.warnings] == ["rerank_skipped_deadline"]
    in_time = answer(searcher, {"method": "auto", "alpha": 3.0, "deadline_ms": 60_000})
    assert (in_time.rerank_skipped, in_time.warnings) == (False, [])
    assert ids(in_time.hits) != ids(before)


def test_methods_that_the_index_has_nothing_stored_for_are_refused(tmp_path: Path) -> None:
    draw(tmp_path / "crops" / "red.png", "red")
    draw(tmp_path / "crops" / "blue.png", "blue")

    def refused(encoder: ColourEncoder, method: str) -> str:
        with closing(open_gallery(tmp_path / "index", encoder.card)) as gallery:
            searcher = Searcher(encoder, gallery)
            assert answer(searcher, {"method": "auto"}).reranked_by == ()
            with pytest.raises(QueryRefused) as error:
                answer(searcher, {"method": method})
            assert error.value.field == "rerank.method"
            return error.value.reason

    build(tmp_path / "crops", tmp_path / "index", TwoStageEncoder(), BuildOptions(workers=1))
    assert "--neighbours 20" in refused(TwoStageEncoder(), "rvn")
    assert "--parts int8" in refused(TwoStageEncoder(), "nafs")
    assert "not 'mia'" in refused(TwoStageEncoder(), "mia")
    plain = tmp_path / "plain"
    build(tmp_path / "crops", plain, ColourEncoder(), BuildOptions(workers=1))
    with closing(open_gallery(plain, ColourEncoder().card)) as gallery:
        searcher = Searcher(ColourEncoder(), gallery)
        with pytest.raises(QueryRefused) as error:
            answer(searcher, {"method": "nafs"})
    assert error.value.reason.startswith("model 'colour' has no second stage: use rvn")


def test_crops_that_differ_in_nothing_keep_their_order(tmp_path: Path) -> None:
    for number in range(8):
        draw(tmp_path / "crops" / f"{number}.png", "red")
    options = BuildOptions(workers=1, parts="fp16", neighbours=7)
    build(tmp_path / "crops", tmp_path / "index", TwoStageEncoder(), options)
    with closing(open_gallery(tmp_path / "index", TwoStageEncoder().card)) as gallery:
        searcher = Searcher(TwoStageEncoder(), gallery)
        for rerank in ({"method": "nafs"}, {"method": "nafs", "k": 1}):
            found = answer(searcher, rerank)
            assert [hit.crop.path for hit in found.hits] == [f"{n}.png" for n in range(8)]
            assert np.isfinite([hit.score for hit in found.hits]).all()
