"""What is reported of an encoder on a captioned gallery; all metrics are in 0..1."""

from typing import Literal

from models.schema import Schema
from training.evaluation.bootstrap import Interval
from training.evaluation.captioned_gallery import CaptionProtocol
from training.evaluation.ranking import RerankingMethod, Stage
from training.metrics import RetrievalMetrics

Shown = Literal["first stage", "second stage", "re-ranked"]


class RetrievalIntervals(Schema):
    """How far each metric would move with other people."""

    recall_at_1: Interval
    recall_at_5: Interval
    recall_at_10: Interval
    mean_average_precision: Interval
    mean_inverse_negative_penalty: Interval


class Difference(Interval):
    """A mean difference and how far it would move with other people."""

    mean: float


class RetrievalGain(Schema):
    """By how much each metric differs between two ways to rank, over the same queries.

    Narrower than the metrics' own intervals, since people who are hard to find are so both ways.
    """

    recall_at_1: Difference
    recall_at_5: Difference
    recall_at_10: Difference
    mean_average_precision: Difference
    mean_inverse_negative_penalty: Difference


class Measured(Schema):
    """Metrics of one direction; no intervals where fewer than two people are asked for."""

    metrics: RetrievalMetrics
    intervals: RetrievalIntervals | None


class RankingFigures(Schema):
    """One way to rank, both ways round."""

    text_to_image: Measured
    """Captions rank all crops; a match is any crop of the person, the source crop among them."""
    text_to_image_without_source: Measured | None
    """The same where each caption's source crop, the one it was written for, is gone.

    None where no other crop shows anybody described, or the ranking means nothing then.
    """
    image_to_text: Measured | None
    """Crops rank all captions. None where scores of different texts cannot be compared."""
    gain: RetrievalGain | None
    """What ``text_to_image`` has more than that of the first stage; None there, or where fewer than
    two people are asked for."""


class SecondStageRanking(RankingFigures):
    """The part scorer has ordered the first stage's best ``candidates``.

    ``model`` and ``weights_sha256`` are of whose parts they are, ``weight`` is what multiplies
    their score.
    """

    model: str
    weights_sha256: str
    candidates: int
    weight: float


class RerankedRanking(RankingFigures):
    """A re-ranking of one stage's similarities; ``note`` limits its meaning."""

    method: RerankingMethod
    alpha: float
    k: int
    stage: Stage
    note: str | None


class RetrievalReport(Schema):
    """All that is measured of one model on one captioned gallery."""

    schema_version: Literal[1] = 1
    model: str
    architecture: str
    method: str
    fingerprint: str
    weights_sha256: str
    data: str
    split: str
    selected_on_test: bool | None
    """Whether the weights were chosen by figures on this data, which makes these too good.

    None where nobody has said.
    """
    protocol: CaptionProtocol
    people: int
    crops: int
    captions: int
    bootstrap_seed: int
    bootstrap_replicates: int
    first_stage: RankingFigures
    second_stage: SecondStageRanking | None
    reranked: RerankedRanking | None
