"""The first stage's order, over a gallery that misses crops unless it is asked for many."""

from dataclasses import replace

import numpy as np
import pytest

from indexer.gallery import ALL_CROPS, Answer, Crop, Filters, Gallery, Hit
from models.contracts import Float32Array
from service.candidates import Candidates

QUERY = np.array([1, 0, 0], np.float32)


def crop(number: int) -> Crop:
    name = f"{number:020x}"
    return Crop(name, "/c", name, (), "0" * 64, "image/png", 1, 1, 1, None, None, None, {})


class MissingGallery:
    """Crop n of 3000 has the score 1 - n / 3000; asked for few, it misses some of the best."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def search(self, query: Float32Array, limit: int, filters: Filters = ALL_CROPS) -> Answer:
        assert query is QUERY
        assert filters is ALL_CROPS
        self.asked.append(limit)
        missed = {10: {2, 5}, 200: {5, 40}, 1000: {40}}.get(limit, set())
        found = [number for number in range(3000) if number not in missed][:limit]
        hits = [Hit(rank, 1 - n / 3000, crop(n)) for rank, n in enumerate(found, start=1)]
        return Answer(hits, 3000, "lists", limit, 0.9)


def candidates(
    gallery: MissingGallery, depth: int = 10, min_score: float | None = None
) -> Candidates:
    typed: Gallery = gallery  # type: ignore[assignment]  # only search is needed
    return Candidates(typed, QUERY, min_score=min_score, depth=depth)


def numbers(found: Candidates, count: int) -> list[int]:
    return [int(hit.crop.id, 16) for hit in found.first(count)]


def test_no_deeper_than_needed_is_looked() -> None:
    gallery = MissingGallery()
    assert numbers(candidates(gallery), 10) == [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]
    assert gallery.asked == [10]


def test_what_a_deeper_look_finds_comes_behind_what_was_found_before() -> None:
    gallery = MissingGallery()
    found = numbers(candidates(gallery), 1500)
    assert gallery.asked == [10, 200, 1000, 5000]
    first = [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]
    assert found[:12] == [*first, 2, 12]
    assert found[200:202] == [5, 202]  # 200 were found by then: 0 to 201 but for 5 and 40
    assert found[1000:1002] == [40, 1001]
    assert len(set(found)) == len(found) == 1500


def test_every_crop_comes_once_and_the_order_does_not_depend_on_the_asking() -> None:
    at_once = numbers(candidates(MissingGallery()), 3001)
    assert sorted(at_once) == list(range(3000))
    step_by_step = candidates(MissingGallery())
    for count in (3, 11, 250, 999, 3000):
        assert numbers(step_by_step, count) == at_once[:count]


def test_ranks_and_scores_are_those_of_the_first_stage() -> None:
    hits = candidates(MissingGallery()).first(12)
    assert [hit.first_stage_rank for hit in hits] == list(range(1, 13))
    assert hits[10].score == hits[10].first_stage_score == 1 - 2 / 3000


def test_below_the_lowest_score_nothing_is_looked_for() -> None:
    gallery = MissingGallery()
    found = candidates(gallery, min_score=1 - 100 / 3000)
    assert sorted(numbers(found, 5000)) == [n for n in range(101) if n not in (5, 40)]
    assert gallery.asked == [10, 200]
    assert found.matching == 3000
    assert not found.may_have_more(100)


def test_a_gallery_that_has_no_more_is_not_asked_again() -> None:
    gallery = MissingGallery()
    numbers(candidates(gallery), 10_001)
    assert gallery.asked == [10, 200, 1000, 5000]


def test_the_deepest_level_is_the_end() -> None:
    class Endless(MissingGallery):
        def search(self, query: Float32Array, limit: int, filters: Filters = ALL_CROPS) -> Answer:
            few = super().search(query, min(limit, 50), filters)
            hits = [replace(few.hits[0], crop=crop(n)) for n in range(limit)]
            return replace(few, hits=hits, matching=10**6)

    found = candidates(Endless(), depth=10_000)
    assert len(found.first(10_001)) == 10_000
    assert found.may_have_more(10_000)


@pytest.mark.parametrize("depth", [1, 200, 700])
def test_levels_begin_with_the_given_depth(depth: int) -> None:
    gallery = MissingGallery()
    numbers(candidates(gallery, depth), depth + 1)
    assert gallery.asked[0] == depth
    assert gallery.asked == sorted(set(gallery.asked))
