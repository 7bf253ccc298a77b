from pathlib import Path

import pytest
import torch
from torch import nn

from models.errors import CheckpointUnreadable
from training.averaging import WeightAverage
from training.checkpoints import TrainingState, read_progress, restore_state, save_state


def state_of(width: int) -> TrainingState:
    network = nn.Linear(width, 1)
    optimiser = torch.optim.AdamW(network.parameters())
    return TrainingState(network, WeightAverage(network, 0.5), optimiser)


def test_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    state = state_of(3)
    state.method(torch.ones(1, 3)).sum().backward()
    state.optimiser.step()
    state.step, state.samples = 4, 40
    save_state(state, tmp_path / "last.pt")
    other = state_of(3)
    restore_state(other, tmp_path / "last.pt")
    assert (other.step, other.samples) == (4, 40)
    for name, tensor in state.method.state_dict().items():
        assert torch.equal(other.method.state_dict()[name], tensor)
        assert torch.equal(other.average.tensors[name], state.average.tensors[name])
    moments = [entry["exp_avg"] for entry in state.optimiser.state_dict()["state"].values()]
    restored = [entry["exp_avg"] for entry in other.optimiser.state_dict()["state"].values()]
    assert all(torch.equal(a, b) for a, b in zip(moments, restored, strict=True))
    assert read_progress(tmp_path / "last.pt").samples == 40
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_checkpoint_of_another_size_is_refused(tmp_path: Path) -> None:
    save_state(state_of(3), tmp_path / "last.pt")
    with pytest.raises(CheckpointUnreadable, match="another configuration"):
        restore_state(state_of(4), tmp_path / "last.pt")


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
def test_missing_or_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "last.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointUnreadable, match=r"last\.pt"):
        read_progress(path)


def test_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_state(state_of(3), path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(CheckpointUnreadable, match=r"last\.pt"):
        read_progress(path)
