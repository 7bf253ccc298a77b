from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from models.clip_checkpoints import understand
from models.encoders.clip_global import ClipGlobalEncoder, assemble
from models.layers.clip_towers import ClipTowers, resize_position_embedding
from models.state_dicts import Checkpoint, read_checkpoint
from tests.models.filled_weights import (
    AGM,
    IRRA,
    SGIHA,
    full_size_inputs,
    full_size_layout,
    full_size_towers,
    irra_weight,
    without_storage,
    worst,
)

TOLERANCE = 1e-5  # relative to one plus the recorded value
HALF_TOLERANCE = 5e-3  # absolute, of features recorded in float16
SAME_DIRECTION = 0.9999  # cosine


def encoder_of(checkpoint: Checkpoint, precision: str = "fp32") -> ClipGlobalEncoder:
    return assemble(understand(checkpoint), device="cpu", precision=precision)


@pytest.fixture(scope="module")
def towers() -> ClipTowers:
    return encoder_of(read_checkpoint(IRRA / "best.pth")).towers


@pytest.fixture(scope="module")
def sgiha_towers() -> ClipTowers:
    return encoder_of(read_checkpoint(SGIHA / "best.pth")).towers


@pytest.fixture(scope="module")
def full_size_weights() -> Iterator[dict[str, torch.Tensor]]:
    """The towers of IRRA and of SG-IHA: their recordings were made with the same ones."""
    weights = full_size_towers()
    yield weights
    weights.clear()  # 600 MB


def cosine(found: torch.Tensor, reference: torch.Tensor) -> float:
    return float(torch.cosine_similarity(found, reference).min())


def largest(found: torch.Tensor, reference: torch.Tensor) -> float:
    return float((found - reference).abs().max())


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
def test_a_text_cut_behind_its_end_has_the_features_of_the_whole_row(
    towers: ClipTowers, recorded: dict[str, Any]
) -> None:
    """All 77 places computed and read at the end, against the places up to the end alone."""
    ids = recorded["caption_ids"]
    ends = ids.argmax(1)
    whole = towers.text_tokens(ids)[torch.arange(len(ids)), ends]
    assert worst(whole, recorded["fp32"]["encode_text"]) <= TOLERANCE
    assert {1 + int(end) for end in ends} > {3, 77}  # one word, and as many as there is room for
    for row, expected, end in zip(ids, whole, ends, strict=True):
        assert worst(towers.encode_text(row[None, : end + 1])[0], expected) <= TOLERANCE
        assert worst(towers.encode_text(row[None])[0], expected) <= TOLERANCE


@pytest.mark.parametrize("sizes", [[1] * 17, [17], [16, 1], [5, 12], [2, 3, 5, 7]])
@torch.inference_mode()
def test_features_do_not_depend_on_how_a_batch_is_split(
    towers: ClipTowers, recorded: dict[str, Any], sizes: list[int]
) -> None:
    rows = torch.arange(17) % 6
    images, ids = recorded["images"][rows], recorded["caption_ids"][rows]
    for encode, inputs, name in (
        (towers.encode_image, images, "encode_image"),
        (towers.encode_text, ids, "encode_text"),
    ):
        found = torch.cat([encode(part) for part in inputs.split(sizes)])
        assert worst(found, recorded["fp32"][name][rows]) <= TOLERANCE


@torch.inference_mode()
def test_features_in_native_half_precision_are_near(
    towers: ClipTowers, recorded: dict[str, Any]
) -> None:
    """The authors compute in float16; their features are the same within its rounding."""
    native = recorded["fp16"]
    images = towers.encode_image(recorded["images"])
    texts = towers.encode_text(recorded["caption_ids"])
    for found, reference in ((images, native["encode_image"]), (texts, native["encode_text"])):
        assert cosine(found, reference) >= SAME_DIRECTION
        assert largest(found, reference) <= HALF_TOLERANCE


@torch.inference_mode()
def test_bfloat16_keeps_the_direction_of_the_native_features(recorded: dict[str, Any]) -> None:
    """Three digits fewer than float16: values differ by up to 0.04, directions hardly."""
    rounded = encoder_of(read_checkpoint(IRRA / "best.pth"), "bf16").towers
    for kind in ("fp16", "fp32"):
        images, texts = recorded[kind]["encode_image"], recorded[kind]["encode_text"]
        assert cosine(rounded.encode_image(recorded["images"]), images) >= SAME_DIRECTION
        assert cosine(rounded.encode_text(recorded["caption_ids"]), texts) >= SAME_DIRECTION


@torch.inference_mode()
def test_sg_iha_s_features_and_tokens_are_the_authors(
    sgiha_towers: ClipTowers, recorded_sgiha: dict[str, Any]
) -> None:
    inputs = recorded_sgiha["inputs"]
    images = inputs["images"]
    found = {
        "image_tokens": sgiha_towers.image_tokens(images),
        "encode_image": sgiha_towers.encode_image(images),
        "encode_text": sgiha_towers.encode_text(inputs["caption_ids"]),
        "answer_feats": sgiha_towers.encode_text(inputs["answer_ids"]),
    }
    for name, values in found.items():
        assert worst(values, recorded_sgiha[name]) <= TOLERANCE


@torch.inference_mode()
def test_agm_irra_s_own_loss_follows_from_our_features(
    towers: ClipTowers, recorded: dict[str, Any]
) -> None:
    """Its code ran on IRRA's weights and inputs; of the features only this loss was recorded.

    Cross-modal contrast, both ways: softmax over cosines, 50 / 0.2 = 250 times as large.
    """
    expected = torch.load(AGM / "agm.pt", weights_only=True)["ret"]["cmt_loss"]
    images = functional.normalize(towers.encode_image(recorded["images"]))
    texts = functional.normalize(towers.encode_text(recorded["caption_ids"]))
    logits = 250 * images @ texts.T
    both = logits.log_softmax(0).diagonal() + logits.log_softmax(1).diagonal()
    assert worst(-both.mean() / 2, expected) <= TOLERANCE


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


@pytest.mark.parametrize(("system", "count"), [(IRRA, 103), (SGIHA, 197)], ids=["irra", "sgiha"])
def test_the_rule_of_the_full_size_weights_makes_the_stored_small_ones(
    system: Path, count: int
) -> None:
    stored = torch.load(system / "best.pth", weights_only=True)["model"]
    assert len(stored) == count
    for name, tensor in stored.items():
        made = irra_weight(name, tuple(tensor.shape), (4, (4, 2)))
        assert torch.equal(made, tensor.float())


@pytest.mark.slow
@torch.inference_mode()
def test_full_size_features_are_the_authors(
    tmp_path: Path, full_size_weights: dict[str, torch.Tensor]
) -> None:
    reference = torch.load(IRRA / "full.pt", weights_only=True)["fp32"]
    native = torch.load(IRRA / "full_fp16.pt", weights_only=True)
    encoder = encoder_of(Checkpoint(tmp_path / "best.pth", "0" * 64, full_size_weights))
    image = encoder.card.image
    assert (image.height, image.width, encoder.card.embedding_width) == (384, 128, 512)
    towers, (images, ids) = encoder.towers, full_size_inputs()
    position = towers.state_dict()["visual.positional_embedding"]
    assert torch.equal(position[::16, ::16], reference["visual_pos"])
    tokens, texts = towers.image_tokens(images), towers.encode_text(ids)
    assert worst(tokens[:, 0], reference["encode_image"]) <= TOLERANCE
    assert worst(tokens[:, ::24, ::16], reference["image_tokens"]) <= TOLERANCE
    assert worst(texts, reference["encode_text"]) <= TOLERANCE
    for found, name in ((tokens[:, 0], "encode_image"), (texts, "encode_text")):
        assert largest(found, native[name]) <= HALF_TOLERANCE
        assert cosine(found, native[name]) >= SAME_DIRECTION


@pytest.mark.slow
@torch.inference_mode()
def test_full_size_features_in_bfloat16_keep_their_direction(
    tmp_path: Path, full_size_weights: dict[str, torch.Tensor]
) -> None:
    native = torch.load(IRRA / "full_fp16.pt", weights_only=True)
    checkpoint = Checkpoint(tmp_path / "best.pth", "0" * 64, full_size_weights)
    towers, (images, ids) = encoder_of(checkpoint, "bf16").towers, full_size_inputs()
    assert cosine(towers.encode_image(images), native["encode_image"]) >= SAME_DIRECTION
    assert cosine(towers.encode_text(ids), native["encode_text"]) >= SAME_DIRECTION


@pytest.mark.slow
@torch.inference_mode()
def test_full_size_features_of_sg_iha_are_the_authors(
    tmp_path: Path, full_size_weights: dict[str, torch.Tensor]
) -> None:
    reference = torch.load(SGIHA / "full.pt", weights_only=True)
    tensors = without_storage(full_size_layout(SGIHA)) | full_size_weights
    encoder = encoder_of(Checkpoint(tmp_path / "best.pth", "0" * 64, tensors))
    assert encoder.card.method == "SG-IHA"
    images, ids = full_size_inputs()
    assert worst(encoder.towers.encode_image(images), reference["encode_image"]) <= TOLERANCE
    assert worst(encoder.towers.encode_text(ids), reference["encode_text"]) <= TOLERANCE
