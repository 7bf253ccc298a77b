import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import models.encoders
from models import loading
from models.contracts import PersonEncoder
from models.encoders.clip_global import ClipGlobalEncoder, from_checkpoint
from models.errors import (
    CheckpointMismatch,
    CheckpointUnreadable,
    ConfigurationInvalid,
    ModelError,
    ModelNotFound,
)
from models.loading import load_encoder
from models.state_dicts import read_checkpoint
from tests.models.filled_weights import IRRA, openai_clip

CROP = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 32, 3), np.uint8))


@pytest.fixture
def model_directory(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    checkpoint = read_checkpoint(IRRA / "best.pth")
    from_checkpoint(checkpoint, device="cpu", precision="fp32").save(directory)
    return directory


def change_card(directory: Path, **fields: object) -> None:
    path = directory / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_one_model_is_the_same_in_every_form(irra_folder: Path, model_directory: Path) -> None:
    alone = model_directory.parent / "alone"
    alone.mkdir()
    shutil.copy(irra_folder / "best.pth", alone / "irra_cuhk.pth")
    sources: list[str | Path] = [
        irra_folder,
        str(irra_folder),
        irra_folder / "best.pth",
        alone,
        alone / "irra_cuhk.pth",
        model_directory,
    ]
    rows = [
        load_encoder(source, device="cpu", precision="fp32").encode_images([CROP])
        for source in sources
    ]
    assert all(np.array_equal(row, rows[0]) for row in rows)


def test_distributed_and_safetensors_checkpoints_are_the_same_model(
    irra_folder: Path, tmp_path: Path
) -> None:
    expected = load_encoder(irra_folder, device="cpu", precision="fp32").encode_images([CROP])
    content = torch.load(irra_folder / "best.pth", weights_only=True)
    tensors = content["model"]
    content["model"] = {f"module.{name}": tensor for name, tensor in tensors.items()}
    torch.save(content, tmp_path / "distributed.pth")
    save_file(tensors, tmp_path / "flat.safetensors")
    for name in ("distributed.pth", "flat.safetensors"):
        encoder = load_encoder(tmp_path / name, device="cpu", precision="fp32")
        assert np.array_equal(encoder.encode_images([CROP]), expected)


def test_the_shipped_checkpoint_goes_by_its_name(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_DEFAULT_DIRECTORY", model_directory)
    assert load_encoder("default", device="cpu").card.name == "IRRA CUHK-PEDES"


def test_a_copy_without_its_checkpoint_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_DEFAULT_DIRECTORY", tmp_path)
    with pytest.raises(ModelNotFound, match=r"'default' is not there.*training"):
        load_encoder("default")


@pytest.mark.parametrize(
    "source",
    [
        "nowhere",
        "nowhere/best.pth",
        "hf:someone/something",
        "a\0b",
        "default2",
        "C:\\x",
    ],
)
def test_a_source_that_is_nowhere_is_named_with_what_there_is(source: str) -> None:
    with pytest.raises(ModelNotFound, match=r"no such file.*Give 'default'") as caught:
        load_encoder(source)
    assert repr(source) in str(caught.value)


def test_a_source_that_no_path_can_be_is_named() -> None:
    with pytest.raises(ModelNotFound, match=r"xxx' cannot be looked for: .*Give 'default'"):
        load_encoder("x" * 5000)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ModelNotFound, match="holds no model"):
        load_encoder(tmp_path)


def test_a_folder_with_several_checkpoints_asks_which(irra_folder: Path) -> None:
    for name in ("a.pth", "b.pt"):
        shutil.copy(irra_folder / "best.pth", irra_folder / name)
    assert load_encoder(irra_folder, device="cpu").card.provenance["file"] == "best.pth"
    (irra_folder / "best.pth").unlink()
    with pytest.raises(ModelNotFound, match=r"2 checkpoints \(a\.pth, b\.pt\): name one"):
        load_encoder(irra_folder)


def test_a_truncated_checkpoint_is_named(irra_folder: Path) -> None:
    path = irra_folder / "best.pth"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(CheckpointUnreadable, match=r"best\.pth.*truncated"):
        load_encoder(irra_folder)


class Payload:
    """Unpickling it runs a shell command; loading a model must not."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.victim}'",)


def test_a_malicious_checkpoint_is_refused_and_runs_nothing(irra_folder: Path) -> None:
    victim = irra_folder / "victim"
    content = torch.load(irra_folder / "best.pth", weights_only=True)
    torch.save({**content, "args": Payload(victim)}, irra_folder / "best.pth")
    with pytest.raises(CheckpointUnreadable, match=r"refers to (posix|nt)\.system"):
        load_encoder(irra_folder)
    assert not victim.exists()


def test_another_architecture_is_named_by_some_of_its_tensors(tmp_path: Path) -> None:
    torch.save(
        {"layer1.0.conv1.weight": torch.ones(2), "fc.bias": torch.ones(2)}, tmp_path / "r.pt"
    )
    with pytest.raises(CheckpointMismatch, match=r"2 tensors.*fc\.bias, layer1\.0.*clip_global"):
        load_encoder(tmp_path / "r.pt")


def test_an_incomplete_clip_is_named_by_what_is_missing(tmp_path: Path) -> None:
    tensors = openai_clip()
    del tensors["visual.proj"]
    torch.save(tensors, tmp_path / "clip.pt")
    with pytest.raises(CheckpointMismatch, match=r"clip\.pt.*1 missing \(visual\.proj\)"):
        load_encoder(tmp_path / "clip.pt")


def test_weights_that_are_not_the_card_s_are_refused(model_directory: Path) -> None:
    weights = model_directory / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with pytest.raises(CheckpointUnreadable, match=r"model\.safetensors is damaged.*SHA-256"):
        load_encoder(model_directory)
    weights.unlink()
    with pytest.raises(CheckpointUnreadable, match=r"model\.safetensors cannot be read"):
        load_encoder(model_directory)


@pytest.mark.parametrize("architecture", ["os", "subprocess", "loading", "clip_global2"])
def test_a_card_imports_only_files_of_the_encoders_folder(
    model_directory: Path, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported: list[str] = []
    monkeypatch.setattr("importlib.import_module", imported.append)
    change_card(model_directory, architecture=architecture)
    with pytest.raises(CheckpointMismatch, match=f"{architecture!r}.*clip_global.*Update"):
        load_encoder(model_directory)
    assert imported == []


def test_a_broken_card_is_named(model_directory: Path) -> None:
    (model_directory / "card.json").write_text("{")
    with pytest.raises(CheckpointUnreadable, match=r"card\.json"):
        load_encoder(model_directory)


@pytest.mark.parametrize(
    "choice", [{"device": "tpu"}, {"device": "cuda:77"}, {"precision": "int3"}]
)
def test_a_device_or_precision_that_is_not_there_is_named(
    irra_folder: Path, model_directory: Path, choice: dict[str, str]
) -> None:
    for source in (irra_folder, model_directory):
        with pytest.raises(ConfigurationInvalid, match=next(iter(choice.values()))):
            load_encoder(source, **choice)


@pytest.mark.parametrize("architecture", loading._architectures())
def test_every_file_of_the_encoders_folder_can_load(architecture: str) -> None:
    module = loading._encoder_module(architecture)
    assert callable(module.load)
    assert hasattr(module, "recognises") == hasattr(module, "from_checkpoint")
    assert hasattr(module, "SCHEME") == hasattr(module, "from_name")


NEW_MODEL = """
from pathlib import Path

import numpy as np

from models.card import ModelCard

SCHEME = "constant"


class Constant:
    def __init__(self, card):
        self.card = card

    def encode_images(self, images):
        return np.ones((len(images), 1), np.float32)

    encode_texts = encode_images


def load(card, directory, *, device, precision):
    return Constant(card)


def recognises(shapes):
    return "constant" in shapes


def from_checkpoint(checkpoint, *, device, precision):
    return Constant("from " + checkpoint.path.name)


def from_name(name, *, device, precision):
    return Constant(name)
"""


def test_a_new_model_needs_one_file_and_no_edit(
    tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "encoders"
    shutil.copytree(Path(loading.__file__).parent / "encoders", folder)
    (folder / "zz_constant.py").write_text(NEW_MODEL)
    monkeypatch.setattr(loading, "_ENCODERS", folder)
    monkeypatch.setattr(models.encoders, "__path__", [*models.encoders.__path__, str(folder)])
    change_card(model_directory, architecture="zz_constant")
    encoder = load_encoder(model_directory)
    assert isinstance(encoder, PersonEncoder)
    assert encoder.card.architecture == "zz_constant"
    torch.save({"constant": torch.ones(1)}, tmp_path / "constant.pth")
    assert str(load_encoder(tmp_path / "constant.pth").card) == "from constant.pth"
    assert str(load_encoder("constant:seven").card) == "seven"
    assert isinstance(load_encoder(IRRA / "best.pth", device="cpu"), ClipGlobalEncoder)
    sys.modules.pop("models.encoders.zz_constant")


def test_naming_the_loader_brings_no_model_library() -> None:
    code = (
        "import sys, models.loading; print([m for m in ('torch', 'open_clip') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_refusals_are_one_family() -> None:
    for error in (ModelNotFound, CheckpointUnreadable, CheckpointMismatch):
        assert issubclass(error, ModelError)
