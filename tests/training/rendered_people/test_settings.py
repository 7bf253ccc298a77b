from collections.abc import Sequence

import numpy as np
import pytest

from tests.training.rendered_people.sightings import SEED
from training.datasets.rendered_people.population import Population
from training.datasets.rendered_people.settings import SETTING_NAMES, SettingName, setting_of
from training.datasets.rendered_people.sighting import Sighting, sample_sighting
from training.datasets.rendered_people.surroundings import PLACES, ground, wall

Sightings = dict[SettingName, Sequence[Sighting]]


@pytest.fixture(scope="module")
def sightings() -> Sightings:
    person, rng = Population(SEED).member(0), np.random.default_rng(0)
    return {
        name: [sample_sighting(person, rng, setting_of(name)) for _ in range(600)]
        for name in SETTING_NAMES
    }


def test_a_name_gives_its_setting() -> None:
    names = ["training", "varied", "held_out", "framed"]  # in this order: a seed counts on it
    assert [setting_of(name).name for name in SETTING_NAMES] == names


def test_the_held_out_camera_looks_from_higher_up(sightings: Sightings) -> None:
    pitch = {
        name: np.mean([each.viewpoint.pitch for each in seen]) for name, seen in sightings.items()
    }
    # A folded normal of mean and deviation 0.16 has the mean 0.19; 0.3 hardly folds.
    assert pitch["training"] == pytest.approx(0.19, abs=0.02)
    assert pitch["held_out"] == pytest.approx(0.3, abs=0.03)


def test_the_held_out_camera_compresses_and_resolves_within_its_own_bounds(
    sightings: Sightings,
) -> None:
    cameras = [each.camera for each in sightings["held_out"]]
    assert {80 <= camera.height <= 260 for camera in cameras} == {True}
    assert {35 <= camera.jpeg_quality < 80 for camera in cameras} == {True}
    red, _, blue = np.mean([camera.white_balance for camera in cameras], 0)
    assert red - blue == pytest.approx(0.1, abs=0.03)  # warm lamps: 0.05 more red, less blue


def test_only_framed_crops_have_frames_of_every_shape(sightings: Sightings) -> None:
    views = {name: [each.viewpoint for each in seen] for name, seen in sightings.items()}
    assert {view.frame for name in ("training", "varied", "held_out") for view in views[name]} == {
        None
    }
    whole = [view.frame or 0.0 for view in views["framed"] if view.zoom == 1]
    assert min(whole) == pytest.approx(1.3, abs=0.05)
    assert max(whole) == pytest.approx(3.1, abs=0.05)
    closest = [view.frame or 0.0 for view in views["framed"] if view.zoom > 2]
    assert 1.1 <= min(closest) < max(closest) < 3.1 / np.sqrt(2)
    zoomed = {name: np.mean([view.zoom > 1 for view in seen]) for name, seen in views.items()}
    assert zoomed["framed"] == pytest.approx(0.24, abs=0.05)
    assert zoomed["varied"] == pytest.approx(0.1, abs=0.04)


def test_held_out_people_are_built_and_dressed_otherwise() -> None:
    styles = {
        name: [Population(SEED, name).member(i).style for i in range(300)] for name in SETTING_NAMES
    }
    build = {name: np.mean([s.physique.build for s in all_]) for name, all_ in styles.items()}
    loose = {name: min(s.cut.looseness for s in all_) for name, all_ in styles.items()}
    assert build["held_out"] - build["training"] == pytest.approx(0.045, abs=0.025)
    assert loose["held_out"] >= 1.0 > 0.6 > loose["training"]
    assert all(s.weave.mottled == s.physique.tousled == 0 for s in styles["training"])
    rooted = {
        name: np.mean([s.physique.dark_roots > 0 for s in all_]) for name, all_ in styles.items()
    }
    assert rooted == {
        "training": 0,
        "varied": 0,
        "held_out": 0,
        "framed": pytest.approx(0.5, abs=0.1),
    }
    assert all(s.weave.mottled > 0 and s.physique.tousled > 0 for s in styles["held_out"])


def test_no_ground_or_wall_of_the_held_out_setting_is_one_of_training() -> None:
    trained, held_out = (
        {
            (kind.tones, kind.detail)
            for name in names
            for part in PLACES[name]
            for kind in part.values()
        }
        for names in (("town", "town and country"), ("indoors and works",))
    )
    assert len(held_out) == 10
    assert not {detail for _, detail in trained} & {detail for _, detail in held_out}
    assert not {tones for tones, _ in trained} & {tones for tones, _ in held_out}


@pytest.mark.parametrize("places", list(PLACES))
def test_every_ground_and_wall_can_be_drawn_and_is_a_colour(places: str) -> None:
    x, y = np.meshgrid(
        np.linspace(-3, 3, 24, dtype=np.float32), np.linspace(-0.5, 4, 40, dtype=np.float32)
    )
    rng = np.random.default_rng(4)
    means = []
    for _ in range(60):
        for colour in (ground(x, y, rng, places), wall(x, y, rng, places)):
            assert colour.shape == (40, 24, 3)
            assert np.isfinite(colour).all()
            means.append(colour.mean())
    assert min(means) > 40
    assert max(means) < 260
    assert np.std(means) > 15


def test_passers_by_are_more_frequent_where_the_setting_says_so() -> None:
    expected = {name: sum(setting_of(name).scenes.passers_by) for name in SETTING_NAMES}
    assert expected["training"] == pytest.approx(0.16)
    assert expected["varied"] > expected["held_out"] > 3 * expected["training"]
