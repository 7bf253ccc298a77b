from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from models.contracts import Float32Array, PartScorer, PersonEncoder
from models.encoders.mia import MiaEncoder, MiaPartScorer, PreparedText
from models.layers.mia_backbones import MiaNetwork
from models.layers.relation_guided_attention import global_part_scores
from models.parts import PART_FORMATS, PartFormat, Parts, pack_parts
from tests.models.det_weights import smooth_image
from tests.models.mia.recorded_mia import (
    WIDTH,
    build,
    encoder_of,
    gallery,
    queries,
    recording,
    worst,
)

Real = TypeVar("Real", np.float32, np.float64)
CASES = recording()["cases"]
EVALUATION: dict[str, Any] = CASES["evaluate_np"]


def directions(vectors: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """The vectors along the last axis, each divided by its length."""
    unit: npt.NDArray[Real] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


@pytest.fixture(scope="module")
def prepared(scorer: MiaPartScorer) -> list[PreparedText]:
    """The recorded queries, for the second stage."""
    return [scorer.prepare(query) for query in queries()]


@pytest.fixture(scope="module")
def second_stage(
    scorer: MiaPartScorer, prepared: list[PreparedText], parts: Float32Array
) -> Float32Array:
    """Scores of the recorded queries and gallery: (24, 12)."""
    packed = pack_parts(parts, "fp32")
    return np.stack([scorer.score(text, packed) for text in prepared])


def test_it_is_an_encoder_with_a_second_stage(encoder: MiaEncoder, scorer: MiaPartScorer) -> None:
    assert isinstance(encoder, PersonEncoder)
    assert isinstance(scorer, PartScorer)


def test_the_first_stage_has_the_recorded_distances(first_stage: Float32Array) -> None:
    assert worst(torch.from_numpy(1 - first_stage), EVALUATION["score_global"]) <= 1e-5


def test_both_attended_distances_are_the_recorded_ones(
    prepared: list[PreparedText], parts: Float32Array
) -> None:
    vectors = torch.from_numpy(parts)
    for row, text in enumerate(prepared):
        image_side, text_side = global_part_scores(
            text.caption, text.phrases, vectors[:, 0], vectors[:, 1:]
        )
        assert worst(1 - image_side, EVALUATION["score_img_rga"][row]) <= 1e-5
        assert worst(1 - text_side, EVALUATION["score_cap_rga"][row]) <= 1e-5


def test_both_stages_together_are_the_recorded_distance(
    first_stage: Float32Array, second_stage: Float32Array
) -> None:
    """The distance is 1 + 0.5 + 0.5 less the weighted cosines."""
    assert second_stage.dtype == np.float32
    distance = torch.from_numpy(2 - (first_stage + second_stage))
    assert worst(distance, EVALUATION["fused"]) <= 1e-5


def test_the_last_caption_of_a_crop_ranks_the_gallery_as_recorded(
    first_stage: Float32Array, second_stage: Float32Array
) -> None:
    names = CASES["data"]["gallery_order"]
    similarity = first_stage + second_stage
    ranked = {
        key: ",".join(names[n] for n in np.argsort(-similarity[row])[:10])
        for row, key in enumerate(CASES["data"]["query_keys"])
    }
    assert [f"{key} {best}" for key, best in ranked.items()] == EVALUATION["result_file"]


def test_all_captions_find_their_person_as_often_as_recorded(
    first_stage: Float32Array, second_stage: Float32Array
) -> None:
    people = np.array([int(name.partition("/")[0]) for name in CASES["data"]["gallery_order"]])
    wanted = np.array([int(key.partition("/")[0]) for key in CASES["data"]["query_keys"]])
    order = np.argsort(-(first_stage + second_stage), axis=1)
    hits = people[order] == wanted[:, None]
    found = {k: hits[:, :k].any(axis=1).mean() for k in (1, 5, 10)}
    assert found == pytest.approx(EVALUATION["acc_all_queries"])


def test_only_the_first_ten_phrases_count(network: MiaNetwork, parts: Float32Array) -> None:
    encoder = encoder_of(network)
    words = ["red shirt", "black pants", "gray backpack", "white shoes", "tall man"] * 2

    def scores(phrases: list[str]) -> Float32Array:
        scorer = MiaPartScorer(encoder.card, network, encoder._texts, lambda _: phrases)
        return scorer.score(scorer.prepare("a man"), pack_parts(parts, "fp32"))

    assert np.array_equal(scores(words), scores([*words, "woman", "blue dress"]))
    assert not np.allclose(scores(words), scores(words[:3]), atol=1e-4)


def test_part_0_is_the_row_of_the_first_stage(rows: Float32Array, parts: Float32Array) -> None:
    assert parts.shape == (12, 7, WIDTH)
    assert parts.dtype == np.float32
    assert np.abs(parts[:, 0] - rows).max() <= 1e-5


def test_the_company_of_crops_and_texts_changes_nothing(
    encoder: MiaEncoder, scorer: MiaPartScorer
) -> None:
    crops = [Image.fromarray(smooth_image(seed, 90 + seed, 40)) for seed in range(17)]
    rows, parts = encoder.encode_images(crops), directions(scorer.encode_parts(crops[:5]))
    texts = queries()[:17]
    captions = encoder.encode_texts(texts)
    for start, end in ((0, 1), (6, 17)):
        some = slice(start, end)
        assert np.abs(encoder.encode_images(crops[some]) - rows[some]).max() <= 1e-5
        assert np.abs(encoder.encode_texts(texts[some]) - captions[some]).max() <= 1e-5
    for start, end in ((0, 1), (1, 5)):
        found = directions(scorer.encode_parts(crops[start:end]))
        assert np.abs(found - parts[start:end]).max() <= 1e-5


def test_words_behind_the_end_of_its_longest_caption_are_cut(encoder: MiaEncoder) -> None:
    whole, cut = encoder.read_text("a " * 59 + "."), encoder.read_text("a " * 60 + ".")
    assert (whole.tokens, whole.token_limit, whole.truncated) == (60, 60, False)
    assert (cut.tokens, cut.token_limit, cut.truncated) == (61, 60, True)


@pytest.mark.parametrize("part_format", PART_FORMATS)
def test_nothing_has_no_rows_and_no_scores(
    encoder: MiaEncoder, scorer: MiaPartScorer, part_format: PartFormat
) -> None:
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, WIDTH)
    parts = scorer.encode_parts([])
    assert parts.shape == (0, 7, WIDTH)
    found = scorer.score(scorer.prepare(queries()[0]), pack_parts(parts, part_format))
    assert found.shape == (0,)
    assert found.dtype == np.float32


def bound(exact: Float32Array, packed: Parts, text: PreparedText) -> Float32Array:
    """How far rounding can move each crop's score: (n).

    A vector moved by at most the share e of its length turns by at most asin(e), so a cosine
    with it moves by at most asin(e) = a, and a softmax of such cosines changes every weight by
    a factor within exp(+-2a), the weights together by at most s = exp(2a) - 1. A sum of parts
    no longer than L then moves by at most (e + s (1 + e)) L, and turns by at most the arcsine
    of that through its own length; where the whole moved instead, the sum moves by s L, and the
    whole turns by a.
    """
    values = packed.values.astype(np.float64)
    if packed.scales is not None:
        values *= packed.scales[..., None]
    lengths = np.linalg.norm(exact, axis=-1)
    share = (np.linalg.norm(values - exact, axis=-1) / lengths).max(axis=1)  # (n)
    angle = np.arcsin(share)
    shift = np.exp(2 * angle) - 1

    def reach(whole: torch.Tensor, parts: torch.Tensor) -> Float32Array:
        """The longest part through the length of their attended sum."""
        weights = torch.cosine_similarity(parts, whole.unsqueeze(-2), dim=-1).softmax(-1)
        summed = (weights.unsqueeze(-1) * parts).sum(-2)
        found: Float32Array = (parts.norm(dim=-1).amax(-1) / summed.norm(dim=-1)).numpy()
        return found

    vectors = torch.from_numpy(exact)
    of_stripes = reach(text.caption.expand(len(exact), -1), vectors[:, 1:])
    of_phrases = reach(vectors[:, 0], text.phrases.expand(len(exact), -1, -1))
    moved: Float32Array = 0.5 * np.arcsin((share + shift * (1 + share)) * of_stripes) + 0.5 * (
        angle + np.arcsin(shift * of_phrases)
    )
    return moved


@pytest.mark.parametrize(("part_format", "loosest"), [("fp16", 0.002), ("int8", 0.05)])
def test_compact_parts_move_scores_no_further_than_their_rounding_can(
    scorer: MiaPartScorer,
    prepared: list[PreparedText],
    parts: Float32Array,
    second_stage: Float32Array,
    part_format: PartFormat,
    loosest: float,
) -> None:
    packed = pack_parts(parts, part_format)
    found = np.stack([scorer.score(text, packed) for text in prepared])
    moved = np.abs(found - second_stage)
    assert float(moved.max()) > 0
    for row, text in enumerate(prepared):
        allowed = bound(parts, packed, text)
        assert allowed.max() < loosest
        assert (moved[row] <= allowed).all()
    rmse = np.sqrt((moved**2).mean(axis=1))
    assert float((rmse / second_stage.std(axis=1)).max()) < 0.05


def test_a_model_of_the_first_training_stage_ranks_by_one_vector(rows: Float32Array) -> None:
    first = encoder_of(build(1, 1), 1, 1)
    assert first.part_scorer is None
    assert np.abs(first.encode_images(gallery()[:2]) - rows[:2]).max() <= 1e-5


def test_matched_parts_add_their_term(
    part_part_scorer: MiaPartScorer, parts: Float32Array, second_stage: Float32Array
) -> None:
    """Half of the mean of both directions, written out for single pairs in double precision."""
    found = part_part_scorer.encode_parts(gallery()[:3])
    assert found.shape == (3, 13, WIDTH)
    assert np.abs(directions(found[:, :7]) - directions(parts[:3])).max() <= 1e-5
    for row in (0, 5):
        text = part_part_scorer.prepare(queries()[row])
        assert text.matched is not None
        nouns = text.matched.double().numpy()
        scores = part_part_scorer.score(text, pack_parts(found, "fp32"))
        for n in range(3):
            cuts = found[n, 7:].astype(np.float64)
            sharp = np.exp(9 * directions(cuts) @ directions(nouns).T)  # (p, m)
            gathered_nouns = sharp / sharp.sum(1, keepdims=True) @ nouns
            gathered_cuts = (sharp / sharp.sum(0)).T @ cuts
            of_stripes = (directions(cuts) * directions(gathered_nouns)).sum(1).mean()
            of_phrases = (directions(nouns) * directions(gathered_cuts)).sum(1).mean()
            expected = second_stage[row, n] + 0.5 * (of_stripes + of_phrases) / 2
            assert scores[n] == pytest.approx(expected, abs=1e-5)
