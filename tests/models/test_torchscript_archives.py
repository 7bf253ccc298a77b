import io
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.encoders.clip_global import ClipGlobalEncoder
from models.errors import CheckpointUnreadable
from models.loading import load_encoder
from models.state_dicts import read_checkpoint
from models.torchscript_archives import is_torchscript, read_torchscript
from tests.models.filled_weights import OPENAI_SCALARS, openai_clip, worst


class Tree(nn.Module):
    """Modules nested as dotted names say, with parameters for fractions and buffers for counts."""

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        branches: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            first, _, rest = name.partition(".")
            if rest:
                branches.setdefault(first, {})[rest] = tensor
            elif tensor.is_floating_point():
                self.register_parameter(first, nn.Parameter(tensor.clone()))
            else:
                self.register_buffer(first, tensor)
        for first, inner in branches.items():
            self.add_module(first, Tree(inner))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def save_archive(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    with warnings.catch_warnings():
        # TorchScript is deprecated; OpenAI's files are in its format all the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(Tree(tensors).eval(), torch.zeros(1))  # type: ignore[no-untyped-call]
        torch.jit.save(traced, path)


def test_tensors_come_back_by_name_in_every_type(tmp_path: Path) -> None:
    path = tmp_path / "archive.pt"
    tensors = {
        "halves": torch.randn(3, 4).half(),
        "deep.er.singles": torch.randn(2, 3),
        "deep.er.doubles": torch.randn(1).double(),
        "deep.count": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "empty": torch.empty(0, 3),
        "transposed": torch.randn(3, 2).T,
    }
    save_archive(tensors, path)
    assert is_torchscript(path)
    found = read_torchscript(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype is tensor.dtype
        assert torch.equal(found[name], tensor)


def test_an_ordinary_checkpoint_is_no_archive(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "plain.pt")
    assert not is_torchscript(tmp_path / "plain.pt")


@torch.inference_mode()
def test_openai_weights_load_from_an_archive(tmp_path: Path, recorded: dict[str, Any]) -> None:
    path = tmp_path / "ViT.pt"
    halves = {name: tensor.half() for name, tensor in openai_clip().items()} | OPENAI_SCALARS
    save_archive(halves, path)
    encoder = load_encoder(path, device="cpu", precision="fp32")
    assert isinstance(encoder, ClipGlobalEncoder)
    texts = encoder.towers.encode_text(recorded["caption_ids"])
    assert worst(texts, recorded["fp32"]["encode_text"]) <= 1e-5


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


class Reference:
    """Pickles as a persistent id."""

    def __init__(self, pid: object) -> None:
        self.pid = pid


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing: object) -> object:
        return thing.pid if isinstance(thing, Reference) else None


def write_archive(path: Path, tree: object, records: Mapping[str, bytes]) -> None:
    file = io.BytesIO()
    _Pickler(file, protocol=2).dump(tree)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", file.getvalue())
        archive.writestr("x/constants.pkl", b"\x80\x02).")
        for name, content in records.items():
            archive.writestr(f"x/data/{name}", content)


def test_an_archive_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "archive.pt"
    write_archive(path, Call(os.system, f"touch '{victim}'"), {})
    with pytest.raises(CheckpointUnreadable, match=r"refers to (posix|nt)\.system"):
        read_checkpoint(path)
    assert not victim.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (0, (9,), (1,)),  # more than the record holds
        (2, (2,), (1,)),
        (0, (2,), (-1,)),
        (-1, (2,), (1,)),
        (0, "x", (1,)),
    ],
)
def test_a_tensor_that_reaches_out_of_its_record_is_refused(
    tmp_path: Path, arguments: tuple[object, ...]
) -> None:
    path = tmp_path / "archive.pt"
    storage = Reference(("storage", torch.FloatStorage, "0", "cpu", 3))
    rebuild = torch._utils._rebuild_tensor_v2
    tree = Call(rebuild, storage, *arguments, "no gradient", Call(OrderedDict))
    write_archive(path, tree, {"0": bytes(12)})
    with pytest.raises(CheckpointUnreadable):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "pid", [("storage", torch.FloatStorage, "1", "cpu", 3), ("file", "x"), 5, None, ("storage",)]
)
def test_a_reference_to_no_record_is_refused(tmp_path: Path, pid: object) -> None:
    path = tmp_path / "archive.pt"
    write_archive(path, [Reference(pid)], {"0": bytes(12)})
    with pytest.raises(CheckpointUnreadable):
        read_checkpoint(path)


def test_an_archive_without_a_tree_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/constants.pkl", b"\x80\x02).")
    with pytest.raises(CheckpointUnreadable, match=r"archive\.pt"):
        read_checkpoint(path)
