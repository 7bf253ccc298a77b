import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from models.errors import CheckpointUnreadable, ConfigurationInvalid
from training.averaging import WeightAverage
from training.checkpoints import (
    TrainingState,
    read_weights,
    restore_state,
    save_state,
    save_weights,
)

LARGE = 300  # squared, times four bytes: more than the limit of a file below
LIMIT = 100_000


def state_of(width: int, *, average: bool = True, kind: str = "adamw") -> TrainingState:
    network = nn.Linear(width, width)
    optimiser: torch.optim.Optimizer = torch.optim.AdamW(network.parameters())
    if kind == "sgd":
        optimiser = torch.optim.SGD(network.parameters())
    return TrainingState(network, optimiser, WeightAverage(network, 0.5) if average else None)


def trained(width: int, *, average: bool = True) -> TrainingState:
    state = state_of(width, average=average)
    state.network(torch.ones(1, width)).sum().backward()
    state.optimiser.step()
    state.step, state.samples, state.best = 4, 40, 0.5
    return state


@pytest.mark.parametrize("average", [True, False])
def test_state_comes_back_as_it_was_saved(tmp_path: Path, *, average: bool) -> None:
    state = trained(3, average=average)
    save_state(state, tmp_path / "last.pt")
    other = state_of(3, average=average)
    restore_state(other, tmp_path / "last.pt")
    assert (other.step, other.samples, other.best) == (4, 40, 0.5)
    for name, tensor in state.network.state_dict().items():
        assert torch.equal(other.network.state_dict()[name], tensor)
        assert torch.equal(other.weights()[name], state.weights()[name])
        assert torch.equal(other.weights()[name], tensor) != average
    moments, restored = (
        [entry[key] for entry in one.optimiser.state_dict()["state"].values() for key in entry]
        for one in (state, other)
    )
    assert len(moments) == 2 * 3
    assert all(torch.equal(a, b) for a, b in zip(moments, restored, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("average", [True, False])
def test_the_weights_of_both_kinds_of_checkpoint_are_those_to_export(
    tmp_path: Path, *, average: bool
) -> None:
    state = trained(3, average=average)
    save_state(state, tmp_path / "last.pt")
    save_weights(state, {"recall_at_1": 0.25}, tmp_path / "best.pt")
    last, best = (read_weights(tmp_path / name) for name in ("last.pt", "best.pt"))
    assert (last.step, last.samples, best.step, best.samples) == (4, 40, 4, 40)
    assert (last.figures, best.figures) == ({}, {"recall_at_1": 0.25})
    for name, tensor in state.weights().items():
        assert torch.equal(last.tensors[name], tensor)
        assert torch.equal(best.tensors[name], tensor)


@pytest.mark.parametrize(
    "other",
    [
        lambda: state_of(4),
        lambda: state_of(3, average=False),
        lambda: state_of(3, kind="sgd"),
    ],
    ids=["size", "average", "optimiser"],
)
def test_a_checkpoint_of_another_configuration_is_refused(
    tmp_path: Path, other: Callable[[], TrainingState]
) -> None:
    save_state(trained(3), tmp_path / "last.pt")
    with pytest.raises(CheckpointUnreadable, match=r"last\.pt .*another configuration"):
        restore_state(other(), tmp_path / "last.pt")


def test_an_average_is_not_made_up_for_a_run_that_had_none(tmp_path: Path) -> None:
    save_state(trained(3, average=False), tmp_path / "last.pt")
    with pytest.raises(CheckpointUnreadable, match="averages its weights"):
        restore_state(state_of(3), tmp_path / "last.pt")


def test_the_weights_of_the_best_are_no_state_to_go_on_from(tmp_path: Path) -> None:
    save_weights(trained(3), {}, tmp_path / "best.pt")
    with pytest.raises(CheckpointUnreadable, match=r"best\.pt"):
        restore_state(state_of(3), tmp_path / "best.pt")


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
@pytest.mark.parametrize("read", [read_weights, lambda path: restore_state(state_of(3), path)])
def test_a_missing_or_damaged_checkpoint_is_refused(
    tmp_path: Path, content: bytes | None, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "last.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointUnreadable, match=r"last\.pt is not a training checkpoint"):
        read(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "last.pt"
    save_state(state_of(3), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointUnreadable, match=r"last\.pt"):
        read_weights(path)


@pytest.mark.parametrize("content", [{"weight": torch.ones(2)}, [1, 2], torch.ones(2), {"step": 1}])
def test_another_file_of_torch_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "other.pt"
    torch.save(content, path)
    for read in (read_weights, lambda path: restore_state(state_of(3), path)):
        with pytest.raises(CheckpointUnreadable, match=r"other\.pt"):
            read(path)


@contextmanager
def files_limited(size: int) -> Iterator[None]:
    """Let writing fail at a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "save", [save_state, lambda state, path: save_weights(state, {}, path)], ids=["last", "best"]
)
def test_a_full_disk_leaves_the_old_checkpoint_as_it_was(
    tmp_path: Path, save: Callable[[TrainingState, Path], None]
) -> None:
    path = tmp_path / "last.pt"
    state = trained(LARGE)
    save(state, path)
    before = path.read_bytes()
    assert len(before) > LIMIT
    state.step = 5
    with (
        files_limited(LIMIT),
        pytest.raises(ConfigurationInvalid, match=r"last\.pt could not be written.*--resume"),
    ):
        save(state, path)
    assert path.read_bytes() == before
    assert read_weights(path).step == 4
    assert [found.name for found in tmp_path.iterdir()] == ["last.pt"]


def test_a_device_without_space_leaves_the_old_checkpoint_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    state = trained(3)
    save_state(state, path)

    def write_part(_: object, partial: Path) -> None:
        partial.write_bytes(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", write_part)
    with pytest.raises(ConfigurationInvalid, match="No space left"):
        save_state(state, path)
    restore_state(state_of(3), path)
    assert [found.name for found in tmp_path.iterdir()] == ["last.pt"]


def test_what_a_killed_process_left_half_written_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.with_suffix(".partial").write_bytes(b"half")
    save_state(trained(3), path)
    assert read_weights(path).step == 4
    assert [found.name for found in tmp_path.iterdir()] == ["last.pt"]
