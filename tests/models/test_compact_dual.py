import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from models.card import CARD_FILE, WEIGHTS_FILE, ModelCard
from models.contracts import PersonEncoder
from models.encoders.compact_dual import (
    VOCABULARY_FILE,
    AttentionBlock,
    CompactDual,
    CompactDualSizes,
    ResidualBlock,
    assemble,
)
from models.errors import CheckpointMismatch, CheckpointUnreadable, ConfigurationInvalid
from models.state_dicts import read_model_directory
from models.tokenizers.bert_wordpiece import Tokens
from tests.models.tiny_compact_dual import WIDTH, write_tiny_compact_dual


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_compact_dual(tmp_path)


def read_card(model: Path) -> ModelCard:
    return ModelCard.model_validate_json((model / CARD_FILE).read_text())


def load_model(model: Path, precision: str = "fp32") -> PersonEncoder:
    stored = read_model_directory(model, read_card(model))
    return assemble(stored, device="cpu", precision=precision)


def crops(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 256, (40, 20, 3), np.uint8)) for _ in range(count)]


def test_rows_are_unit_float32_of_the_card_s_width(model: Path) -> None:
    encoder = load_model(model)
    assert isinstance(encoder, PersonEncoder)
    for rows in (encoder.encode_images(crops(3)), encoder.encode_texts(["a red coat", "", "a"])):
        assert rows.shape == (3, WIDTH)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_nothing_to_encode_gives_no_rows(model: Path) -> None:
    encoder = load_model(model)
    assert encoder.encode_images([]).shape == (0, WIDTH)
    assert encoder.encode_texts([]).shape == (0, WIDTH)


def test_row_does_not_depend_on_its_batch(model: Path) -> None:
    encoder = load_model(model)
    images = crops(70)  # more than are encoded at once
    together = encoder.encode_images(images)
    alone = np.concatenate([encoder.encode_images([image]) for image in images])
    assert np.abs(together - alone).max() < 1e-5
    texts = ["red", "a blue coat with a red coat", "coats"] * 30
    together = encoder.encode_texts(texts)
    alone = np.concatenate([encoder.encode_texts([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_any_text_is_encoded_and_over_long_text_is_cut(model: Path) -> None:
    encoder = load_model(model)
    texts = ["red " * 50_000, "red " * 8, "[SEP] [PAD]", "\N{DOG FACE} \u0627\u0644\u0639", "\0"]
    rows = encoder.encode_texts(texts)
    assert np.isfinite(rows).all()
    assert np.array_equal(rows[0], rows[1])  # eight pieces between the first and the last


def test_letter_case_does_not_matter(model: Path) -> None:
    rows = load_model(model).encode_texts(["Red COAT", "red coat"])
    assert np.array_equal(rows[0], rows[1])


def test_auto_precision_is_fp32_and_bf16_is_near(model: Path) -> None:
    images = crops(4)
    exact = load_model(model).encode_images(images)
    assert np.array_equal(load_model(model, "auto").encode_images(images), exact)
    reduced = load_model(model, "bf16").encode_images(images)
    assert (reduced * exact).sum(1).min() > 0.999
    precisions = [load_model(model, asked).precision for asked in ("auto", "fp32", "bf16")]
    assert precisions == ["fp32", "fp32", "bf16"]


def test_unknown_precision_is_refused(model: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="'int3'"):
        load_model(model, "int3")


def test_residual_block_begins_as_its_shortcut() -> None:
    maps = torch.rand(2, 4, 6, 6)
    assert torch.equal(ResidualBlock(4, 4, 1)(maps), maps)
    assert ResidualBlock(4, 8, 2)(maps).shape == (2, 8, 3, 3)


def test_attention_equals_a_slow_transcription() -> None:
    torch.manual_seed(0)
    block = AttentionBlock(6, 2)
    cells = torch.randn(1, 4, 6)
    with torch.no_grad():
        qkv = block.qkv(block.norm1(cells))[0]  # (p, 18)
        mixed = torch.zeros(4, 6)
        for head in range(2):
            columns = slice(3 * head, 3 * head + 3)
            query, key, value = (qkv[:, 6 * part :][:, columns] for part in range(3))
            for p in range(4):
                weights = torch.stack([(query[p] @ key[o]) / 3**0.5 for o in range(4)]).exp()
                mixed[p, columns] = (weights[:, None] * value).sum(0) / weights.sum()
        after = cells[0] + block.out(mixed)
        inner = torch.nn.functional.gelu(block.widen(block.norm2(after)), approximate="tanh")
        assert torch.allclose(block(cells)[0], after + block.narrow(inner), atol=1e-6)


def test_other_image_size_is_encoded_with_resampled_positions(model: Path) -> None:
    network = CompactDual(CompactDualSizes.model_validate(read_card(model).sizes), WIDTH)
    features = network.image_features(torch.zeros(2, 3, 24, 8))
    assert features.shape == (2, 16 * 4)


def test_text_row_ignores_what_stands_behind_the_end(model: Path) -> None:
    sizes = CompactDualSizes.model_validate(read_card(model).sizes)
    network = CompactDual(sizes, WIDTH).eval()
    short = Tokens(torch.tensor([[2, 5, 3]]), torch.ones(1, 3, dtype=torch.long))
    padded = Tokens(torch.tensor([[2, 5, 3, 7]]), torch.tensor([[1, 1, 1, 0]]))
    with torch.no_grad():
        difference = network.text_features(short) - network.text_features(padded)
    assert difference.abs().max() < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage_widths": [8]}, "equally many"),
        ({"text_heads": 3}, "multiple"),
        ({"stripes": 0}, "stripes"),
        ({"depth": 3}, "depth"),
        ({"vocabulary_sha256": "0" * 64}, "vocab.txt is damaged"),
    ],
)
def test_card_whose_sizes_make_no_model_is_refused(
    model: Path, change: dict[str, int], message: str
) -> None:
    card = json.loads((model / CARD_FILE).read_text())
    card["sizes"].update(change)
    (model / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(CheckpointUnreadable, match=message):
        load_model(model)


def test_sizes_beyond_any_memory_are_refused_without_trying(model: Path) -> None:
    card = json.loads((model / CARD_FILE).read_text())
    card["sizes"].update({"stage_widths": [8, 16_000_000], "text_width": 2048})
    (model / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(CheckpointMismatch):
        load_model(model)


def test_missing_unexpected_and_misshapen_tensors_are_refused(model: Path) -> None:
    tensors = load_file(model / WEIGHTS_FILE)
    del tensors["image_projection.bias"]
    tensors["stranger"] = torch.zeros(1)
    tensors["text_projection.bias"] = torch.zeros(3)
    save_file(tensors, model / WEIGHTS_FILE)
    with pytest.raises(CheckpointMismatch, match=r"image_projection.bias.*stranger"):
        load_model(model)


def test_truncated_weights_are_refused(model: Path) -> None:
    content = (model / WEIGHTS_FILE).read_bytes()
    (model / WEIGHTS_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointUnreadable, match=r"model\.safetensors"):
        load_model(model)


def test_missing_vocabulary_is_refused(model: Path) -> None:
    (model / VOCABULARY_FILE).unlink()
    with pytest.raises(CheckpointUnreadable, match=r"vocab\.txt"):
        load_model(model)


def test_vocabulary_of_another_length_is_refused(model: Path) -> None:
    card = json.loads((model / CARD_FILE).read_text())
    card["sizes"]["vocabulary_size"] += 1
    (model / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(CheckpointMismatch, match="10 word pieces"):
        load_model(model)
