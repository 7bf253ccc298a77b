import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.encoders.compact_dual import VOCABULARY_FILE, WORDS_FILE
from models.errors import CheckpointUnreadable, ConfigurationInvalid
from tests.training.captioned_people import METHODS, run_config, write_captioned_people
from training.captioned_batches import Share
from training.config import RenderedRunConfig
from training.data_fingerprints import DATA_FILE, fingerprint_of, read_fingerprint
from training.datasets.captioned_crops import CaptionedCrops
from training.datasets.rendered_people.shards import RenderedCrops
from training.datasets.sources import read_data
from training.evaluation.captioned_gallery import CaptionedGallery
from training.preparation import (
    build_method,
    built_rendered,
    prepare,
    prepare_captioned,
    prepare_corpus,
    prepare_people,
)


def no_progress(done: int, whole: int) -> None:
    """Nothing is rendered."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_captioned_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def data(people: Path) -> CaptionedCrops:
    return read_data(run_config(people).data)


def test_people_are_rendered_once_and_read_afterwards(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, whole: int) -> None:
        told.append((done, whole))

    first = prepare_people(tmp_path, people=2, sightings=2, seed=6, on_progress=tell)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    again = prepare_people(tmp_path, people=2, sightings=2, seed=6, on_progress=tell)
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert np.array_equal(first.images, again.images)
    assert told[-1] == (4, 4)


def test_vocabulary_of_a_run_is_kept_when_it_resumes(
    config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    prepare_corpus(config, crops, tmp_path)
    written = (tmp_path / VOCABULARY_FILE).read_bytes()
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {VOCABULARY_FILE, WORDS_FILE}  # and no half of one
    fewer = config.data.model_copy(update={"captions_per_crop": 1})
    corpus = prepare_corpus(config.model_copy(update={"data": fewer}), crops, tmp_path)
    assert (tmp_path / VOCABULARY_FILE).read_bytes() == written
    assert len(corpus.people) == 12


def test_a_recipe_for_rendered_people_warms_up_by_samples(
    config: RenderedRunConfig, tmp_path: Path
) -> None:
    recipe = prepare(config, tmp_path, Share(), no_progress)
    assert (len(recipe.source), recipe.source.samples) == (20, 160)
    # Eight samples a step, sixteen of warm-up: (8 s + 1) / 16 times half a cosine over 160.
    expected = [(8 * s + 1) / 16 * (0.5 + 0.5 * np.cos(np.pi * s / 20)) for s in (0, 1)]
    assert [recipe.factor(step) for step in (0, 1)] == pytest.approx(expected)
    found = read_fingerprint(tmp_path)
    assert found is not None
    assert (found.name, found.crops) == ("rendered people", {"train": 24})


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_builds_the_same_network(
    people: Path, data: CaptionedCrops, tmp_path: Path, method: str
) -> None:
    first, second, other = (
        build_method(run_config(people, method, seed=seed), data, tmp_path).network.state_dict()
        for seed in (5, 5, 6)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_what_the_configuration_says_of_the_loop_is_in_the_recipe(
    people: Path, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "gradient_norm": 2.0, "average_decay": 0.5, "checkpoint_seconds": 7.0, "workers": 2,
        "report_steps": 3,
    }  # fmt: skip
    batches = {"size": 8, "epochs": 4, "accumulate": 2}
    config = run_config(people, batches=batches, **changes)
    recipe = prepare(config, tmp_path, Share(), no_progress)
    assert {name: getattr(recipe, name) for name in changes} == changes
    assert (recipe.accumulate, recipe.seed, recipe.optimiser) == (2, 5, config.optimiser)


def test_a_share_of_each_batch_is_prepared(people: Path, tmp_path: Path) -> None:
    config = run_config(people)
    halves = [prepare(config, tmp_path, Share(rank, 2), no_progress).source for rank in range(2)]
    assert [half[0].size for half in halves] == [4, 4]


@pytest.mark.parametrize(("select_on_test", "crops"), [(False, 4), (True, 2)])
def test_a_run_is_validated_on_val_or_where_asked_for_on_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, select_on_test: bool, crops: int
) -> None:
    root = write_captioned_people(tmp_path / "people", val=2, test=1)
    measured: list[int] = []

    def measure(_: object, gallery: CaptionedGallery) -> dict[str, float]:
        measured.append(len(gallery.crops))
        return {"recall_at_1": 1.0}

    monkeypatch.setattr("training.preparation.measure_gallery", measure)
    validation = {"every_epochs": 2, "select_on_test": select_on_test}
    recipe = prepare(run_config(root, validation=validation), tmp_path, Share(), no_progress)
    assert recipe.validation is not None
    assert recipe.validation.measure()["recall_at_1"] == 1.0
    assert measured == [crops]
    assert (recipe.validation.figure, recipe.validation.every_steps) == ("recall_at_1", 6)


def test_without_a_split_to_validate_on_the_run_says_so(
    people: Path, data: CaptionedCrops, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "training"):
        recipe = prepare_captioned(run_config(people), replace(data, val=()), tmp_path, Share())
    assert recipe.validation is None
    assert "no val split: nothing is validated" in caplog.text


def test_only_the_first_process_writes_the_fingerprint_of_the_data(
    people: Path, data: CaptionedCrops, tmp_path: Path
) -> None:
    prepare(run_config(people), tmp_path, Share(1, 2), no_progress)
    assert not (tmp_path / DATA_FILE).exists()
    prepare(run_config(people), tmp_path, Share(0, 2), no_progress)
    assert read_fingerprint(tmp_path) == fingerprint_of(data)


def test_a_run_does_not_go_on_with_other_captions(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people")
    prepare(run_config(root), tmp_path, Share(), no_progress)
    table = root / "captions.csv"
    table.write_text(table.read_text().replace("red coat", "pink coat"))
    with pytest.raises(ConfigurationInvalid, match=r"the data of .* is not what it was"):
        prepare(run_config(root), tmp_path, Share(), no_progress)


def test_a_run_that_was_stopped_before_its_first_step_has_no_method(
    config: RenderedRunConfig, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointUnreadable, match=r"no vocab.txt: .* Start it again"):
        built_rendered(config, tmp_path)
