from pathlib import Path

import pytest

from tests.training.captioned_people import run_config, write_captioned_people
from training.checkpoints import BEST_FILE
from training.config import RenderedRunConfig
from training.data_fingerprints import DataFingerprint, fingerprint_of, keep_fingerprint
from training.datasets.captioned_crops import Split
from training.datasets.sources import read_data
from training.runs import open_run
from training.selection import selected_on, selecting_split, validated_split


def begun(
    tmp_path: Path, *, select_on_test: bool, validated: bool = True
) -> tuple[Path, DataFingerprint]:
    """Where a run's model would be, and the run's data."""
    root = write_captioned_people(tmp_path / "people")
    config = run_config(root, validation={"select_on_test": select_on_test})
    run = tmp_path / "run"
    open_run(run, config, resume=False)
    data = fingerprint_of(read_data(config.data))
    keep_fingerprint(data, run)
    if validated:
        (run / BEST_FILE).touch()
    return run / "model", data


@pytest.mark.parametrize(
    ("select_on_test", "validated", "split", "expected"),
    [
        (False, True, "val", True),
        (False, True, "test", False),
        (True, True, "val", False),
        (True, True, "test", True),
        # Never validated: the last weights, which nothing has chosen.
        (False, False, "val", False),
        (True, False, "test", False),
        # Worse than chosen by it: learned from it.
        (True, True, "train", None),
    ],
)
def test_weights_of_a_run_are_known_to_be_chosen_by_a_split_or_not(
    tmp_path: Path, *, select_on_test: bool, validated: bool, split: Split, expected: bool | None
) -> None:
    model, data = begun(tmp_path, select_on_test=select_on_test, validated=validated)
    assert selected_on(model, data, split) is expected


def test_of_other_data_nothing_is_known(tmp_path: Path) -> None:
    model, data = begun(tmp_path, select_on_test=True)
    assert selected_on(model, data.model_copy(update={"sha256": "0" * 64}), "test") is None


def test_of_a_model_that_lies_in_no_run_nothing_is_known(tmp_path: Path) -> None:
    model, data = begun(tmp_path, select_on_test=True)
    assert selected_on(Path("default"), data, "test") is None
    assert selected_on(model / "deeper", data, "test") is None


def test_rendered_people_are_never_chosen_by(config: RenderedRunConfig, tmp_path: Path) -> None:
    (tmp_path / BEST_FILE).touch()
    assert selecting_split(config, tmp_path) is None


@pytest.mark.parametrize(("select_on_test", "split"), [(False, "val"), (True, "test")])
def test_val_is_validated_on_unless_test_is_asked_for(*, select_on_test: bool, split: str) -> None:
    config = run_config(Path("people"), validation={"select_on_test": select_on_test})
    assert validated_split(config) == split
    assert validated_split(run_config(Path("people"))) == "val"
