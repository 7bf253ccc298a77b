import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from models.errors import ConfigurationInvalid
from tests.training.captioned_people import METHODS, run_config, write_captioned_people
from training import trial
from training.config import RenderedRunConfig
from training.trial import try_out


def no_progress(done: int, whole: int) -> None:
    """What is rendered is not shown."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go in this test; nothing may be left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def content_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("method", METHODS)
def test_a_trial_takes_one_step_and_changes_nothing(tmp_path: Path, method: str) -> None:
    root = write_captioned_people(tmp_path / "people")
    before = content_of(root)
    found = try_out(run_config(root, method), no_progress)
    assert (found.steps, found.samples, found.problems) == (12, 96, ())
    assert found.step_seconds > 0
    assert found.peak_memory_mebibytes > 10
    assert all(value > 0 for value in found.terms.values())
    assert content_of(root) == before


def test_trained_parameters_are_counted(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people")
    more = write_captioned_people(tmp_path / "more", train=8)
    one, other = (try_out(run_config(folder), no_progress) for folder in (root, more))
    # Two people more are two rows of 64 weights and a bias of the classifier.
    assert other.trained_parameters - one.trained_parameters == 2 * (64 + 1)


def test_every_problem_of_the_data_is_found_before_the_run(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people", test=2)
    for crop in ("8_0", "9_1"):  # of test, which the run opens after days
        (root / "crops" / f"{crop}.png").unlink()
    found = try_out(run_config(root), no_progress)
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "crops/8_0.png", "crops/9_1.png",
    ]  # fmt: skip


def test_few_rendered_people_stand_for_all_that_are_asked_for(tmp_path: Path) -> None:
    data = {
        "name": "rendered-captions", "root": str(tmp_path / "never"), "train_people": 50,
        "val_people": 0, "test_people": 0, "sightings": 2, "captions": 3, "height": 48,
        "width": 16, "seed": 3,
    }  # fmt: skip
    found = try_out(run_config(tmp_path, data=data), no_progress)
    assert found.samples == 4 * 50 * 2 * 3
    assert found.steps == 4 * 38  # 300 captions in batches of 8, and what is left
    root = write_captioned_people(tmp_path / "people", train=50)
    as_many = try_out(run_config(root), no_progress)
    assert found.trained_parameters == as_many.trained_parameters
    assert not (tmp_path / "never").exists()


def test_a_trial_of_the_compact_encoder_renders_what_one_batch_needs(
    config: RenderedRunConfig,
) -> None:
    found = try_out(config, no_progress)
    assert (found.steps, found.samples) == (20, 160)
    assert not config.data.folder.exists()


def test_a_step_that_does_not_fit_into_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> NoReturn:
        raise torch.OutOfMemoryError("2 GiB more than there is")

    monkeypatch.setattr(trial, "take_step", too_large)
    root = write_captioned_people(tmp_path / "people")
    with pytest.raises(ConfigurationInvalid, match=r"2 GiB more .* Make batches\.size smaller"):
        try_out(run_config(root), no_progress)
