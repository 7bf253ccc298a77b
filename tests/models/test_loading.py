import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from models import loading
from models.clip_checkpoints import understand
from models.errors import (
    CheckpointMismatch,
    CheckpointUnreadable,
    ConfigurationInvalid,
    ModelError,
    ModelNotFound,
)
from models.loading import load_encoder, read_model
from models.state_dicts import read_checkpoint, write_converted
from models.stored_model import PublishedModel, StoredModel
from tests.models.filled_weights import IRRA

CROP = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 32, 3), np.uint8))


@pytest.fixture
def model_directory(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    write_converted(directory, understand(read_checkpoint(IRRA / "best.pth")))
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
    monkeypatch.setitem(loading.SHIPPED, "default", model_directory)
    assert load_encoder("default", device="cpu").card.name == "IRRA CUHK-PEDES"


def test_a_copy_without_its_checkpoint_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loading.SHIPPED, "default", tmp_path)
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
    assert callable(module.assemble)
    assert hasattr(module, "recognises") == hasattr(module, "understand")
    assert hasattr(module, "SCHEME") == hasattr(module, "understand_name")


def test_reading_tells_a_published_model_from_one_of_ours(
    irra_folder: Path, model_directory: Path
) -> None:
    published, ours = read_model(irra_folder), read_model(model_directory)
    assert isinstance(published, PublishedModel)
    assert (published.layout, published.classes) == ("IRRA's checkpoint", 20)
    assert isinstance(ours, StoredModel)
    assert not isinstance(ours, PublishedModel)
    assert ours.shapes == published.shapes
    assert ours.card.fingerprint() == published.card.fingerprint()


def test_naming_the_loader_brings_no_model_library() -> None:
    code = (
        "import sys, models.loading; print([m for m in ('torch', 'open_clip') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_refusals_are_one_family() -> None:
    for error in (ModelNotFound, CheckpointUnreadable, CheckpointMismatch):
        assert issubclass(error, ModelError)
