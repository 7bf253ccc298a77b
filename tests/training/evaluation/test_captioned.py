"""An encoder whose every rank is known by hand, on files of plain colours."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.card import ModelCard
from models.contracts import Float32Array
from models.errors import ConfigurationInvalid, CropUnreadable
from models.parts import Parts
from tests.fakes import ColourEncoder
from training.evaluation.captioned import EvaluatedSplit, RetrievalOptions, evaluate_retrieval
from training.evaluation.captioned_gallery import CaptionedGallery
from training.evaluation.ranking import Reranking, SecondStage
from training.evaluation.report import RetrievalReport
from training.metrics import RetrievalMetrics

# Person 7 wears red and purple, 8 green and cyan, 9 blue and nothing else. The shades are not
# those of the fake's texts, so that no two similarities that matter are equal.
CROPS = (
    ("red", (255, 20, 30), 7),
    ("purple", (255, 20, 160), 7),
    ("green", (0, 220, 0), 8),
    ("cyan", (10, 255, 200), 8),
    ("blue", (0, 0, 200), 9),
)
CAPTIONS = (
    ("a person in red", 0),
    ("somebody in purple", 1),
    ("a green coat", 2),
    ("a cyan coat", 3),
    ("blue all over", 4),
    ("in the last caption white", 2),
)
SPLIT = EvaluatedSplit("colours", "val", selected_on_test=False)


@pytest.fixture
def gallery(tmp_path: Path) -> CaptionedGallery:
    paths = []
    for name, shade, _ in CROPS:
        paths.append(tmp_path / f"{name}.png")
        Image.new("RGB", (4, 8), shade).save(paths[-1])
    people = np.array([person for _, _, person in CROPS])
    sources = np.array([crop for _, crop in CAPTIONS])
    return CaptionedGallery(
        tuple(paths), people, tuple(text for text, _ in CAPTIONS), people[sources], sources
    )


def means(metrics: RetrievalMetrics) -> tuple[float, float, float]:
    return (
        metrics.recall_at_1,
        metrics.mean_average_precision,
        metrics.mean_inverse_negative_penalty,
    )


# Cosines to the texts, by hand, to two digits:
#            red crop  purple  green   cyan   blue    so the gallery stands
#   red        0.99     0.69   -0.26  -0.98  -0.22    red, purple, blue, green, cyan
#   purple     0.41     0.91   -0.99  -0.53   0.22    purple, red, blue, cyan, green
#   green     -0.41    -0.91    0.99   0.53  -0.22    green, cyan, blue, red, purple
#   cyan      -0.99    -0.69    0.26   0.98   0.22    cyan, green, blue, purple, red
#   blue      -0.35     0.04   -0.26   0.19   0.97    blue, cyan, purple, green, red
#   white     -0.23     0.18   -0.46   0.25  -0.54    cyan, purple, red, green, blue
def test_captions_find_their_people(gallery: CaptionedGallery) -> None:
    report = evaluate_retrieval(ColourEncoder(), gallery, SPLIT).report
    found = report.first_stage.text_to_image.metrics
    assert (found.queries, found.queries_without_match) == (6, 0)
    # White finds person 8 at 1 and 4.
    white = ((1 + 2 / 4) / 2, 2 / 4)
    assert means(found) == pytest.approx((1, (5 + white[0]) / 6, (5 + white[1]) / 6))
    assert (report.people, report.crops, report.captions) == (3, 5, 6)


def test_without_its_source_a_caption_must_find_another_crop(gallery: CaptionedGallery) -> None:
    report = evaluate_retrieval(ColourEncoder(), gallery, SPLIT).report
    others = report.first_stage.text_to_image_without_source
    assert others is not None
    # Blue has no other crop; all others find theirs first, white cyan instead of green.
    assert (others.metrics.queries, others.metrics.queries_without_match) == (6, 1)
    assert means(others.metrics) == pytest.approx((1, 1, 1))


def test_crops_find_the_captions_of_their_person(gallery: CaptionedGallery) -> None:
    report = evaluate_retrieval(ColourEncoder(), gallery, SPLIT).report
    back = report.first_stage.image_to_text
    assert back is not None
    assert (back.metrics.queries, back.metrics.queries_without_match) == (5, 0)
    # The green crop finds green, cyan, red or blue, white: person 8 at 1, 2 and 5.
    green = ((1 + 1 + 3 / 5) / 3, 3 / 5)
    assert means(back.metrics) == pytest.approx((1, (4 + green[0]) / 5, (4 + green[1]) / 5))


class Confused(ColourEncoder):
    """Takes every text for one in green, and knows better in its second stage.

    A crop of the colour that a text names gains 4, any other 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scored: list[tuple[str, int]] = []

    @property
    def part_scorer(self) -> "Confused":
        return self

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        return super().encode_texts(["green"] * len(texts))

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        return self.encode_images(images)[:, None]

    def prepare(self, text: str) -> tuple[str, Float32Array]:
        return text, super().encode_texts([text])[0]

    def score(self, prepared: tuple[str, Float32Array], parts: Parts) -> Float32Array:
        text, row = prepared
        self.scored.append((text, len(parts)))
        exact = parts.values[:, 0].astype(np.float32) @ row > 0.9  # (n,)
        return np.where(exact, np.float32(4), np.float32(1))


# By "green" the gallery stands green, cyan, blue, red, purple: person 7 at 4 and 5, person 8 at 1
# and 2, person 9 at 3.
SEVEN = ((1 / 4 + 2 / 5) / 2, 2 / 5)


def test_the_second_stage_orders_its_candidates_only(gallery: CaptionedGallery) -> None:
    encoder = Confused()
    report = evaluate_retrieval(
        encoder,
        gallery,
        SPLIT,
        RetrievalOptions(second_stage=SecondStage(encoder, 3), replicates=10),
    ).report
    first, second = report.first_stage, report.second_stage
    assert second is not None
    plain = [(2 * seven + 3 + 1 / 3) / 6 for seven in SEVEN]
    assert means(first.text_to_image.metrics) == pytest.approx((3 / 6, *plain))
    # Of green, cyan and blue, blue comes first where it is named, and cyan before green; red and
    # purple are no candidates and stay where they were.
    better = [(2 * seven + 4) / 6 for seven in SEVEN]
    assert means(second.text_to_image.metrics) == pytest.approx((4 / 6, *better))
    assert (second.model, second.candidates, second.weight) == ("colour", 3, 1)
    assert first.gain is None
    assert second.gain is not None
    # One caption of six, that in blue, finds its crop first now: 1 instead of 1 / 3.
    assert second.gain.recall_at_1.mean == pytest.approx(1 / 6)
    assert second.gain.mean_average_precision.mean == pytest.approx((1 - 1 / 3) / 6)
    assert second.image_to_text is None
    # One more where the source is a candidate, to stand in for it in the second line.
    assert encoder.scored == [
        ("a person in red", 3),
        ("somebody in purple", 3),
        ("a green coat", 4),
        ("a cyan coat", 4),
        ("blue all over", 4),
        ("in the last caption white", 4),
    ]


def test_the_second_stage_without_sources_leaves_others_behind_its_candidates(
    gallery: CaptionedGallery,
) -> None:
    confused = Confused()
    report = evaluate_retrieval(
        confused,
        gallery,
        SPLIT,
        RetrievalOptions(second_stage=SecondStage(confused, 3), replicates=10),
    ).report
    assert report.second_stage is not None
    others = report.second_stage.text_to_image_without_source
    assert others is not None
    assert others.metrics.queries_without_match == 1
    # Purple and red stand behind the three candidates, green, cyan and white find one another.
    precisions = (1 / 4, 1 / 4, 1, 1, 1)
    assert others.metrics.mean_average_precision == pytest.approx(sum(precisions) / 5)


class Reader(Confused):
    """Another model, whose parts cannot be taken for those of the first stage's."""

    @property
    def card(self) -> ModelCard:
        return super().card.model_copy(update={"name": "reader", "weights_sha256": "5" * 64})


def test_the_parts_of_another_model_count_as_much_as_is_said(gallery: CaptionedGallery) -> None:
    first, reader = Confused(), Reader()
    for weight, best in ((1.0, [0, 1, 2, 3, 4, 2]), (0.0, [2] * 6)):
        options = RetrievalOptions(second_stage=SecondStage(reader, 99, weight), replicates=10)
        evaluation = evaluate_retrieval(first, gallery, SPLIT, options)
        second = evaluation.report.second_stage
        assert second is not None
        assert evaluation.report.model == "colour"
        assert (second.model, second.weights_sha256, second.weight) == ("reader", "5" * 64, weight)
        assert evaluation.best.ids[:, 0].tolist() == best
        assert second.gain is not None
        gained = second.gain.recall_at_1
        assert gained.low <= gained.mean <= gained.high
        # Three of six captions find their crop first by "green" already.
        assert gained.mean == pytest.approx(weight * 3 / 6)
        # What does not move for anybody does not move with other people either.
        assert (gained.low == gained.high == 0) is (weight == 0)


def test_a_second_stage_that_scores_all_can_be_compared_both_ways(
    gallery: CaptionedGallery,
) -> None:
    confused = Confused()
    evaluation = evaluate_retrieval(
        confused,
        gallery,
        SPLIT,
        RetrievalOptions(second_stage=SecondStage(confused, 99), replicates=10),
    )
    second = evaluation.report.second_stage
    assert second is not None
    assert second.candidates == 5
    assert second.text_to_image.metrics.recall_at_1 == 1
    assert second.image_to_text is not None
    assert second.image_to_text.metrics.recall_at_1 == 1
    assert evaluation.best.shown == "second stage"
    assert evaluation.best.ids[:, 0].tolist() == [0, 1, 2, 3, 4, 2]
    # 4 of the second stage, and what the first gives red and green by "green".
    assert evaluation.best.scores[[0, 2], 0] == pytest.approx([4 - 0.41, 4 + 0.99], abs=0.01)


def test_re_ranking_is_reported_with_its_parameters(gallery: CaptionedGallery) -> None:
    options = RetrievalOptions(reranking=Reranking("rvn", 0.2, 2), replicates=10)
    evaluation = evaluate_retrieval(ColourEncoder(), gallery, SPLIT, options)
    reranked = evaluation.report.reranked
    assert reranked is not None
    assert (reranked.method, reranked.alpha, reranked.k) == ("rvn", 0.2, 2)
    assert (reranked.stage, reranked.note, reranked.image_to_text) == ("first", None, None)
    assert reranked.text_to_image_without_source is not None
    assert evaluation.best.shown == "re-ranked"
    # Red's best two are red and purple, which are what either looks like: both gain 0.2.
    assert evaluation.best.scores[0, :2] == pytest.approx([0.99 + 0.2, 0.69 + 0.2], abs=0.01)


def test_shipped_re_ranking_is_noted_and_has_no_line_without_sources(
    gallery: CaptionedGallery,
) -> None:
    options = RetrievalOptions(reranking=Reranking("nafs_shipped", 1.0, 2), replicates=10)
    reranked = evaluate_retrieval(ColourEncoder(), gallery, SPLIT, options).report.reranked
    assert reranked is not None
    assert reranked.note == "depends on row order"
    assert reranked.text_to_image_without_source is None
    assert reranked.image_to_text is not None


def test_one_caption_a_crop_asks_under_the_protocol_of_wider(gallery: CaptionedGallery) -> None:
    options = RetrievalOptions(protocol="wider_last_caption", replicates=10)
    evaluation = evaluate_retrieval(ColourEncoder(), gallery, SPLIT, options)
    assert evaluation.report.protocol == "wider_last_caption"
    assert evaluation.report.captions == 5
    assert evaluation.gallery.captions[-1] == "in the last caption white"
    assert evaluation.report.first_stage.text_to_image.metrics.queries == 5


def test_the_report_says_what_was_measured_and_survives_json(gallery: CaptionedGallery) -> None:
    encoder = ColourEncoder()
    report = evaluate_retrieval(encoder, gallery, SPLIT).report
    assert report.fingerprint == encoder.card.fingerprint()
    assert (report.model, report.data, report.split) == ("colour", "colours", "val")
    assert report.selected_on_test is False
    assert RetrievalReport.model_validate(json.loads(report.model_dump_json())) == report


def test_intervals_hold_the_metrics_and_follow_the_seed(gallery: CaptionedGallery) -> None:
    def intervals(seed: int) -> dict[str, dict[str, float]]:
        options = RetrievalOptions(seed=seed, replicates=500)
        report = evaluate_retrieval(Confused(), gallery, SPLIT, options).report
        found = report.first_stage.text_to_image
        assert found.intervals is not None
        assert found.intervals.recall_at_1.low <= found.metrics.recall_at_1
        assert found.metrics.recall_at_1 <= found.intervals.recall_at_1.high
        content: dict[str, dict[str, float]] = found.intervals.model_dump()
        return content

    assert intervals(1) == intervals(1)
    assert intervals(1) != intervals(2)


def test_a_gallery_of_single_crops_has_no_line_without_sources(gallery: CaptionedGallery) -> None:
    crops = np.array([0, 2, 4])
    single = CaptionedGallery(
        tuple(gallery.crops[crop] for crop in crops),
        gallery.person_ids[crops],
        tuple(gallery.captions[crop] for crop in crops),
        gallery.person_ids[crops],
        np.arange(3),
    )
    first = evaluate_retrieval(ColourEncoder(), single, SPLIT).report.first_stage
    assert first.text_to_image_without_source is None
    assert first.text_to_image.metrics.recall_at_1 == 1


def test_a_gallery_of_one_person_has_no_intervals(gallery: CaptionedGallery) -> None:
    alone = CaptionedGallery(
        gallery.crops[:2], gallery.person_ids[:2], gallery.captions[:2],
        gallery.person_ids[:2], np.arange(2),
    )  # fmt: skip
    first = evaluate_retrieval(ColourEncoder(), alone, SPLIT).report.first_stage
    assert first.text_to_image.intervals is None
    assert first.text_to_image.metrics.recall_at_1 == 1


def test_a_crop_that_cannot_be_read_ends_the_evaluation_by_name(gallery: CaptionedGallery) -> None:
    gallery.crops[3].write_bytes(b"gone bad")
    with pytest.raises(CropUnreadable, match=r"cyan\.png cannot be read"):
        evaluate_retrieval(ColourEncoder(), gallery, SPLIT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            RetrievalOptions(second_stage=SecondStage(ColourEncoder(), 3)),
            "'colour' has one stage only",
        ),
        (RetrievalOptions(reranking=Reranking("rvn", 0.1, 5)), "5 neighbours of 5 crops"),
        (RetrievalOptions(reranking=Reranking("rvn", 0.1, 0)), "0 neighbours of 5 crops"),
    ],
)
def test_options_that_cannot_work_are_refused_before_anything_is_encoded(
    gallery: CaptionedGallery, options: RetrievalOptions, message: str
) -> None:
    encoder = ColourEncoder()
    with pytest.raises(ConfigurationInvalid, match=message):
        evaluate_retrieval(encoder, gallery, SPLIT, options)
    assert encoder.images_seen == 0


def test_no_candidates_at_all_are_refused(gallery: CaptionedGallery) -> None:
    with pytest.raises(ConfigurationInvalid, match="0 candidates"):
        evaluate_retrieval(
            Confused(), gallery, SPLIT, RetrievalOptions(second_stage=SecondStage(Confused(), 0))
        )


def test_progress_is_told_of_each_stage(gallery: CaptionedGallery) -> None:
    told: list[tuple[int, int]] = []
    confused = Confused()
    evaluate_retrieval(
        confused,
        gallery,
        SPLIT,
        RetrievalOptions(second_stage=SecondStage(confused, 2), replicates=10),
        lambda done, of: told.append((done, of)),
    )
    assert told == [(5, 5), (5, 5)]
