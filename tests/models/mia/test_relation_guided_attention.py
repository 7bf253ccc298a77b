import math

import pytest
import torch

from models.layers.relation_guided_attention import (
    PART_PART_SHARPNESS,
    global_part_scores,
    part_part_scores,
    relation_guided_attention,
)
from tests.models.mia.recorded_mia import recording, worst

RGA = recording()["cases"]["rga"]
BFM = recording()["cases"]["bfm_reference_reconstruction"]


def test_attention_is_the_recorded_one_for_a_batch() -> None:
    assert worst(relation_guided_attention(RGA["full"], RGA["parts"]), RGA["batch_cosine"]) <= 1e-6


def test_attention_is_the_recorded_one_for_a_single_whole() -> None:
    for full, parts, expected in zip(RGA["full"], RGA["parts"], RGA["single_cosine"], strict=True):
        assert worst(relation_guided_attention(full, parts), expected) <= 1e-6


def test_attention_over_the_first_phrases_is_the_recorded_one() -> None:
    expected = RGA["regional_alignment_text_cosine"]
    for row, count in enumerate(RGA["text_n2c"]):
        found = relation_guided_attention(RGA["full"][row], RGA["parts"][row, :count])
        assert worst(found, expected[row]) <= 1e-6


def test_attention_by_hand() -> None:
    """Cosines 1 and 0, so weights e / (e + 1) and 1 / (e + 1); lengths count in the sum only."""
    full = torch.tensor([3.0, 0.0])
    parts = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    found = relation_guided_attention(full, parts)
    expected = torch.tensor([2 * math.e, 5.0]) / (math.e + 1)
    assert worst(found, expected) <= 1e-6


def test_a_single_part_is_gathered_whole() -> None:
    part = torch.tensor([[0.5, -2.0, 1.0]])
    assert worst(relation_guided_attention(torch.ones(4, 3), part), part.expand(4, 3)) <= 1e-6


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (math.hypot(*a) * math.hypot(*b))


def gather(cosines: list[float], vectors: list[list[float]], factor: float) -> list[float]:
    weights = [math.exp(factor * c) for c in cosines]
    total = sum(weights)
    return [
        sum(w * vector[k] for w, vector in zip(weights, vectors, strict=True)) / total
        for k in range(len(vectors[0]))
    ]


def test_wholes_and_parts_are_compared_as_a_loop_over_pairs_does() -> None:
    generator = torch.Generator().manual_seed(2)
    caption, phrases = torch.randn(5, generator=generator), torch.randn(3, 5, generator=generator)
    crops, stripes = (
        torch.randn(4, 5, generator=generator),
        torch.randn(4, 6, 5, generator=generator),
    )
    image_side, text_side = global_part_scores(caption, phrases, crops, stripes)
    whole, nouns = caption.tolist(), phrases.tolist()
    for n in range(4):
        crop, cuts = crops[n].tolist(), stripes[n].tolist()
        seen = gather([cosine(whole, cut) for cut in cuts], cuts, 1)
        assert float(image_side[n]) == pytest.approx(cosine(whole, seen), abs=1e-6)
        read = gather([cosine(crop, noun) for noun in nouns], nouns, 1)
        assert float(text_side[n]) == pytest.approx(cosine(crop, read), abs=1e-6)


def test_parts_are_matched_as_recorded_of_the_reconstruction() -> None:
    assert BFM["NOT_UPSTREAM"]
    assert BFM["lambda"] == PART_PART_SHARPNESS
    for row, count in enumerate(BFM["n2c"]):
        of_stripes, of_phrases = part_part_scores(BFM["parts"], BFM["nps"][row, :count])
        assert worst(of_stripes, BFM["v2t"][:, row]) <= 1e-5
        assert worst(of_phrases, BFM["t2v"][:, row]) <= 1e-5
        assert worst((of_stripes + of_phrases) / 2, BFM["score"][:, row]) <= 1e-5


def test_the_sharpness_of_matching_is_heeded() -> None:
    """At 0 every stripe gathers the mean of the phrases."""
    phrases = BFM["nps"][0, :4]
    of_stripes, _ = part_part_scores(BFM["parts"], phrases, sharpness=0.0)
    expected = torch.cosine_similarity(BFM["parts"], phrases.mean(0).expand(4, 6, 16), dim=-1)
    assert worst(of_stripes, expected.mean(1)) <= 1e-6


def test_no_crops_have_no_scores() -> None:
    nothing = torch.zeros(0, 6, 16)
    phrases = BFM["nps"][0, :4]
    for scores in (
        global_part_scores(phrases[0], phrases, torch.zeros(0, 16), nothing),
        part_part_scores(nothing, phrases),
    ):
        assert [tuple(side.shape) for side in scores] == [(0,), (0,)]
