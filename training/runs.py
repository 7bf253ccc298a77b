"""The folder of a run: what was asked, with what, and everything that came of it."""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from pydantic import JsonValue

from models.errors import ConfigurationInvalid
from training.config import TrainConfig, validate_config
from training.word_counts import put_in_place

CONFIG_FILE = "config.json"
ENVIRONMENT_FILE = "environment.json"
LOG_FILE = "run.log"
FREE_ON_RESUME = ("workers", "checkpoint_seconds", "report_steps")
"""What a resumed run may change: how fast it is and what it tells, not what it computes."""

_PACKAGES = ("accelerate", "numpy", "open_clip_torch", "pillow", "torchvision", "transformers")
_VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MALLOC_MMAP_MAX_", "WORLD_SIZE")


def open_run(folder: Path, config: TrainConfig, *, resume: bool) -> None:
    """Make a run folder, or check that it is the run to go on with.

    Raises:
        ConfigurationInvalid: If a new run's folder is taken, or a resumed run's configuration
            is not the one it began with; what differs is listed.
    """
    path = folder / CONFIG_FILE
    if resume:
        _require_same(folder, config)
        return
    if path.exists():
        raise ConfigurationInvalid(
            f"{folder} already holds a run: add --resume to go on with it, or name another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    # The configuration comes last: a folder that has it can be resumed, whatever stopped the run.
    environment = json.dumps(describe_environment(), indent=1)
    put_in_place(environment.encode(), folder / ENVIRONMENT_FILE)
    put_in_place(config.model_dump_json(indent=1).encode(), path)


def read_run_config(folder: Path) -> TrainConfig:
    """Return the configuration a run began with.

    Raises:
        ConfigurationInvalid: If the folder holds no run, or its configuration is damaged.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ConfigurationInvalid(f"{folder} holds no run: there is no {CONFIG_FILE} in it")
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigurationInvalid(
            f"{path} is damaged: {error}. Put the file back, or start a new run"
        ) from error
    if not isinstance(content, dict):
        raise ConfigurationInvalid(f"{path} is damaged: it holds no keys. Put the file back")
    return validate_config(content, str(path))


def describe_environment() -> dict[str, JsonValue]:
    """Return what a run depends on besides its configuration."""
    return {
        "command": shlex.join(["python", "-m", "training", *sys.argv[1:]]),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "packages": {name: _version(name) for name in _PACKAGES},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "commit": _commit(),
    }


def _require_same(folder: Path, config: TrainConfig) -> None:
    began = read_run_config(folder).model_dump(mode="json")
    asked = config.model_dump(mode="json")
    differences = [
        f"{key}: {before!r} became {after!r}"
        for key, before, after in _differences(began, asked)
        if key not in FREE_ON_RESUME
    ]
    if differences:
        raise ConfigurationInvalid(
            f"{folder} is not a run of this configuration: {'; '.join(differences)}. Resume with "
            f"the configuration it began with ({CONFIG_FILE} there), or start a new run"
        )


def _differences(
    before: JsonValue, after: JsonValue, key: str = ""
) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            inner = f"{key}.{name}" if key else name
            yield from _differences(before.get(name), after.get(name), inner)
    elif before != after:
        yield key, before, after


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


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
