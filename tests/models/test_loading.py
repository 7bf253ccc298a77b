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
from models.clip_checkpoints import understand
from models.contracts import PersonEncoder
from models.encoders.clip_global import ClipGlobalEncoder
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
from tests.models.filled_weights import IRRA, openai_clip

Tensors = dict[str, torch.Tensor]

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


class Payload:
    """Unpickling it runs a shell command; loading a model must not."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.victim}'",)


@pytest.fixture(params=["irra", "sgiha", "openai"])
def published(
    request: pytest.FixtureRequest, irra_folder: Path, sgiha_folder: Path, openai_file: Path
) -> Path:
    """A sound checkpoint in each layout of CLIP's family."""
    files = {
        "irra": irra_folder / "best.pth",
        "sgiha": sgiha_folder / "best.pth",
        "openai": openai_file,
    }
    return files[request.param]


def rewrite(path: Path, change: Callable[[Tensors], None]) -> None:
    content = torch.load(path, weights_only=True)
    change(content.get("model", content))
    torch.save(content, path)


def named(tensors: Tensors, name: str) -> str:
    """The name as the layout has it, with or without IRRA's prefix."""
    return next(full for full in tensors if full.removeprefix("base_model.") == name)


def without_a_tensor(tensors: Tensors) -> None:
    del tensors[named(tensors, "visual.proj")]


def with_a_stranger(tensors: Tensors) -> None:
    tensors["teacher.weight"] = torch.ones(2)


def with_a_wrong_shape(tensors: Tensors) -> None:
    tensors[named(tensors, "ln_final.bias")] = torch.zeros(7)


def with_a_wrong_prefix_on_some(tensors: Tensors) -> None:
    for name in [*tensors][::2]:
        tensors[f"module.{name}"] = tensors.pop(name)


def with_no_numbers(tensors: Tensors) -> None:
    broken = tensors[named(tensors, "visual.conv1.weight")]
    broken[0, 0, 0, :3] = torch.nan
    tensors[named(tensors, "ln_final.weight")][0] = torch.inf


def with_a_short_context(tensors: Tensors) -> None:
    name = named(tensors, "positional_embedding")
    tensors[name] = tensors[name][:64]


def with_a_text_tower_of_another_size(tensors: Tensors) -> None:
    for name in [*tensors]:
        if ".resblocks.1.attn" in name and "visual" not in name and "cross" not in name:
            del tensors[name]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_a_tensor, r"1 missing \(visual\.proj\)"),
        (with_a_stranger, r"1 unexpected \(\w*\.?teacher\.weight\)"),
        (with_a_wrong_shape, r"text\.ln_final\.bias \(7,\) instead of"),
        (with_a_wrong_prefix_on_some, r"'module\.' on \d+ of \d+ names"),
        (with_no_numbers, r"NaN or infinity in 2 tensors: .*conv1\.weight \(3 of \d+ values\)"),
        (with_a_short_context, r"64 word pieces.*text_length 77"),
        (with_a_text_tower_of_another_size, r"unexpected .*text\.transformer"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    published: Path, change: Callable[[Tensors], None], said: str
) -> None:
    assert read_model(published).card.architecture == "clip_global"
    rewrite(published, change)
    with pytest.raises(CheckpointMismatch, match=said) as caught:
        load_encoder(published, device="cpu")
    assert str(published) in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.999])
def test_a_truncated_checkpoint_is_named(published: Path, share: float) -> None:
    whole = published.read_bytes()
    published.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointUnreadable, match=rf"{published.name}.*truncated"):
        load_encoder(published)


def test_a_malicious_checkpoint_is_refused_and_runs_nothing(published: Path) -> None:
    victim = published.parent / "victim"
    content = torch.load(published, weights_only=True)
    torch.save({**content, "args": Payload(victim)}, published)
    with pytest.raises(CheckpointUnreadable, match=r"refers to (posix|nt)\.system"):
        load_encoder(published)
    assert not victim.exists()


def test_a_model_of_another_vocabulary_encodes_crops_but_refuses_text(published: Path) -> None:
    encoder = load_encoder(published, device="cpu")
    assert encoder.encode_images([CROP]).shape == (1, encoder.card.embedding_width)
    with pytest.raises(CheckpointMismatch, match=r"512 word pieces.*49408.*Name a checkpoint"):
        encoder.encode_texts(["red coat"])


def test_half_a_head_that_only_training_needs_is_refused(sgiha_folder: Path) -> None:
    rewrite(sgiha_folder / "best.pth", lambda tensors: tensors.__delitem__("bridge_proj.bias"))
    with pytest.raises(CheckpointMismatch, match=r"1 missing \(bridge_proj\.bias\)"):
        load_encoder(sgiha_folder)


def test_another_architecture_is_named_by_some_of_its_tensors(tmp_path: Path) -> None:
    torch.save(
        {"layer1.0.conv1.weight": torch.ones(2), "fc.bias": torch.ones(2)}, tmp_path / "r.pt"
    )
    with pytest.raises(CheckpointMismatch, match=r"2 tensors.*fc\.bias, layer1\.0.*clip_global"):
        load_encoder(tmp_path / "r.pt")


def test_clip_with_a_convolutional_tower_is_named_as_unknown(tmp_path: Path) -> None:
    tensors = {k: v for k, v in openai_clip().items() if not k.startswith("visual.")}
    torch.save(tensors | {"visual.layer1.0.conv1.weight": torch.ones(2)}, tmp_path / "RN50.pt")
    with pytest.raises(CheckpointMismatch, match=r"RN50\.pt.*of no architecture"):
        load_encoder(tmp_path / "RN50.pt")


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


NEW_MODEL = """
from pathlib import Path

import numpy as np

from models.card import ImagePreprocessing, ModelCard
from models.stored_model import PublishedModel

SCHEME = "constant"


class Constant:
    part_scorer = None

    def __init__(self, card):
        self.card = card

    def encode_images(self, images):
        return np.ones((len(images), 1), np.float32)

    encode_texts = encode_images


def assemble(model, *, device, precision):
    return Constant(model.card)


def recognises(shapes):
    return "constant" in shapes


def understand(checkpoint):
    card = ModelCard(
        name=f"constant {checkpoint.path.stem}",
        architecture="zz_constant",
        method="none",
        embedding_width=1,
        image=ImagePreprocessing(height=8, width=8, mean=(0, 0, 0), std=(1, 1, 1)),
        sizes={},
        weights_sha256=checkpoint.sha256,
    )
    return PublishedModel(
        card, checkpoint.tensors, {}, checkpoint.path,
        layout="a constant", classes=None, training_only=(),
    )


def understand_name(name):
    from models.state_dicts import read_checkpoint

    return understand(read_checkpoint(Path(name)))
"""


def test_a_new_model_needs_one_file_and_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "encoders"
    shutil.copytree(Path(loading.__file__).parent / "encoders", folder)
    (folder / "zz_constant.py").write_text(NEW_MODEL)
    monkeypatch.setattr(loading, "_ENCODERS", folder)
    monkeypatch.setattr(models.encoders, "__path__", [*models.encoders.__path__, str(folder)])
    checkpoint = tmp_path / "seven.pth"
    torch.save({"constant": torch.ones(1)}, checkpoint)
    published = read_model(checkpoint)
    assert isinstance(published, PublishedModel)
    write_converted(tmp_path / "converted", published)
    for source in (checkpoint, f"constant:{checkpoint}", tmp_path / "converted"):
        encoder = load_encoder(source)
        assert isinstance(encoder, PersonEncoder)
        assert (encoder.card.architecture, encoder.card.name) == ("zz_constant", "constant seven")
        assert encoder.encode_images([CROP, CROP]).tolist() == [[1], [1]]
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
