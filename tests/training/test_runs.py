import json
from pathlib import Path

import pytest

from models.errors import ConfigurationInvalid
from training.config import TrainConfig
from training.runs import ENVIRONMENT_FILE, open_run, read_run_config


def test_run_folder_records_configuration_and_environment(
    config: TrainConfig, tmp_path: Path
) -> None:
    open_run(tmp_path / "run", config, resume=False)
    assert read_run_config(tmp_path / "run") == config
    environment = json.loads((tmp_path / "run" / ENVIRONMENT_FILE).read_text())
    assert environment["command"].startswith("python -m training")
    assert {"python", "torch", "threads", "commit", "started_at"} <= environment.keys()


def test_run_is_not_overwritten(config: TrainConfig, tmp_path: Path) -> None:
    open_run(tmp_path / "run", config, resume=False)
    with pytest.raises(ConfigurationInvalid, match="--resume"):
        open_run(tmp_path / "run", config, resume=False)


def test_run_resumes_with_its_own_configuration_only(config: TrainConfig, tmp_path: Path) -> None:
    open_run(tmp_path / "run", config, resume=False)
    open_run(tmp_path / "run", config, resume=True)
    with pytest.raises(ConfigurationInvalid, match="not a run of this configuration"):
        open_run(tmp_path / "run", config.model_copy(update={"seed": 4}), resume=True)
    with pytest.raises(ConfigurationInvalid, match="not a run"):
        open_run(tmp_path / "other", config, resume=True)


def test_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"config\.json"):
        read_run_config(tmp_path)
