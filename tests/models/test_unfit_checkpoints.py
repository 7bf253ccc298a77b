import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import (
    CheckpointMismatch,
    CheckpointUnreadable,
)
from models.loading import load_encoder, read_model
from tests.models.filled_weights import openai_clip

Tensors = dict[str, torch.Tensor]

CROP = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 32, 3), np.uint8))


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
