"""Shares of visual neighbours, beside sets made by hand from all cosines."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import numpy.typing as npt
import pytest

from indexer import local_gallery, neighbour_overlap
from indexer.gallery import ALL_CROPS, Condition, Filters, Gallery, open_gallery
from models.errors import ConfigurationInvalid
from tests.service.two_stages import CAMERAS, SIZE, TwoStageEncoder, build_two_stage_gallery

QUERY = np.array([0.6, 0.0, 0.8], np.float32)
NORTH = Filters(columns={"camera": Condition(among=("north",))})
NORTH_AND_WEST = Filters(columns={"camera": Condition(not_among=("south",))})


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    index = build_two_stage_gallery(tmp_path_factory.mktemp("two stages"))
    with closing(open_gallery(index, TwoStageEncoder().card)) as opened:
        yield opened


def ids_of(gallery: Gallery, filters: Filters) -> list[str]:
    return [hit.crop.id for hit in gallery.search(QUERY, SIZE, filters).hits]


def by_hand(best: list[str], ids: list[str], rows: npt.NDArray[np.float32]) -> dict[str, float]:
    """Compare the set of every crop and its nearest others with the set of the best."""
    wide = rows.astype(np.float64)
    shares = {}
    for place, crop_id in enumerate(ids):
        cosines = wide @ wide[place]
        cosines[place] = 2
        around = {ids[n] for n in np.argsort(-cosines, kind="stable")[: len(best)]}
        both = len(around & set(best))
        if both:
            shares[crop_id] = both / len(around | set(best))
    return shares


def found_in(
    gallery: Gallery, best: list[str], candidates: list[str], filters: Filters
) -> dict[str, float]:
    found = gallery.sharing_neighbours(best, candidates, filters)
    assert found is not None
    assert found.unknown == 0
    return {crop.id: share for crop, share in zip(found.crops, found.shares, strict=True)}


@pytest.mark.parametrize("filters", [ALL_CROPS, NORTH, NORTH_AND_WEST])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_shares_are_those_of_comparing_every_crop_that_may_answer(
    gallery: Gallery, filters: Filters, k: int
) -> None:
    ids = ids_of(gallery, filters)
    expected = by_hand(ids[:k], ids, gallery.vectors(ids))
    assert len(expected) >= k
    assert found_in(gallery, ids[:k], ids[:k], filters) == pytest.approx(expected)


@pytest.mark.parametrize("filters", [NORTH, NORTH_AND_WEST])
def test_among_many_crops_the_candidates_and_the_listed_have_the_same_shares(
    gallery: Gallery, filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ids_of(gallery, filters)
    expected = by_hand(ids[:5], ids, gallery.vectors(ids))
    monkeypatch.setattr(local_gallery, "SMALL_SELECTION", 0)
    assert found_in(gallery, ids[:5], ids, filters) == pytest.approx(expected)
    some = found_in(gallery, ids[:5], ids[:8], filters)
    assert some.items() <= {key: pytest.approx(share) for key, share in expected.items()}.items()
    assert some.keys() >= expected.keys() & set(ids[:8])


def test_crops_whose_neighbours_would_take_too_long_are_counted_and_passed_over(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_gallery, "SMALL_SELECTION", 0)
    monkeypatch.setattr(neighbour_overlap, "SEARCHES_AT_MOST", 3)
    ids = ids_of(gallery, NORTH)
    # Of ten stored neighbours of all cameras often fewer than four are of this one.
    listed = [gallery.neighbours(each) or [] for each in ids]
    early = [sum(crop.camera == CAMERAS[0] for crop in crops) < 4 for crops in listed]
    assert sum(early) > 3
    found = gallery.sharing_neighbours(ids[:5], ids, NORTH)
    assert found is not None
    assert found.unknown == sum(early) - 3


def test_an_index_with_too_few_neighbours_is_refused(gallery: Gallery) -> None:
    ids = ids_of(gallery, ALL_CROPS)
    with pytest.raises(ConfigurationInvalid, match="10 neighbours of each crop are stored, 11 are"):
        gallery.sharing_neighbours(ids[:12], ids)


def test_an_unknown_crop_is_an_error(gallery: Gallery) -> None:
    with pytest.raises(KeyError):
        gallery.sharing_neighbours(["0" * 20], [])
    for unknown in ("0" * 20, "", "red", "0" * 1000):
        with pytest.raises(KeyError):
            gallery.vectors([unknown])


def test_vectors_come_in_the_order_of_the_ids(gallery: Gallery) -> None:
    hits = gallery.search(QUERY, 7).hits
    rows = gallery.vectors([hit.crop.id for hit in reversed(hits)])
    assert rows.shape == (7, 3)
    assert rows @ QUERY == pytest.approx([hit.score for hit in reversed(hits)], abs=1e-6)
    assert gallery.vectors([]).shape == (0, 3)
