"""The folder of a run: what was asked, with what, and everything that came of it."""

import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydantic import JsonValue

from models.errors import ConfigurationInvalid
from training.config import TrainConfig

CONFIG_FILE = "config.json"
ENVIRONMENT_FILE = "environment.json"
LOG_FILE = "run.log"


def open_run(folder: Path, config: TrainConfig, *, resume: bool) -> None:
    """Make a run folder, or check that it is the run to go on with.

    Raises:
        ConfigurationInvalid: If a new run's folder is taken, or a resumed run's configuration
            is not the one it began with.
    """
    path = folder / CONFIG_FILE
    resolved = config.model_dump_json(indent=1)
    if resume:
        if not path.is_file() or path.read_text(encoding="utf-8") != resolved:
            raise ConfigurationInvalid(
                f"{folder} is not a run of this configuration: resume with the configuration it "
                f"began with ({CONFIG_FILE} there), or start a new run"
            )
        return
    if path.exists():
        raise ConfigurationInvalid(
            f"{folder} already holds a run: add --resume to go on with it, or name another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(resolved, encoding="utf-8")
    (folder / ENVIRONMENT_FILE).write_text(json.dumps(describe_environment(), indent=1))


def read_run_config(folder: Path) -> TrainConfig:
    """Return the configuration a run began with.

    Raises:
        ConfigurationInvalid: If the folder holds no run.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ConfigurationInvalid(f"{folder} holds no run: there is no {CONFIG_FILE} in it")
    return TrainConfig.model_validate_json(path.read_bytes())


def describe_environment() -> dict[str, JsonValue]:
    """Return what a run depends on besides its configuration."""
    return {
        "command": " ".join(["python -m training", *sys.argv[1:]]),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "variables": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "MALLOC_MMAP_MAX_")
            if name in os.environ
        },
        "commit": _commit(),
    }


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    answer = subprocess.run(  # noqa: S603 - the arguments are literals
        [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or "unknown"
