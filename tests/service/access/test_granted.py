"""What a key with a list of cameras may see."""

from dataclasses import replace

import numpy as np
import pytest

from indexer.gallery import ALL_CROPS, Condition, Filters, Gallery
from service.access.granted import Access, restrict

ANYBODY = Access(None, frozenset({"search"}), None, "127.0.0.1")
ONE_GATE = replace(ANYBODY, cameras=frozenset({"gate 1"}))
TWO_GATES = replace(ANYBODY, cameras=frozenset({"gate 1", "gate 2"}))


def cameras(gallery: Gallery, filters: Filters) -> set[str | None]:
    query = np.array([1, 0, 0], np.float32)
    return {hit.crop.camera for hit in gallery.search(query, 24, filters).hits}


def test_without_a_list_nothing_is_restricted() -> None:
    filters = Filters(columns={"camera": Condition(among=("gate 0",))})
    assert restrict(filters, ANYBODY) is filters
    assert restrict(ALL_CROPS, ANYBODY) is ALL_CROPS


@pytest.mark.parametrize(
    ("asked", "access", "expected"),
    [
        (None, ONE_GATE, {"gate 1"}),
        (None, TWO_GATES, {"gate 1", "gate 2"}),
        (Condition(among=("gate 0", "gate 1")), ONE_GATE, {"gate 1"}),
        (Condition(among=("gate 0",)), ONE_GATE, set()),
        (Condition(among=("gate 0",)), TWO_GATES, set()),
        (Condition(not_among=("gate 1",)), TWO_GATES, {"gate 2"}),
        (Condition(not_among=("gate 1",)), ONE_GATE, set()),
        (Condition(exists=True), TWO_GATES, {"gate 1", "gate 2"}),
        (Condition(exists=False), TWO_GATES, set()),
        (Condition(among=("gate 1",), not_among=("gate 1",)), TWO_GATES, set()),
    ],
)
def test_only_crops_of_allowed_cameras_that_also_meet_the_filter_answer(
    gallery: Gallery, asked: Condition | None, access: Access, expected: set[str]
) -> None:
    filters = Filters(columns={"camera": asked}) if asked else ALL_CROPS
    assert cameras(gallery, restrict(filters, access)) == expected


def test_conditions_on_other_columns_stay(gallery: Gallery) -> None:
    track = Condition(among=("track-3",))
    restricted = restrict(Filters(columns={"track_id": track}), ONE_GATE)
    query = np.array([1, 0, 0], np.float32)
    (hit,) = gallery.search(query, 24, restricted).hits
    assert (hit.crop.track_id, hit.crop.camera) == ("track-3", "gate 1")


def test_a_crop_is_seen_by_those_who_may_see_its_camera(gallery: Gallery) -> None:
    query = np.array([1, 0, 0], np.float32)
    crops = [hit.crop for hit in gallery.search(query, 24).hits]
    for crop in crops:
        assert ANYBODY.sees(crop)
        assert ONE_GATE.sees(crop) is (crop.camera == "gate 1")
    nowhere = replace(crops[0], camera=None)
    assert ANYBODY.sees(nowhere)
    assert not TWO_GATES.sees(nowhere)
