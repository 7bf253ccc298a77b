import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.contracts import Float32Array
from models.encoders.nafs import NafsPartScorer
from models.part_alignment import AttendedText, alignment, attend
from models.parts import PART_FORMATS, PartFormat, Parts, pack_parts
from tests.models.nafs.recorded_nafs import case, pairwise_alignment

REGIONS, WIDTH = 6, 768
Vectors = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[np.floating[Any]]) -> Vectors:
    rows: Vectors = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return rows


def noise(draw: np.random.Generator, *shape: int) -> Vectors:
    return draw.standard_normal(shape).astype(np.float32)


def text_of(keys: Vectors, values: Vectors) -> AttendedText:
    return attend(torch.from_numpy(keys), torch.from_numpy(values))


@pytest.mark.parametrize("words", [1, 5, 23, 43, 101])
def test_the_score_is_what_attention_word_by_word_gives(words: int) -> None:
    draw = np.random.default_rng(words)
    keys, values = noise(draw, words, WIDTH), noise(draw, words, WIDTH)
    stored = noise(draw, 9, 2 * REGIONS, WIDTH)
    expected = [pairwise_alignment(keys, values, p[:REGIONS], p[REGIONS:]) for p in stored]
    text = text_of(keys, values)
    assert np.abs(alignment(text, Parts(unit(stored))) - expected).max() <= 1e-6


def test_the_score_is_exact_on_correlated_vectors_too() -> None:
    """Features of a trained network share directions: contexts that nearly cancel are rare."""
    draw = np.random.default_rng(2)
    shared = noise(draw, WIDTH)
    keys, values = noise(draw, 30, WIDTH) + 2 * shared, noise(draw, 30, WIDTH) + 2 * shared
    stored = noise(draw, 5, 2 * REGIONS, WIDTH) + shared
    expected = [pairwise_alignment(keys, values, p[:REGIONS], p[REGIONS:]) for p in stored]
    assert np.std(expected) > 1e-3
    assert np.abs(alignment(text_of(keys, values), Parts(unit(stored))) - expected).max() <= 1e-6


def test_a_score_worked_out_by_hand() -> None:
    """One region, two words: the weights are softmax(20, -20 / 10) after the l2 over one region.

    Each relevance becomes its sign, so the weights are softmax(20 * (1, -1)): all on the first
    word, whose value stands at 60 degrees to the crop's.
    """
    keys = np.array([[1, 0], [-1, 0]], np.float32)
    values = np.array([[1, 0], [0, 1]], np.float32)
    stored = np.array([[[1, 0], [0.5, 3**0.5 / 2]]], np.float32)
    assert alignment(text_of(keys, values), Parts(stored)) == pytest.approx([0.5], abs=1e-6)


def test_no_crops_give_no_scores() -> None:
    text = text_of(np.ones((3, WIDTH), np.float32), np.ones((3, WIDTH), np.float32))
    for part_format in PART_FORMATS:
        parts = pack_parts(np.zeros((0, 2 * REGIONS, WIDTH), np.float32), part_format)
        scores = alignment(text, parts)
        assert scores.shape == (0,)
        assert scores.dtype == np.float32


def test_a_long_list_scores_as_its_crops_alone() -> None:
    draw = np.random.default_rng(3)
    text = text_of(noise(draw, 20, WIDTH), noise(draw, 20, WIDTH))
    stored = Parts(unit(noise(draw, 300, 2 * REGIONS, WIDTH)))
    together = alignment(text, stored)
    chosen = np.array([299, 0, 127, 128, 7])
    assert np.abs(alignment(text, stored.take(chosen)) - together[chosen]).max() <= 1e-6
    for row in chosen:
        alone = alignment(text, stored.take(np.array([row])))
        assert np.abs(alone - together[row]).max() <= 1e-6


def test_empty_vectors_score_a_number() -> None:
    draw = np.random.default_rng(4)
    text = text_of(noise(draw, 6, WIDTH), noise(draw, 6, WIDTH))
    nothing = np.zeros((2, 2 * REGIONS, WIDTH), np.float32)
    for part_format in PART_FORMATS:
        assert alignment(text, pack_parts(nothing, part_format)).tolist() == [0, 0]
    silent = text_of(np.zeros((6, WIDTH), np.float32), np.zeros((6, WIDTH), np.float32))
    assert alignment(silent, Parts(noise(draw, 2, 2 * REGIONS, WIDTH))).tolist() == [0, 0]


def test_parts_of_a_mapped_file_are_read_without_a_copy_of_the_whole(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    stored = noise(draw, 4, 2 * REGIONS, WIDTH)
    (tmp_path / "parts.bin").write_bytes(stored.tobytes())
    with (tmp_path / "parts.bin").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    readonly = np.frombuffer(mapped, np.float32).reshape(stored.shape)
    assert not readonly.flags.writeable
    text = text_of(noise(draw, 6, WIDTH), noise(draw, 6, WIDTH))
    assert np.array_equal(alignment(text, Parts(readonly)), alignment(text, Parts(stored)))


@pytest.mark.parametrize(("part_format", "error"), [("fp32", 1e-6), ("fp16", 2e-4), ("int8", 8e-3)])
def test_stored_formats_score_nearly_alike(part_format: PartFormat, error: float) -> None:
    draw = np.random.default_rng(6)
    keys, values = noise(draw, 40, WIDTH), noise(draw, 40, WIDTH)
    stored = unit(noise(draw, 20, 2 * REGIONS, WIDTH))
    expected = [pairwise_alignment(keys, values, p[:REGIONS], p[REGIONS:]) for p in stored]
    scores = alignment(text_of(keys, values), pack_parts(stored, part_format))
    assert np.abs(scores - expected).max() <= error
    assert np.std(expected) > 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_score_nearly_alike_on_every_processor(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which type multiplies them depends on the processor."""
    monkeypatch.setattr("models.part_alignment.choose_dtype", lambda _name, _device: dtype)
    draw = np.random.default_rng(8)
    keys, values = noise(draw, 40, WIDTH), noise(draw, 40, WIDTH)
    stored = unit(noise(draw, 20, 2 * REGIONS, WIDTH))
    expected = [pairwise_alignment(keys, values, p[:REGIONS], p[REGIONS:]) for p in stored]
    scores = alignment(text_of(keys, values), pack_parts(stored, "int8"))
    assert np.abs(scores - expected).max() <= 8e-3


@pytest.mark.slow
def test_bytes_keep_nine_of_the_ten_best() -> None:
    """200 queries over 400 crops; features in a shared subspace, as those of trained networks."""
    draw = np.random.default_rng(7)
    subspace = noise(draw, 48, WIDTH)
    crops = noise(draw, 400, 2 * REGIONS, 48) @ subspace + 2 * noise(draw, 400, 12, WIDTH)
    exact, coded = pack_parts(unit(crops), "fp32"), pack_parts(unit(crops), "int8")
    assert exact.bytes_per_crop == 36_864
    assert coded.bytes_per_crop == 9_264
    kept = []
    for _ in range(200):
        keys = noise(draw, 24, 48) @ subspace + 2 * noise(draw, 24, WIDTH)
        values = noise(draw, 24, 48) @ subspace + 2 * noise(draw, 24, WIDTH)
        text = text_of(keys, values)
        best, found = (set(np.argsort(-alignment(text, p))[:10]) for p in (exact, coded))
        kept.append(len(best & found))
    assert min(kept) >= 9
    assert np.mean(kept) >= 9.8


def test_recorded_features_give_the_recorded_scores() -> None:
    recorded = case("forward_eval")
    query, value = recorded["local_img_query"], recorded["local_img_value"]
    parts = Parts(unit(torch.cat([query, value], dim=1).numpy()))
    for column, position in ((0, 0), (2, 1)):
        count = min(int(recorded["length"][column]), 101)
        text = attend(
            recorded["local_text_key_rows0_2"][position, :count],
            recorded["local_text_value_rows0_2"][position, :count],
        )
        assert np.abs(alignment(text, parts) - recorded["i2t"][:, column].numpy()).max() <= 5e-6


def test_the_transcription_gives_the_recorded_scores() -> None:
    """What the other tests compare with agrees with the authors' code itself."""
    recorded = case("forward_eval")
    key, value = (recorded[f"local_text_{name}_rows0_2"][0].numpy() for name in ("key", "value"))
    count = int(recorded["length"][0])
    for row in range(4):
        found = pairwise_alignment(
            key[:count],
            value[:count],
            recorded["local_img_query"][row].numpy(),
            recorded["local_img_value"][row].numpy(),
        )
        assert found == pytest.approx(float(recorded["i2t"][row, 0]), abs=1e-6)


def test_parts_of_real_crops_score_as_word_by_word(
    parts: Float32Array, prepared: list[AttendedText], scorer: NafsPartScorer
) -> None:
    text = prepared[0]
    expected = [
        pairwise_alignment(text.keys.numpy(), text.values.numpy(), p[:REGIONS], p[REGIONS:])
        for p in parts
    ]
    assert np.abs(scorer.score(text, pack_parts(parts, "fp32")) - expected).max() <= 1e-6
