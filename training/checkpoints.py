"""The last state of a run, from which it goes on as if it had never stopped."""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from models.errors import CheckpointUnreadable
from training.averaging import WeightAverage

LAST_FILE = "last.pt"


@dataclass
class TrainingState:
    """Everything that changes from step to step.

    Random draws need no state: each step seeds its own generator with its number.
    """

    method: nn.Module
    average: WeightAverage
    optimiser: torch.optim.Optimizer
    step: int = 0
    samples: int = 0


@dataclass(frozen=True)
class Progress:
    """What a run has come to: averaged tensors by name, after so many samples."""

    average: dict[str, torch.Tensor]
    samples: int


def save_state(state: TrainingState, path: Path) -> None:
    """Write the state to a new file and then put it in place of the old one."""
    content = {
        "method": state.method.state_dict(),
        "average": state.average.tensors,
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
        "samples": state.samples,
    }
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def restore_state(state: TrainingState, path: Path) -> None:
    """Fill ``state`` with what ``save_state`` wrote.

    Raises:
        CheckpointUnreadable: If the file is missing, damaged, or of a differently sized run.
    """
    content = _read(path)
    try:
        state.method.load_state_dict(content["method"])
        state.optimiser.load_state_dict(content["optimiser"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointUnreadable(
            f"{path} was written by a run with another configuration: {error}"
        ) from error
    state.average.tensors = content["average"]
    state.step = content["step"]
    state.samples = content["samples"]


def read_progress(path: Path) -> Progress:
    """Return what a checkpoint has come to, without the means to go on.

    Raises:
        CheckpointUnreadable: If the file is missing or damaged.
    """
    content = _read(path)
    return Progress(average=content["average"], samples=content["samples"])


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError) as error:
        raise CheckpointUnreadable(
            f"{path} is not a training checkpoint: {error}. Name a run that has saved one."
        ) from error
    return content
