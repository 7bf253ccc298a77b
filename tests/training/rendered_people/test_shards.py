from pathlib import Path

import numpy as np
import pytest

from models.errors import ConfigurationInvalid
from training.datasets.rendered_people import shards
from training.datasets.rendered_people.attributes import decode_values, encode_values
from training.datasets.rendered_people.population import Population, member, sight
from training.datasets.rendered_people.shards import load_shards, render_shards

SIZE = (16, 48)


@pytest.fixture
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_CROPS_PER_SHARD", 4)


@pytest.mark.usefixtures("_small_shards")
def test_processes_and_order_do_not_matter(tmp_path: Path) -> None:
    for workers in (1, 2):
        out = tmp_path / str(workers)
        render_shards(out, people=5, sightings=2, seed=8, size=SIZE, workers=workers)
    alone, together = load_shards(tmp_path / "1"), load_shards(tmp_path / "2")
    np.testing.assert_array_equal(alone.images, together.images)
    np.testing.assert_array_equal(alone.values, together.values)
    assert alone.person_ids.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.usefixtures("_small_shards")
def test_a_crop_is_the_same_as_rendered_alone(tmp_path: Path) -> None:
    render_shards(tmp_path, people=4, sightings=2, seed=8, size=SIZE, workers=1)
    crops = load_shards(tmp_path)
    rendering = sight(8, member(8, 3), 1, SIZE)
    assert crops.images.shape == (8, 48, 16, 3)
    np.testing.assert_array_equal(crops.images[7], np.asarray(rendering.image))
    np.testing.assert_array_equal(crops.values[7], encode_values(rendering.attributes))
    assert decode_values(crops.values[7]) == rendering.attributes


@pytest.mark.usefixtures("_small_shards")
def test_a_finished_shard_is_not_rendered_again(tmp_path: Path) -> None:
    def render() -> list[tuple[int, int]]:
        told: list[tuple[int, int]] = []
        render_shards(
            tmp_path, people=4, sightings=2, seed=8, size=SIZE, workers=1,
            on_progress=lambda done, total: told.append((done, total)),
        )  # fmt: skip
        return told

    assert render() == [(0, 8), (4, 8), (8, 8)]
    whole = load_shards(tmp_path)
    kept = (tmp_path / "shard-00000.npz").stat().st_mtime_ns
    (tmp_path / "shard-00001.npz").unlink()
    assert render() == [(4, 8), (8, 8)]
    assert (tmp_path / "shard-00000.npz").stat().st_mtime_ns == kept
    np.testing.assert_array_equal(load_shards(tmp_path).images, whole.images)
    assert render() == [(8, 8)]


@pytest.mark.usefixtures("_small_shards")
def test_an_incomplete_folder_is_not_loaded(tmp_path: Path) -> None:
    render_shards(tmp_path, people=4, sightings=2, seed=8, size=SIZE, workers=1)
    (tmp_path / "shard-00001.npz").unlink()
    (tmp_path / ".shard-00001.npz.part").write_bytes(b"half")
    with pytest.raises(ConfigurationInvalid, match=r"shard-00001\.npz is missing"):
        load_shards(tmp_path)


@pytest.mark.parametrize(
    "change", [{"seed": 9}, {"people": 3}, {"sightings": 2}, {"size": (16, 50)}]
)
def test_a_folder_of_another_recipe_is_refused(
    tmp_path: Path, change: dict[str, int | tuple[int, int]]
) -> None:
    recipe: dict[str, object] = {"people": 2, "sightings": 1, "seed": 8, "size": SIZE}
    render_shards(tmp_path, people=2, sightings=1, seed=8, size=SIZE, workers=1)
    before = (tmp_path / "shard-00000.npz").read_bytes()
    with pytest.raises(ConfigurationInvalid, match="another recipe"):
        render_shards(tmp_path, **(recipe | change), workers=1)  # type: ignore[arg-type]
    assert (tmp_path / "shard-00000.npz").read_bytes() == before


def test_another_version_of_the_renderer_is_another_recipe(tmp_path: Path) -> None:
    render_shards(tmp_path, people=1, sightings=1, seed=8, size=SIZE, workers=1)
    recipe = tmp_path / "shards.json"
    recipe.write_text(recipe.read_text().replace('"renderer_version": ', '"renderer_version": 9'))
    with pytest.raises(ConfigurationInvalid, match="another recipe"):
        render_shards(tmp_path, people=1, sightings=1, seed=8, size=SIZE, workers=1)


def test_shards_without_a_recipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "shard-00000.npz").write_bytes(b"?")
    with pytest.raises(ConfigurationInvalid, match="unknown origin"):
        render_shards(tmp_path, people=1, sightings=1, seed=8, size=SIZE, workers=1)
    with pytest.raises(ConfigurationInvalid, match="render them first"):
        load_shards(tmp_path)


def test_a_damaged_recipe_is_named(tmp_path: Path) -> None:
    (tmp_path / "shards.json").write_text('{"people": "many"}')
    with pytest.raises(ConfigurationInvalid, match=r"shards\.json is no recipe"):
        load_shards(tmp_path)


@pytest.mark.parametrize(
    ("value", "named"),
    [({"people": 0}, "people=0"), ({"sightings": 0}, "sightings=0"), ({"seed": -1}, "seed=-1"),
     ({"size": (4, 48)}, "size.0=4")],
)  # fmt: skip
def test_values_that_cannot_work_are_named(
    tmp_path: Path, value: dict[str, int | tuple[int, int]], named: str
) -> None:
    recipe: dict[str, object] = {"people": 1, "sightings": 1, "seed": 8, "size": SIZE}
    with pytest.raises(ConfigurationInvalid, match=named):
        render_shards(tmp_path / "new", **(recipe | value))  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_shards_of_a_population_hold_its_crops(tmp_path: Path) -> None:
    render_shards(
        tmp_path, people=2, sightings=1, seed=8, setting="held_out", evenness=0.5, siblings=0.5,
        size=SIZE, workers=1,
    )  # fmt: skip
    crops, population = load_shards(tmp_path), Population(8, "held_out", 0.5, 0.5)
    for person_id in (0, 1):
        rendering = population.sight(population.member(person_id), 0, SIZE)
        np.testing.assert_array_equal(crops.images[person_id], np.asarray(rendering.image))
    with pytest.raises(ConfigurationInvalid, match="another recipe"):
        render_shards(tmp_path, people=2, sightings=1, seed=8, size=SIZE, workers=1)
