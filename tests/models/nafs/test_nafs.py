from pathlib import Path

import numpy as np
import pytest

from models.contracts import Float32Array, PartScorer, PersonEncoder
from models.encoders.nafs import NafsEncoder, NafsPartScorer
from models.loading import load_encoder
from models.part_alignment import AttendedText
from models.parts import pack_parts
from tests.models.nafs.recorded_nafs import case, gallery, queries

ROUNDING = 1e-5


def test_it_is_an_encoder_with_a_second_stage(encoder: NafsEncoder) -> None:
    assert isinstance(encoder, PersonEncoder)
    assert isinstance(encoder.part_scorer, PartScorer)
    card = encoder.card
    assert (card.method, card.architecture, card.embedding_width) == ("NAFS", "nafs", 768)
    assert (card.image.height, card.image.width) == (384, 128)


def test_the_first_stage_gives_the_recorded_similarities(
    encoder: NafsEncoder, rows: Float32Array
) -> None:
    found = rows @ encoder.encode_texts(queries()).T
    assert np.abs(found - case("test_py_end_to_end")["sim_global"].numpy()).max() <= ROUNDING


def test_both_stages_give_the_recorded_similarities(
    encoder: NafsEncoder,
    scorer: NafsPartScorer,
    rows: Float32Array,
    parts: Float32Array,
    prepared: list[AttendedText],
) -> None:
    recorded = case("test_py_end_to_end")
    stored = pack_parts(parts, "fp32")
    local = np.stack([scorer.score(text, stored) for text in prepared], axis=1)  # (12, 24)
    assert np.abs(local - recorded["sim_local"].numpy()).max() <= 5e-6
    whole = rows @ encoder.encode_texts(queries()).T + local
    assert np.abs(whole - recorded["sim_all"].numpy()).max() <= ROUNDING
    assert np.std(recorded["sim_all"].numpy()) > 1000 * ROUNDING


def test_texts_attend_as_many_rows_as_recorded(prepared: list[AttendedText]) -> None:
    lengths = [min(int(length), 101) for length in case("test_py_end_to_end")["text_length"]]
    for text, length in zip(prepared, lengths, strict=True):
        assert text.keys.shape == text.values.shape == (length, 768)
        assert text.gram.shape == (length, length)
        assert np.allclose(np.linalg.norm(text.keys.numpy(), axis=1), 1, atol=1e-6)


def test_some_crops_score_as_in_the_whole_gallery(
    scorer: NafsPartScorer, parts: Float32Array, prepared: list[AttendedText]
) -> None:
    stored = pack_parts(parts, "int8")
    chosen = np.array([7, 2, 11])
    whole = scorer.score(prepared[3], stored)
    assert np.abs(scorer.score(prepared[3], stored.take(chosen)) - whole[chosen]).max() <= 1e-6


@pytest.mark.parametrize("split", [1, 5])
def test_crops_have_the_same_vectors_whatever_their_company(
    encoder: NafsEncoder, rows: Float32Array, parts: Float32Array, split: int
) -> None:
    images = gallery()[: 2 * split]
    for start in range(0, len(images), split):
        found = encoder.encode_crops(images[start : start + split])
        assert np.abs(found.rows - rows[start : start + split]).max() <= ROUNDING
        assert np.abs(found.parts - parts[start : start + split]).max() <= ROUNDING


@pytest.mark.slow
def test_more_crops_than_are_read_at_once_have_the_same_vectors(
    encoder: NafsEncoder, rows: Float32Array, parts: Float32Array
) -> None:
    images = (gallery() * 2)[:17]
    found = encoder.encode_crops(images)
    whole = encoder.encode_images(images)
    for n in range(17):
        assert np.abs(found.rows[n] - rows[n % 12]).max() <= ROUNDING
        assert np.abs(whole[n] - rows[n % 12]).max() <= ROUNDING
        assert np.abs(found.parts[n] - parts[n % 12]).max() <= ROUNDING


def test_texts_have_the_same_rows_whatever_their_company(encoder: NafsEncoder) -> None:
    texts = [*queries()[:14], "", "red " * 300, "?"]
    together = encoder.encode_texts(texts)
    assert together.shape == (17, 768)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() <= 1e-6
    for n in (0, 13, 14, 15, 16):  # alone, a short text is padded to its own length only
        assert np.abs(encoder.encode_texts([texts[n]])[0] - together[n]).max() <= ROUNDING


def test_vectors_are_unit_float32(rows: Float32Array, parts: Float32Array) -> None:
    for vectors, shape in ((rows, (12, 768)), (parts, (12, 12, 768))):
        assert vectors.shape == shape
        assert vectors.dtype == np.float32
        assert np.abs(np.linalg.norm(vectors, axis=-1) - 1).max() <= 1e-5


def test_nothing_gives_no_vectors(encoder: NafsEncoder, scorer: NafsPartScorer) -> None:
    for rows in (encoder.encode_images([]), encoder.encode_texts([])):
        assert rows.shape == (0, 768)
        assert rows.dtype == np.float32
    parts = scorer.encode_parts([])
    assert parts.shape == (0, 12, 768)
    assert parts.dtype == np.float32
    assert scorer.score(scorer.prepare("a man"), pack_parts(parts, "fp16")).shape == (0,)


def test_pieces_that_are_cut_are_counted(encoder: NafsEncoder) -> None:
    limit = encoder.read_text("red").token_limit
    assert limit == encoder.sizes.caption_tokens - 1  # its first mark stays, its last one is cut
    whole, cut = ("red " * (limit - 1) + "!" * more for more in (1, 2))
    assert not encoder.read_text(whole).truncated
    reading = encoder.read_text(cut)
    assert (reading.tokens, reading.truncated) == (limit + 1, True)
    assert (reading.words, reading.unknown_words) == (("red",) * (limit - 1), None)
    # The last mark too is behind the cut of the one and of the other.
    assert np.array_equal(*encoder.encode_texts([whole, cut]))


def test_special_words_in_a_query_hide_nothing(
    encoder: NafsEncoder, scorer: NafsPartScorer, parts: Float32Array
) -> None:
    short, cut, other = encoder.encode_texts(["red", "red [SEP] shirt", "red [SEP] black bag"])
    assert float(short @ cut) < 0.9999
    assert float(cut @ other) < 0.9999
    plain, typed = scorer.prepare("red, [PAD]"), scorer.prepare("red")
    stored = pack_parts(parts, "fp32")
    assert np.abs(scorer.score(plain, stored) - scorer.score(typed, stored)).max() > 1e-4


@pytest.mark.parametrize("text", ["", " ", ".", "red " * 500, "مرأة", "\0", ";" * 200])
def test_any_text_can_be_scored(scorer: NafsPartScorer, parts: Float32Array, text: str) -> None:
    scores = scorer.score(scorer.prepare(text), pack_parts(parts, "fp32"))
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() <= 1


@pytest.mark.slow
def test_bf16_is_near_and_keeps_norms_and_heads(
    published: Path, rows: Float32Array, parts: Float32Array, encoder: NafsEncoder
) -> None:
    reduced = load_encoder(published, device="cpu", precision="bf16")
    assert isinstance(reduced, NafsEncoder)
    assert (encoder.precision, reduced.precision) == ("fp32", "bf16")
    types = {name: str(tensor.dtype) for name, tensor in reduced.network.state_dict().items()}
    assert types["image_model.layer2.0.conv1.weight"] == "torch.bfloat16"
    assert types["image_model.layer2.0.bn1.weight"] == "torch.float32"
    assert types["image_model.layer1.0.conv1.weight"] == "torch.float32"
    assert types["language_model.textExtractor.encoder.layer.0.attention.self.query.weight"] == (
        "torch.bfloat16"
    )
    assert types["local_fc_text_key.weight"] == "torch.float32"
    found = reduced.encode_crops(gallery())
    assert float((found.rows * rows).sum(-1).min()) >= 0.999
    assert float((found.parts * parts).sum(-1).min()) >= 0.999
    texts = reduced.encode_texts(queries())
    assert texts.dtype == np.float32
    assert float((texts * encoder.encode_texts(queries())).sum(-1).min()) >= 0.999
