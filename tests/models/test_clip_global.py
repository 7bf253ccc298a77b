from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from models.card import ModelCard, read_card
from models.clip_checkpoints import understand
from models.contracts import PersonEncoder
from models.encoders.clip_global import ClipGlobalEncoder, assemble
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.layers.clip_towers import resize_position_embedding
from models.loading import load_encoder
from models.state_dicts import Checkpoint, read_checkpoint, write_converted
from tests.models.filled_weights import IRRA, fill, openai_clip, random_pictures, worst

ENCODER = assemble(understand(read_checkpoint(IRRA / "best.pth")), device="cpu", precision="fp32")


def load_clip(source: Path, precision: str = "fp32") -> ClipGlobalEncoder:
    encoder = load_encoder(source, device="cpu", precision=precision)
    assert isinstance(encoder, ClipGlobalEncoder)
    return encoder


def convert(folder: Path, directory: Path) -> ModelCard:
    return write_converted(directory, understand(read_checkpoint(folder / "best.pth")))


@pytest.fixture(scope="module")
def with_vocabulary() -> ClipGlobalEncoder:
    """The stand-in of OpenAI's weights with CLIP's whole vocabulary, so that it reads text."""
    tensors = openai_clip()
    tensors["token_embedding.weight"] = fill("words of embedding", (49408, 128))
    checkpoint = Checkpoint(Path("nowhere") / "clip.pt", "0" * 64, tensors)
    return assemble(understand(checkpoint), device="cpu", precision="fp32")


def test_a_published_folder_becomes_an_encoder_with_a_card(irra_folder: Path) -> None:
    encoder = load_clip(irra_folder)
    card = encoder.card
    assert isinstance(encoder, PersonEncoder)
    assert (card.name, card.method, card.architecture) == (
        "IRRA CUHK-PEDES", "IRRA", "clip_global",
    )  # fmt: skip
    assert (card.image.height, card.image.width, card.image.interpolation) == (64, 32, "bilinear")
    assert (card.embedding_width, card.sizes["vocabulary_size"]) == (128, 512)
    assert card.weights_sha256 == (
        "e55f6c1030e32bef48d41ebaaded29eb4ef69b3ca258a46a0de661b78d17029f"
    )


@torch.inference_mode()
def test_a_folder_of_sg_iha_becomes_an_encoder_of_its_features(
    sgiha_folder: Path, recorded_sgiha: dict[str, Any]
) -> None:
    encoder = load_clip(sgiha_folder)
    assert (encoder.card.method, encoder.card.name) == ("SG-IHA", "SG-IHA")
    images = encoder.towers.encode_image(recorded_sgiha["inputs"]["images"])
    texts = encoder.towers.encode_text(recorded_sgiha["inputs"]["caption_ids"])
    assert worst(images, recorded_sgiha["encode_image"]) <= 1e-5
    assert worst(texts, recorded_sgiha["encode_text"]) <= 1e-5


@torch.inference_mode()
def test_a_folder_of_agm_irra_becomes_an_encoder_of_irra_s_features(
    irra_folder: Path, recorded: dict[str, Any]
) -> None:
    """Its masking has no effect on the towers, and its further loss is known by the run alone."""
    configuration = irra_folder / "configs.yaml"
    text = configuration.read_text().replace("sdm+itc+cmpm+id+mlm", "sdm+mlm+id+cmt")
    configuration.write_text(text)
    encoder = load_clip(irra_folder)
    assert (encoder.card.method, encoder.card.name) == ("AGM-IRRA", "AGM-IRRA CUHK-PEDES")
    images = encoder.towers.encode_image(recorded["images"])
    texts = encoder.towers.encode_text(recorded["caption_ids"])
    assert worst(images, recorded["fp32"]["encode_image"]) <= 1e-5
    assert worst(texts, recorded["fp32"]["encode_text"]) <= 1e-5


def test_crops_become_unit_rows_of_the_recorded_transform(recorded: dict[str, Any]) -> None:
    picture = Image.fromarray(recorded["transforms"]["image"].numpy())
    with torch.inference_mode():
        features = ENCODER.towers.encode_image(recorded["transforms"]["eval_64x32"][None])[0]
    (row,) = ENCODER.encode_images([picture])
    assert row.dtype == np.float32
    assert np.allclose(row, features / features.norm(), atol=1e-6)


def test_more_crops_than_a_batch_keep_their_order() -> None:
    crops = random_pictures(70)
    rows = ENCODER.encode_images(crops)
    assert rows.shape == (70, 128)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    for n in (0, 63, 64, 69):
        assert np.allclose(rows[n], ENCODER.encode_images([crops[n]])[0], atol=1e-5)


@pytest.mark.parametrize("sizes", [[1] * 17, [16, 1], [5, 12]])
def test_rows_do_not_depend_on_how_a_batch_is_split(
    with_vocabulary: ClipGlobalEncoder, sizes: list[int]
) -> None:
    crops = random_pictures(17)
    texts = [" ".join(["tall man in a red coat"] * n) for n in range(17)]
    ends = np.cumsum(sizes)
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    images = np.concatenate([ENCODER.encode_images(crops[part]) for part in parts])
    assert np.abs(images - ENCODER.encode_images(crops)).max() <= 1e-5
    words = np.concatenate([with_vocabulary.encode_texts(texts[part]) for part in parts])
    assert np.abs(words - with_vocabulary.encode_texts(texts)).max() <= 1e-5


def test_nothing_gives_no_rows(with_vocabulary: ClipGlobalEncoder) -> None:
    assert ENCODER.encode_images([]).shape == (0, 128)
    rows = with_vocabulary.encode_texts([])
    assert rows.shape == (0, 128)
    assert rows.dtype == np.float32


def test_texts_become_unit_rows_whatever_their_company(with_vocabulary: ClipGlobalEncoder) -> None:
    texts = ["woman in red coat", "man", "a very tall person with two bags " * 20, "", "مرأة"]
    rows = with_vocabulary.encode_texts(texts * 15)  # more than one batch
    assert rows.shape == (75, 128)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    for n, text in enumerate(texts):
        assert np.allclose(rows[n], with_vocabulary.encode_texts([text])[0], atol=1e-5)
        assert np.allclose(rows[n + 70], rows[n], atol=1e-5)


def test_an_end_word_in_a_query_does_not_hide_what_follows(
    with_vocabulary: ClipGlobalEncoder,
) -> None:
    short, cut, other = with_vocabulary.encode_texts(
        ["red", "red <|endoftext|> coat", "red <|endoftext|> hat"]
    )
    assert float(short @ cut) < 0.9999
    assert float(cut @ other) < 0.9999


# CLIP's vocabulary has "red" and "!" as one piece each; 75 fit between start and end.
@pytest.mark.parametrize(("text", "tokens"), [("red " * 75, 75), ("red " * 75 + "!", 76)])
def test_pieces_that_are_cut_are_counted(
    with_vocabulary: ClipGlobalEncoder, text: str, tokens: int
) -> None:
    reading = with_vocabulary.read_text(text)
    assert (reading.words, reading.unknown_words) == (("red",) * 75, None)
    assert (reading.tokens, reading.token_limit, reading.truncated) == (tokens, 75, tokens > 75)


def test_a_model_of_another_vocabulary_reads_no_text() -> None:
    with pytest.raises(CheckpointMismatch, match="512 word pieces"):
        ENCODER.encode_texts(["red coat"])


def test_weights_stored_in_half_precision_are_computed_in_full(irra_folder: Path) -> None:
    stored = torch.load(irra_folder / "best.pth", weights_only=True)["model"]
    assert stored["base_model.visual.conv1.weight"].dtype is torch.float16
    state = load_clip(irra_folder).towers.state_dict()
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    assert torch.equal(
        state["visual.conv1.weight"], stored["base_model.visual.conv1.weight"].float()
    )


@torch.inference_mode()
def test_bfloat16_is_near_and_keeps_norms_and_embeddings(
    irra_folder: Path, recorded: dict[str, Any]
) -> None:
    encoder = load_clip(irra_folder, "bf16")
    assert encoder.precision == "bf16"
    state = encoder.towers.state_dict()
    assert state["visual.conv1.weight"].dtype is torch.bfloat16
    assert state["text.transformer.resblocks.0.attn.in_proj_weight"].dtype is torch.bfloat16
    for kept in ("visual.ln_post.weight", "text.token_embedding.weight"):
        assert state[kept].dtype is torch.float32
    images = encoder.towers.encode_image(recorded["images"])
    texts = encoder.towers.encode_text(recorded["caption_ids"])
    for found, name in ((images, "encode_image"), (texts, "encode_text")):
        assert found.dtype is torch.float32
        assert float(torch.cosine_similarity(found, recorded["fp32"][name]).min()) > 0.999
    assert encoder.encode_images(random_pictures(2)).dtype == np.float32


def test_a_converted_model_is_a_directory_with_the_same_vectors(
    irra_folder: Path, tmp_path: Path
) -> None:
    encoder = load_clip(irra_folder)
    card = convert(irra_folder, tmp_path / "made" / "model")
    again = load_clip(tmp_path / "made" / "model")
    assert again.card == card == read_card(tmp_path / "made" / "model")
    assert card.sizes == encoder.card.sizes
    assert card.weights_sha256 != encoder.card.weights_sha256 == card.converted_from_sha256
    assert card.fingerprint() == encoder.card.fingerprint()
    crops = random_pictures(3)
    assert np.array_equal(again.encode_images(crops), encoder.encode_images(crops))
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["model"]


def test_conversion_keeps_the_types_of_the_weights(irra_folder: Path, tmp_path: Path) -> None:
    stored = understand(read_checkpoint(irra_folder / "best.pth")).tensors
    convert(irra_folder, tmp_path / "model")
    kept = load_file(tmp_path / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in kept.values()} == {torch.float16, torch.float32}
    assert kept.keys() == stored.keys()
    assert all(kept[name].dtype is stored[name].dtype for name in stored)
    assert all(torch.equal(kept[name], stored[name]) for name in stored)


def test_a_card_whose_sizes_make_no_model_is_refused(irra_folder: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    card = convert(irra_folder, directory)
    wrong = card.model_copy(update={"sizes": {**card.sizes, "vision_width": 100}})
    (directory / "card.json").write_text(wrong.model_dump_json())
    with pytest.raises(CheckpointUnreadable, match="vision_width"):
        load_encoder(directory)


def test_a_card_of_other_sizes_than_the_weights_is_refused(
    irra_folder: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "model"
    card = convert(irra_folder, directory)
    wrong = card.model_copy(update={"sizes": {**card.sizes, "vision_layers": 3}})
    (directory / "card.json").write_text(wrong.model_dump_json())
    with pytest.raises(CheckpointMismatch, match=r"12 missing .*resblocks\.2"):
        load_encoder(directory)


@torch.inference_mode()
def test_openai_weights_are_fitted_to_person_crops(
    openai_file: Path, recorded: dict[str, Any]
) -> None:
    """The same weights as the recorded model's, so its texts; only the image grid differs."""
    encoder = load_clip(openai_file)
    card = encoder.card
    assert (card.method, card.image.height, card.image.width) == ("CLIP", 384, 128)
    texts = encoder.towers.encode_text(recorded["caption_ids"])
    assert worst(texts, recorded["fp32"]["encode_text"]) <= 1e-5
    position = encoder.towers.state_dict()["visual.positional_embedding"]
    assert torch.equal(position, resize_position_embedding(recorded["openai_visual_pos"], (24, 8)))
    assert encoder.encode_images(random_pictures(2)).shape == (2, 128)


@torch.inference_mode()
def test_clip_weights_of_an_upright_grid_keep_it(tmp_path: Path, recorded: dict[str, Any]) -> None:
    tensors = openai_clip()
    tensors["visual.positional_embedding"] = recorded["resized_visual_pos"]
    torch.save(tensors, tmp_path / "tuned.pt")
    encoder = load_clip(tmp_path / "tuned.pt")
    assert (encoder.card.image.height, encoder.card.image.width) == (64, 32)
    images = encoder.towers.encode_image(recorded["images"])
    assert worst(images, recorded["fp32"]["encode_image"]) <= 1e-5


def test_a_loaded_model_does_not_follow_changes_of_its_file(irra_folder: Path) -> None:
    encoder = load_clip(irra_folder)
    expected = encoder.encode_images(random_pictures(1))
    path = irra_folder / "best.pth"
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert np.array_equal(encoder.encode_images(random_pictures(1)), expected)
