from pathlib import Path

import pytest
import torch

from models.clip_checkpoints import is_clip, understand
from models.encoders.clip_global import assemble
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.layers.clip_towers import ClipGlobalSizes
from models.state_dicts import Checkpoint
from tests.models.filled_weights import (
    IRRA,
    OPENAI_SCALARS,
    POSITION,
    SGIHA,
    fill,
    openai_clip,
)

BRIDGE = {"bridge_proj.weight": torch.zeros(128, 128), "bridge_proj.bias": torch.zeros(128)}


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    stored: dict[str, torch.Tensor] = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    return stored


def checkpoint(folder: Path, tensors: dict[str, torch.Tensor]) -> Checkpoint:
    return Checkpoint(folder / "best.pth", "0" * 64, tensors)


def configure(folder: Path, text: str) -> None:
    (folder / "configs.yaml").write_text(text)


def test_without_a_configuration_the_image_size_follows_from_the_patches(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    """4 x 2 patches are the only upright grid of 8."""
    card = understand(checkpoint(tmp_path, tensors)).card
    assert (card.image.height, card.image.width, card.name) == (64, 32, "IRRA")


@pytest.mark.parametrize(
    ("patches", "size"), [(192, (384, 128)), (128, (256, 128)), (196, (224, 224))]
)
def test_known_numbers_of_patches_are_known_sizes(
    tmp_path: Path, tensors: dict[str, torch.Tensor], patches: int, size: tuple[int, int]
) -> None:
    tensors[POSITION] = torch.zeros(patches + 1, 128)
    image = understand(checkpoint(tmp_path, tensors)).card.image
    assert (image.height, image.width) == size


def test_overlapping_patches_come_from_the_configuration(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    """(384 - 16) // 12 + 1 = 31 rows of (128 - 16) // 12 + 1 = 10 patches."""
    tensors[POSITION] = fill("overlapping embedding", (311, 128))
    with pytest.raises(CheckpointMismatch, match=r"310 patches.*configs\.yaml"):
        understand(checkpoint(tmp_path, tensors))
    configure(tmp_path, "img_size: !!python/tuple [384, 128]\nstride_size: 12\n")
    card = understand(checkpoint(tmp_path, tensors)).card
    assert ClipGlobalSizes.model_validate(card.sizes).grid(card.image) == (31, 10)


def test_overlapping_patches_are_computed(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    tensors[POSITION] = fill("overlapping embedding", (7 * 3 + 1, 128))
    configure(tmp_path, "img_size: [64, 32]\nstride_size: 8\n")
    published = understand(checkpoint(tmp_path, tensors))
    encoder = assemble(published, device="cpu", precision="fp32")
    with torch.inference_mode():
        assert encoder.towers.image_tokens(torch.zeros(2, 3, 64, 32)).shape == (2, 22, 128)


def test_an_image_size_that_does_not_fit_the_positions_is_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    configure(tmp_path, "img_size: [384, 128]\n")
    with pytest.raises(CheckpointMismatch, match=r"8 patches.*384 x 128.*24 x 8"):
        understand(checkpoint(tmp_path, tensors))


@pytest.mark.parametrize("size", ["[0, 0]", "[-64, -32]"])
def test_an_impossible_image_size_is_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor], size: str
) -> None:
    configure(tmp_path, f"img_size: {size}\n")
    with pytest.raises(CheckpointMismatch, match="img_size"):
        understand(checkpoint(tmp_path, tensors))


@pytest.mark.parametrize(
    "text",
    [
        "img_size: [64",
        "img_size: large",
        "- a list",
        "",
        "img_size: !!python/object/apply:os.system ['touch pwned']",
        "img_size: !!python/tuple 64",
        "img_size: \x00",
    ],
)
def test_a_broken_configuration_is_named(
    tmp_path: Path, tensors: dict[str, torch.Tensor], text: str
) -> None:
    configure(tmp_path, text)
    with pytest.raises(CheckpointUnreadable, match=r"configs\.yaml"):
        understand(checkpoint(tmp_path, tensors))


def test_a_configuration_beside_openai_weights_is_not_theirs(tmp_path: Path) -> None:
    configure(tmp_path, "img_size: [64, 32]\n")
    image = understand(checkpoint(tmp_path, openai_clip())).card.image
    assert (image.height, image.width) == (384, 128)


def test_heads_that_only_training_needs_are_dropped(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    published = understand(checkpoint(tmp_path, tensors))
    assert all(name.startswith(("visual.", "text.")) for name in published.tensors)
    towers = {name for name in tensors if name.startswith("base_model.")}
    assert len(published.tensors) == len(towers)
    assert {*published.training_only} == tensors.keys() - towers
    assert (published.classes, published.layout) == (20, "IRRA's checkpoint")


def test_openai_scalars_are_accounted_for(tmp_path: Path) -> None:
    published = understand(checkpoint(tmp_path, openai_clip()))
    assert {*published.training_only} == OPENAI_SCALARS.keys()
    assert (published.classes, published.layout) == (None, "OpenAI's CLIP weights")


def test_sg_iha_s_checkpoint_is_known_by_its_bridge(tmp_path: Path) -> None:
    published = understand(
        checkpoint(tmp_path, torch.load(SGIHA / "best.pth", weights_only=True)["model"])
    )
    assert (published.card.name, published.card.method) == ("SG-IHA", "SG-IHA")
    assert (published.classes, published.layout) == (20, "SG-IHA's checkpoint")
    assert len(published.tensors) == 85
    assert len(published.training_only) == 112


@pytest.mark.parametrize(
    ("losses", "bridge", "method"),
    [
        ("sdm+id+mlm", {}, "IRRA"),
        ("sdm+mlm+id+cmt", {}, "AGM-IRRA"),
        ("cmt", {}, "AGM-IRRA"),
        ("sdm+id+mlm", BRIDGE, "SG-IHA"),
        ("sdm+id+mcq", {}, "SG-IHA"),
        ("sdm+id+cmtx", {}, "IRRA"),
        ("''", {}, "IRRA"),
        ("null", {}, "IRRA"),
    ],
)
def test_the_system_follows_from_the_losses_and_the_heads(
    tmp_path: Path,
    tensors: dict[str, torch.Tensor],
    losses: str,
    bridge: dict[str, torch.Tensor],
    method: str,
) -> None:
    configure(tmp_path, f"loss_names: {losses}\ndataset_name: RSTPReid\n")
    card = understand(checkpoint(tmp_path, tensors | bridge)).card
    assert (card.method, card.name) == (method, f"{method} RSTPReid")


@pytest.mark.parametrize("context", [1, 52, 78, 248])
@pytest.mark.parametrize("prefix", ["base_model.", ""])
def test_another_text_context_than_clip_s_is_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor], prefix: str, context: int
) -> None:
    weights = tensors if prefix else openai_clip()
    weights[f"{prefix}positional_embedding"] = torch.zeros(context, 128)
    with pytest.raises(CheckpointMismatch, match=rf"for {context} word pieces.*text_length 77"):
        understand(checkpoint(tmp_path, weights))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bridge_proj.weight": torch.zeros(128, 128)}, r"1 missing \(bridge_proj\.bias\)"),
        ({"decoder.weight": torch.zeros(2)}, r"1 unexpected \(decoder\.weight\)"),
        ({"mlm_head.fc.bias": torch.zeros(9)}, r"mlm_head\.fc\.bias \(9,\) instead of \(512,\)"),
        ({"base_model.logit_scale": torch.zeros(())}, "1 unexpected"),
        ({"base_model.ln_final.bias": torch.zeros(7)}, r"text\.ln_final\.bias \(7,\) instead"),
        ({"base_model.text_projection": torch.zeros(7)}, "text_projection missing or"),
        ({"base_model.visual.conv1.weight": torch.zeros(100, 3, 16, 16)}, "vision_width"),
        ({POSITION: torch.zeros(0, 128)}, "patches"),
    ],
)
def test_additions_and_other_shapes_are_named(
    tmp_path: Path, tensors: dict[str, torch.Tensor], change: dict[str, torch.Tensor], said: str
) -> None:
    with pytest.raises(CheckpointMismatch, match=said):
        understand(checkpoint(tmp_path, tensors | change))


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ("base_model.visual.ln_pre.bias", r"1 missing \(visual\.ln_pre\.bias\)"),
        ("base_model.visual.positional_embedding", r"visual\.positional_embedding missing"),
        ("base_model.transformer.resblocks.1.attn.in_proj_weight", "11 unexpected"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, tensors: dict[str, torch.Tensor], removed: str, said: str
) -> None:
    del tensors[removed]
    with pytest.raises(CheckpointMismatch, match=said):
        understand(checkpoint(tmp_path, tensors))


def test_clip_is_recognised_by_names() -> None:
    assert is_clip({name: tuple(tensor.shape) for name, tensor in openai_clip().items()})
    assert not is_clip({"visual.layer1.0.conv1.weight": (64, 64, 1, 1)})
    assert not is_clip({})
