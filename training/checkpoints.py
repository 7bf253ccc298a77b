"""The last state of a run, from which it goes on as if it had never stopped."""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from models.errors import CheckpointUnreadable, ConfigurationInvalid
from training.averaging import WeightAverage

LAST_FILE = "last.pt"
BEST_FILE = "best.pt"
MODEL_FOLDER = "model"


@dataclass
class TrainingState:
    """Everything that changes from step to step.

    Random draws need no state: each step seeds its own generator with its number. ``average`` is
    None where the weights themselves are exported. ``best`` is the best validation figure yet.
    """

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: WeightAverage | None = None
    step: int = 0
    samples: int = 0
    best: float | None = None

    def weights(self) -> dict[str, torch.Tensor]:
        """Return what is validated and exported: the averaged tensors, or the network's own."""
        if self.average is not None:
            return dict(self.average.tensors)
        return dict(self.network.state_dict())


@dataclass(frozen=True)
class SavedWeights:
    """The weights of a checkpoint, by the network's names, after so many steps and samples."""

    tensors: dict[str, torch.Tensor]
    step: int
    samples: int
    figures: dict[str, float]


def save_state(state: TrainingState, path: Path) -> None:
    """Write the state to a new file and then put it in place of the old one.

    Raises:
        ConfigurationInvalid: If the disk is full or fails; the old file is as it was.
    """
    content = {
        "network": state.network.state_dict(),
        "average": None if state.average is None else state.average.tensors,
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
        "samples": state.samples,
        "best": state.best,
    }
    _replace(path, content)


def save_weights(state: TrainingState, figures: dict[str, float], path: Path) -> None:
    """Write the weights alone, with the figures that made them worth keeping.

    Raises:
        ConfigurationInvalid: If the disk is full or fails; the old file is as it was.
    """
    content = {
        "weights": state.weights(),
        "step": state.step,
        "samples": state.samples,
        "figures": figures,
    }
    _replace(path, content)


def restore_state(state: TrainingState, path: Path) -> None:
    """Fill ``state`` with what ``save_state`` wrote.

    Raises:
        CheckpointUnreadable: If the file is missing, damaged, or of a differently sized run.
    """
    content = _read(path)
    try:
        _require_same_kind(state, content)
        state.network.load_state_dict(content["network"])
        state.optimiser.load_state_dict(content["optimiser"])
        if state.average is not None:
            state.average.tensors = content["average"]
        state.step, state.samples = content["step"], content["samples"]
        state.best = content["best"]
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointUnreadable(
            f"{path} was written by a run with another configuration: {error}"
        ) from error


def read_weights(path: Path) -> SavedWeights:
    """Return the weights of a ``last`` or ``best`` checkpoint, without the means to go on.

    Raises:
        CheckpointUnreadable: If the file is missing, damaged or no training checkpoint.
    """
    content = _read(path)
    tensors = content.get("weights") or content.get("average") or content.get("network")
    if not isinstance(tensors, dict) or "step" not in content:
        raise CheckpointUnreadable(
            f"{path} is not a training checkpoint: it holds no weights. Name one of a run folder."
        )
    return SavedWeights(tensors, content["step"], content["samples"], content.get("figures", {}))


def _require_same_kind(state: TrainingState, content: dict[str, Any]) -> None:
    """Refuse what ``load_state_dict`` would take and a later step stumble over.

    Raises:
        ValueError: If there is an average on one side alone, or another optimiser.
    """
    if (content["average"] is None) != (state.average is None):
        raise ValueError("one of the two averages its weights, and the other does not")
    saved = [(group.get("name"), sorted(group)) for group in content["optimiser"]["param_groups"]]
    own = [(group.get("name"), sorted(group)) for group in state.optimiser.param_groups]
    if saved != own:
        raise ValueError("its optimiser is of another kind, or has other groups")


def _replace(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    try:
        torch.save(content, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        partial.unlink(missing_ok=True)
        raise ConfigurationInvalid(
            f"{path} could not be written: {error}. The checkpoint before it is as it was; make "
            "room on the disk and go on with --resume"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError) as error:
        raise CheckpointUnreadable(
            f"{path} is not a training checkpoint: {error}. Name a run that has saved one."
        ) from error
    if not isinstance(content, dict):
        raise CheckpointUnreadable(
            f"{path} is not a training checkpoint: it holds a {type(content).__name__}. Name a run "
            "that has saved one."
        )
    return content
