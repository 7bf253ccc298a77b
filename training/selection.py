"""Which weights a run exports, and by which split's figures they were chosen."""

from pathlib import Path

from training.checkpoints import BEST_FILE
from training.config import CaptionedRunConfig, RenderedRunConfig, TrainConfig
from training.data_fingerprints import DataFingerprint, read_fingerprint
from training.datasets.captioned_crops import Split
from training.runs import CONFIG_FILE, read_run_config


def validated_split(config: CaptionedRunConfig) -> Split:
    """Return the split that a run is measured on while it goes on."""
    return "test" if config.validation.select_on_test else "val"


def selecting_split(config: TrainConfig, run: Path) -> Split | None:
    """Return the split that chose the weights which a run exports; None where none did."""
    if isinstance(config, RenderedRunConfig) or not (run / BEST_FILE).is_file():
        return None
    return validated_split(config)


def selected_on(model: Path, data: DataFingerprint, split: Split) -> bool | None:
    """Say whether a model's weights were chosen by their figures on a split of a data set.

    A model is known by the run folder it lies in. None where it lies in none, where its run was
    on other data, and for the split it has learned from.

    Raises:
        ConfigurationInvalid: If the files of its run are damaged.
    """
    run = model.parent
    if not (run / CONFIG_FILE).is_file():
        return None
    learned = read_fingerprint(run)
    if learned is None or learned.sha256 != data.sha256 or split == "train":
        return None
    return selecting_split(read_run_config(run), run) == split
