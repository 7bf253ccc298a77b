"""Queries of every kind over a real gallery: what they find, in which order, page by page."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from indexer.gallery import Crop, Gallery, open_gallery
from models.contracts import Float32Array
from models.errors import ConfigurationInvalid
from service.column_filters import filters_of
from service.cursors import CursorExpired, CursorSigner
from service.queries import ImageSearchRequest, QueryRefused, SearchRequest
from service.ranking import RankedHit, Ranking
from service.searcher import QueryImage, Searcher, SearchQuery
from tests.fakes import COLOURS
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


def answer(searcher: Searcher, asked: dict[str, object]) -> Ranking:
    request = SearchRequest.model_validate({"limit": 200} | asked)
    return searcher.answer(SearchQuery(request, filters_of(request.filters)))


def ids(hits: list[RankedHit]) -> list[str]:
    return [hit.crop.id for hit in hits]


def unit(colour: str) -> Float64Array:
    row: Float64Array = np.array(COLOURS[colour], np.float64) / np.sqrt(3)
    return row


def rows(gallery: Gallery, hits: list[RankedHit]) -> Float64Array:
    return gallery.vectors(ids(hits)).astype(np.float64)


def assert_ranked_by(gallery: Gallery, found: Ranking, query: Float64Array) -> None:
    assert len(found.hits) == SIZE
    query = query / np.linalg.norm(query)
    scores = [hit.score for hit in found.hits]
    assert scores == pytest.approx(rows(gallery, found.hits) @ query, abs=1e-5)
    assert scores == sorted(scores, reverse=True)


def test_a_negative_text_moves_the_query_away(searcher: Searcher, gallery: Gallery) -> None:
    found = answer(searcher, {"text": "red", "not": ["blue", "white"]})
    assert_ranked_by(gallery, found, unit("red") - 0.5 * (unit("blue") + unit("white")) / 2)
    one = answer(searcher, {"text": "red", "not": "blue", "not_weight": 2.0})
    assert_ranked_by(gallery, one, unit("red") - 2 * unit("blue"))


def test_liked_crops_and_negative_crops_count_with_their_weights(
    searcher: Searcher, gallery: Gallery
) -> None:
    red = answer(searcher, {"text": "red"}).hits
    first, second, last = (rows(gallery, [red[place]])[0] for place in (3, 10, 50))
    liked = [red[3].crop.id, red[10].crop.id]
    found = answer(
        searcher,
        {"text": "red", "text_weight": 0.5, "like": liked, "like_weight": 2.0}
        | {"not": [red[50].crop.id], "not_weight": 0.25},
    )
    assert_ranked_by(gallery, found, 0.5 * unit("red") + 2 * (first + second) / 2 - 0.25 * last)


def test_a_stored_crop_finds_itself_first(searcher: Searcher, gallery: Gallery) -> None:
    wanted = answer(searcher, {"text": "green"}).hits[17]
    found = answer(searcher, {"like": wanted.crop.id})
    assert found.hits[0].crop.id == wanted.crop.id
    assert found.hits[0].score == pytest.approx(1, abs=1e-3)  # stored in half precision
    assert found.reading is None
    assert_ranked_by(gallery, found, rows(gallery, [wanted])[0])


def test_a_picture_finds_what_has_its_colour(searcher: Searcher, gallery: Gallery) -> None:
    # (255, 255, 51) is (1, 1, -0.6) in -1..1.
    picture = QueryImage(Image.new("RGB", (8, 16), (255, 255, 51)), "a" * 64)
    request = ImageSearchRequest.model_validate({"limit": 200})
    found = searcher.answer(SearchQuery(request, image=picture))
    assert_ranked_by(gallery, found, np.array([1, 1, -0.6]))
    mixed = ImageSearchRequest.model_validate({"limit": 200, "text": "blue", "image_weight": 0.5})
    by_both = searcher.answer(SearchQuery(mixed, image=picture))
    image_row = np.array([1, 1, -0.6]) / np.linalg.norm([1, 1, -0.6])
    assert_ranked_by(gallery, by_both, unit("blue") + 0.5 * image_row)


def test_an_unknown_crop_and_one_that_may_not_be_seen_are_refused_alike(
    searcher: Searcher,
) -> None:
    known = answer(searcher, {"text": "red"}).hits[0].crop.id

    def unseen(crop: Crop) -> bool:
        return crop.id != known

    reasons = []
    for crop_id in (known, "0" * 20):
        for field, asked in (
            ("like", {"like": crop_id}),
            ("not", {"text": "red", "not": [crop_id]}),
        ):
            request = SearchRequest.model_validate(asked)
            with pytest.raises(QueryRefused) as refused:
                searcher.answer(SearchQuery(request, may_see=unseen))
            assert refused.value.field == field
            reasons.append(refused.value.reason.replace(crop_id, "ID"))
    assert len(set(reasons)) == 1


CONDITIONS: list[tuple[dict[str, object], object]] = [
    ({"camera": "north"}, lambda c: c.camera == "north"),
    ({"camera": ["north", "west"]}, lambda c: c.camera in ("north", "west")),
    (
        {"camera": {"not_in": ["north"]}, "floor": 2},
        lambda c: c.camera != "north" and c.extra["floor"] == 2,
    ),
    ({"floor": {"gte": 1, "lt": 3}}, lambda c: 1 <= c.extra["floor"] < 3),
    ({"zone": {"exists": False}}, lambda c: c.extra["zone"] is None),
    ({"zone": {"not_in": ["a"], "exists": True}}, lambda c: c.extra["zone"] == "b"),
    ({"track_id": ["t3", "t4"]}, lambda c: c.track_id in ("t3", "t4")),
    (
        {"captured_at": {"gte": "2026-03-14T08:10:00Z", "lt": "2026-03-14T09:30:00+01:00"}},
        lambda c: c.captured_at is not None and 10 <= c.captured_at.minute < 30,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "meets"), CONDITIONS)
def test_filters_leave_those_that_meet_them_in_their_order(
    searcher: Searcher, filters: dict[str, object], meets: object
) -> None:
    assert callable(meets)
    everything = answer(searcher, {"text": "red"}).hits
    expected = [hit.crop.id for hit in everything if meets(hit.crop)]
    assert 0 < len(expected) < SIZE
    found = answer(searcher, {"text": "red", "filters": filters})
    assert ids(found.hits) == expected
    assert found.matching == len(expected)


def test_a_filter_on_what_is_no_column_is_refused(searcher: Searcher) -> None:
    with pytest.raises(ConfigurationInvalid, match="there is no column 'colour'"):
        answer(searcher, {"text": "red", "filters": {"colour": "red"}})


def test_a_lowest_score_cuts_the_tail_off(searcher: Searcher) -> None:
    everything = answer(searcher, {"text": "red"}).hits
    lowest = everything[19].score
    found = answer(searcher, {"text": "red", "min_score": lowest})
    assert ids(found.hits) == ids(everything[:20])
    assert found.next_cursor is None
    raised = answer(
        searcher,
        {"text": "red", "min_score": lowest, "rerank": {"method": "rvn", "k": 8, "beta": 1.0}},
    )
    assert sorted(ids(raised.hits)) == sorted(ids(everything[:20]))


def test_time_sorts_within_the_matches_and_puts_the_timeless_last(searcher: Searcher) -> None:
    matches = answer(searcher, {"text": "red", "min_score": 0.2}).hits
    never = datetime.min.replace(tzinfo=UTC)
    expected = sorted(matches, key=lambda hit: hit.crop.captured_at or never, reverse=True)
    found = answer(searcher, {"text": "red", "min_score": 0.2, "sort": "time"})
    assert ids(found.hits) == ids(expected)
    assert ids(found.hits) != ids(matches)
    assert found.hits[-1].crop.captured_at is None
    assert [hit.rank for hit in found.hits] == list(range(1, len(matches) + 1))


QUERIES: list[dict[str, object]] = [
    {},
    {"filters": {"camera": ["north", "west"]}},
    {"min_score": 0.0},
    {"sort": "time"},
    {"sort": "time", "min_score": 0.1},
    {"not": "blue"},
    {"rerank": {"method": "nafs", "k": 17, "alpha": 3.0}},
    {"rerank": {"method": "rvn", "k": 13, "beta": 1.0}},
    {"rerank": {"method": "auto", "k": 29, "alpha": 3.0, "beta": 0.5}},
    {"rerank": {"method": "auto", "k": 11, "alpha": 3.0}, "sort": "time"},
    {"rerank": {"method": "auto", "deadline_ms": 1e-6, "alpha": 3.0}},
    {"explain": True},
]


def pages(searcher: Searcher, asked: dict[str, object], limits: list[int]) -> Iterator[Ranking]:
    cursor = None
    for limit in limits:
        page = answer(searcher, {"text": "red", "limit": limit, "cursor": cursor} | asked)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return
    raise AssertionError("the ranking has no end")


@pytest.mark.parametrize("asked", QUERIES)
@pytest.mark.parametrize("limits", [[7] * 12, [20, 3, 19, 40, 1]])
def test_pages_put_together_are_the_ranking_without_a_gap_or_a_repeat(
    searcher: Searcher, asked: dict[str, object], limits: list[int]
) -> None:
    whole = answer(searcher, {"text": "red"} | asked)
    assert whole.next_cursor is None
    found = [hit for page in pages(searcher, asked, limits) for hit in page.hits]
    assert ids(found) == ids(whole.hits)
    assert [hit.rank for hit in found] == list(range(1, len(whole.hits) + 1))
    assert [hit.score for hit in found] == [hit.score for hit in whole.hits]


def test_a_page_that_ends_with_the_ranking_is_the_last(searcher: Searcher) -> None:
    assert answer(searcher, {"text": "red", "limit": SIZE}).next_cursor is None
    assert answer(searcher, {"text": "red", "limit": SIZE - 1}).next_cursor is not None


def test_later_pages_repeat_the_second_stage_of_the_first_whatever_the_deadline(
    searcher: Searcher,
) -> None:
    rerank: dict[str, object] = {"method": "nafs", "k": 40, "alpha": 3.0}
    asked: dict[str, object] = {"text": "red", "limit": 10}
    first = answer(searcher, asked | {"rerank": rerank})
    late = {"rerank": rerank | {"deadline_ms": 1e-6}, "cursor": first.next_cursor}
    second = answer(searcher, asked | late)
    assert second.reranked_by == ("parts",)
    assert not second.rerank_skipped
    whole = answer(searcher, {"text": "red", "rerank": rerank})
    assert ids(second.hits) == ids(whole.hits[10:20])


def test_a_cursor_serves_its_own_query_alone(searcher: Searcher) -> None:
    cursor = answer(searcher, {"text": "red", "limit": 5}).next_cursor
    others: list[dict[str, object]] = [
        {"text": "blue"},
        {"text": "red", "filters": {"camera": "north"}},
    ]
    for other in others:
        with pytest.raises(QueryRefused, match="belongs to another query"):
            answer(searcher, other | {"cursor": cursor})


def test_a_cursor_of_another_generation_has_expired(
    gallery: Gallery, tmp_path_factory: pytest.TempPathFactory
) -> None:
    signer = CursorSigner(b"shared")
    cursor = answer(
        Searcher(TwoStageEncoder(), gallery, signer), {"text": "red", "limit": 5}
    ).next_cursor
    other_index = build_two_stage_gallery(tmp_path_factory.mktemp("another"))
    with closing(open_gallery(other_index, TwoStageEncoder().card)) as other:
        searcher = Searcher(TwoStageEncoder(), other, signer)
        with pytest.raises(CursorExpired, match="another generation"):
            answer(searcher, {"text": "red", "limit": 5, "cursor": cursor})


class DriftingEncoder(TwoStageEncoder):
    """Gives another vector every time, as a batch of another size may in the last digits."""

    drift = 0.0

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        moved = super().encode_texts(texts) + self.drift * np.array([0, 1, 0])
        unit_rows: Float32Array = (moved / np.linalg.norm(moved, axis=1)[:, None]).astype("f4")
        return unit_rows


def test_a_ranking_that_can_no_longer_be_made_has_expired(gallery: Gallery) -> None:
    encoder = DriftingEncoder()
    searcher = Searcher(encoder, gallery)
    asked: dict[str, object] = {"text": "red", "limit": 5}
    first = answer(searcher, asked)
    encoder.drift = 1e-7
    second = answer(searcher, asked | {"cursor": first.next_cursor})
    assert not set(ids(first.hits)) & set(ids(second.hits))
    encoder.drift = 1.0
    with pytest.raises(CursorExpired, match="no longer there"):
        answer(searcher, asked | {"cursor": first.next_cursor})


def test_each_phrase_is_explained_by_the_parts_of_the_model(
    searcher: Searcher, gallery: Gallery
) -> None:
    found = answer(searcher, {"text": "red coat and green hat", "not": "blue", "explain": True})
    parts = gallery.parts(ids(found.hits))
    assert parts is not None
    upper = parts.values[:, 0].astype(np.float64)
    colours = {"red coat": "red", "green hat": "green", "blue": "blue"}
    for place, (phrase, colour) in enumerate(colours.items()):
        scores = upper @ np.array(COLOURS[colour])
        expected = (scores - scores.mean()) / scores.std()
        told = [hit.phrases[place] for hit in found.hits]
        assert {(each.phrase.text, each.phrase.wanted) for each in told} == {
            (phrase, phrase != "blue")
        }
        assert [each.strength for each in told] == pytest.approx(expected, abs=1e-4)
        assert [each.present for each in told] == (expected > 0).tolist()


def test_a_later_page_is_explained_over_the_same_crops(searcher: Searcher) -> None:
    asked: dict[str, object] = {"text": "red coat", "explain": True}
    whole = {hit.crop.id: hit.phrases for hit in answer(searcher, asked).hits}
    for page in pages(searcher, asked, [25, 25, 25]):
        for hit in page.hits:
            assert hit.phrases[0].strength == pytest.approx(
                whole[hit.crop.id][0].strength, abs=1e-5
            )
