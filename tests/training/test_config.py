from pathlib import Path

import pytest

from models.errors import ConfigurationInvalid
from training.config import TrainConfig, read_config

CONFIGS = Path(__file__).parents[2] / "training" / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.name)
def test_every_configuration_is_valid_and_begins_with_its_command(path: Path) -> None:
    assert read_config(path).samples > 0
    assert "python -m training run" in path.read_text(encoding="utf-8").splitlines()[0]


def test_samples_are_those_of_all_phases(config: TrainConfig) -> None:
    assert config.samples == 160


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("learning_rate", "learning_rte", r"optimiser\.learning_rte"),
        ("seed = 1\n", "seed = -1\n", "seed"),
        ("flip = 0.5", "flip = 1.5", r"augmentation\.flip"),
        ("flip = 0.5", "flip = often", "no TOML"),
    ],
)
def test_key_or_value_that_cannot_work_stops_the_run(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    text = (CONFIGS / "default.toml").read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match=message):
        read_config(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"nowhere\.toml"):
        read_config(tmp_path / "nowhere.toml")
