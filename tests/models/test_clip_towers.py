from pathlib import Path
from typing import Any

import pytest
import torch

from models.encoders.clip_global import from_checkpoint
from models.layers.clip_towers import ClipTowers, resize_position_embedding
from models.state_dicts import Checkpoint, read_checkpoint
from tests.models.filled_weights import (
    IRRA,
    full_size_inputs,
    full_size_towers,
    irra_weight,
    worst,
)

TOLERANCE = 1e-5  # relative to one plus the recorded value


@pytest.fixture(scope="module")
def towers() -> ClipTowers:
    checkpoint = read_checkpoint(IRRA / "best.pth")
    return from_checkpoint(checkpoint, device="cpu", precision="fp32").towers


@torch.inference_mode()
def test_image_tokens_and_features_are_the_authors(
    towers: ClipTowers, recorded: dict[str, Any]
) -> None:
    reference, images = recorded["fp32"], recorded["images"]
    assert worst(towers.image_tokens(images), reference["image_tokens"]) <= TOLERANCE
    assert worst(towers.encode_image(images), reference["encode_image"]) <= TOLERANCE


@torch.inference_mode()
def test_text_tokens_and_features_are_the_authors(
    towers: ClipTowers, recorded: dict[str, Any]
) -> None:
    reference, ids = recorded["fp32"], recorded["caption_ids"]
    assert worst(towers.text_tokens(ids[:3]), reference["text_tokens"]) <= TOLERANCE
    assert worst(towers.encode_text(ids), reference["encode_text"]) <= TOLERANCE


@torch.inference_mode()
def test_a_text_alone_has_the_features_it_has_in_a_batch(
    towers: ClipTowers, recorded: dict[str, Any]
) -> None:
    """Alone it is computed up to its own end only; in the batch up to the longest one's."""
    for ids, reference in zip(
        recorded["caption_ids"], recorded["fp32"]["encode_text"], strict=True
    ):
        assert worst(towers.encode_text(ids[None])[0], reference) <= TOLERANCE


@torch.inference_mode()
def test_the_first_of_several_ends_is_read(towers: ClipTowers, recorded: dict[str, Any]) -> None:
    ids = recorded["caption_ids"][1:2].clone()  # start, one word, end
    ids[0, 10] = int(ids.max())
    assert worst(towers.encode_text(ids), recorded["fp32"]["encode_text"][1:2]) <= TOLERANCE


@torch.inference_mode()
def test_features_in_native_half_precision_are_near(
    towers: ClipTowers, recorded: dict[str, Any]
) -> None:
    """The authors compute in float16; their features are the same within its rounding."""
    native = recorded["fp16"]
    images = towers.encode_image(recorded["images"])
    texts = towers.encode_text(recorded["caption_ids"])
    for found, reference in ((images, native["encode_image"]), (texts, native["encode_text"])):
        assert float(torch.cosine_similarity(found, reference).min()) > 0.9999
        assert worst(found, reference) <= 5e-3


def test_position_embeddings_are_resized_exactly_as_recorded(recorded: dict[str, Any]) -> None:
    cases = recorded["pos_resize"]
    assert len(cases) == 7
    for case in cases:
        resized = resize_position_embedding(case["inp"], (case["h"], case["w"]))
        assert torch.equal(resized, case["out"])
    small = resize_position_embedding(recorded["openai_visual_pos"], (4, 2))
    assert torch.equal(small, recorded["resized_visual_pos"])


def test_only_a_square_grid_is_resized() -> None:
    with pytest.raises(ValueError, match="8 patches"):
        resize_position_embedding(torch.zeros(9, 4), (4, 4))


def test_the_rule_of_the_full_size_weights_makes_the_stored_small_ones() -> None:
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    assert len(stored) == 103
    for name, tensor in stored.items():
        assert torch.equal(irra_weight(name, tuple(tensor.shape), (4, (4, 2))), tensor.float())


@torch.inference_mode()
def test_full_size_features_are_the_authors(tmp_path: Path) -> None:
    reference = torch.load(IRRA / "full.pt", weights_only=True)["fp32"]
    checkpoint = Checkpoint(tmp_path / "best.pth", "0" * 64, full_size_towers())
    encoder = from_checkpoint(checkpoint, device="cpu", precision="fp32")
    image = encoder.card.image
    assert (image.height, image.width, encoder.card.embedding_width) == (384, 128, 512)
    towers, (images, ids) = encoder.towers, full_size_inputs()
    position = towers.state_dict()["visual.positional_embedding"]
    assert torch.equal(position[::16, ::16], reference["visual_pos"])
    tokens = towers.image_tokens(images)
    assert worst(tokens[:, 0], reference["encode_image"]) <= TOLERANCE
    assert worst(tokens[:, ::24, ::16], reference["image_tokens"]) <= TOLERANCE
    assert worst(towers.encode_text(ids), reference["encode_text"]) <= TOLERANCE
