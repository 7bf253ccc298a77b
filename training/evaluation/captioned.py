"""How well an encoder retrieves the crops of a captioned gallery, and captions by crops.

Every caption ranks every crop; a match is the same person, whatever the camera. As the crop that
a caption was written for is a match too, there is a second line without it. A second stage and
a re-ranking are measured beside the plain first stage.

The protocol is that of IRRA (https://github.com/anosorae/IRRA), which all figures published on
CUHK-PEDES, ICFG-PEDES and RSTPReid follow; ``CaptionedGallery.under`` names another.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.contracts import Float32Array, PersonEncoder
from models.errors import ConfigurationInvalid
from training.crop_images import open_image
from training.evaluation.bootstrap import REPLICATES, Interval, bootstrap_by_person
from training.evaluation.captioned_gallery import CaptionedGallery, CaptionProtocol, Ids
from training.evaluation.ranking import (
    Reranking,
    SecondStage,
    Stage,
    best_candidates,
    best_candidates_without_sources,
    encode_in_batches,
    require_rerankable,
    rerank,
    rerank_without_sources,
    score_candidates,
)
from training.evaluation.report import (
    Difference,
    Measured,
    RankingFigures,
    RerankedRanking,
    RetrievalGain,
    RetrievalIntervals,
    RetrievalReport,
    SecondStageRanking,
    Shown,
)
from training.metrics import QueryMetrics, Shortlist, best_columns, measure_queries

CROPS_SHOWN = 10

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class EvaluatedSplit:
    """What the gallery is: the name of its data, its split, and whether weights were chosen by it.

    ``selected_on_test`` is None where nobody knows.
    """

    data: str
    split: str
    selected_on_test: bool | None = None


@dataclass(frozen=True)
class RetrievalOptions:
    """What else to measure, and how.

    ``second_stage``: also this one, on the first stage's best crops.
    ``reranking``: also this one, on the similarities of the last stage. ``seed`` and
    ``replicates`` are the bootstrap's.
    """

    protocol: CaptionProtocol = "all"
    reranking: Reranking | None = None
    second_stage: SecondStage | None = None
    seed: int = 0
    replicates: int = REPLICATES


@dataclass(frozen=True)
class BestCrops:
    """What the last way to rank found for each caption.

    ``ids`` and ``scores`` ``(q, k)`` are of its best crops, best first, the source among them.
    """

    shown: Shown
    ids: npt.NDArray[np.intp]
    scores: npt.NDArray[np.float32]
    metrics: QueryMetrics


@dataclass(frozen=True)
class RetrievalEvaluation:
    """The report, the gallery with the captions that were asked, and what they found."""

    report: RetrievalReport
    gallery: CaptionedGallery
    best: BestCrops


@dataclass(frozen=True)
class _Ranking:
    """One way to rank: similarities and shortlists ``(q, g)``, and where the sources are gone."""

    similarity: Float32Array
    without_sources: Float32Array | None
    shortlist: Shortlist | None = None
    shortlist_without_sources: Shortlist | None = None
    comparable_texts: bool = True


@dataclass(frozen=True)
class _Asked:
    """What all ways to rank have in common."""

    gallery: CaptionedGallery
    options: RetrievalOptions


@dataclass(frozen=True)
class _Scoring:
    """The second stage and the parts of all crops ``(g, p, d)``."""

    stage: SecondStage
    parts: Float32Array


DEFAULT_OPTIONS = RetrievalOptions()


def evaluate_retrieval(
    encoder: PersonEncoder,
    gallery: CaptionedGallery,
    split: EvaluatedSplit,
    options: RetrievalOptions = DEFAULT_OPTIONS,
    on_progress: OnProgress | None = None,
) -> RetrievalEvaluation:
    """Rank the crops of a gallery for its captions, and its captions for its crops.

    ``on_progress`` is told how many of all crops are encoded, in each stage.

    Raises:
        ConfigurationInvalid: If the model has no second stage, an option cannot work, or a
            re-ranking is not possible.
    """
    asked = _Asked(gallery.under(options.protocol), options)
    gallery = asked.gallery
    scorer = None if options.second_stage is None else options.second_stage.scorer
    _require_possible(asked)
    rows = _encode(encoder.encode_images, gallery, on_progress)  # (g, d)
    similarity: Float32Array = encoder.encode_texts(gallery.captions) @ rows.T  # (q, g)
    last = _Ranking(similarity, similarity)
    shown: Shown = "first stage"
    first, plain = _figures(asked, last)
    found = plain
    second = reranked = None
    if scorer is not None and options.second_stage is not None:
        parts = _encode(scorer.encode_parts, gallery, on_progress)  # (g, p, d)
        scoring = _Scoring(options.second_stage, parts)
        shown, last = "second stage", _second_stage(gallery, scoring, similarity)
        second, found = _figures(asked, last, plain)
    if options.reranking is not None:
        shown, last = "re-ranked", _reranked(gallery, options.reranking, rows, last)
        reranked, found = _figures(asked, last, plain)
    report = _report(encoder, asked, split, (first, second, reranked))
    ids = best_columns(last.similarity, CROPS_SHOWN, last.shortlist)
    scores = np.take_along_axis(last.similarity, ids, axis=1)
    return RetrievalEvaluation(report, gallery, BestCrops(shown, ids, scores, found))


def _require_possible(asked: _Asked) -> None:
    options, crops = asked.options, len(asked.gallery.crops)
    candidates = None if options.second_stage is None else options.second_stage.candidates
    if candidates is not None and candidates < 1:
        raise ConfigurationInvalid(f"{candidates} candidates: let it score at least one")
    reranking = options.reranking
    if reranking is not None:
        require_rerankable(reranking, len(asked.gallery.captions), crops, candidates)
        if not 1 <= reranking.k < crops:
            raise ConfigurationInvalid(
                f"{reranking.k} neighbours of {crops} crops: use 1 to {crops - 1}"
            )


def _encode(
    encode: Callable[..., Float32Array], gallery: CaptionedGallery, on_progress: OnProgress | None
) -> Float32Array:
    return encode_in_batches(
        encode, lambda crop: open_image(gallery.crops[crop]), len(gallery.crops), on_progress
    )


def _second_stage(
    gallery: CaptionedGallery, scoring: _Scoring, similarity: Float32Array
) -> _Ranking:
    count = scoring.stage.candidates
    shortlist = best_candidates(similarity, count)
    without = best_candidates_without_sources(similarity, gallery.source_crops, count)
    scores = score_candidates(scoring.stage, scoring.parts, gallery.captions, shortlist | without)
    return _Ranking(
        similarity + np.where(shortlist, scores, 0),
        similarity + np.where(without, scores, 0),
        shortlist,
        without,
        comparable_texts=bool(shortlist.all()),
    )


def _reranked(
    gallery: CaptionedGallery, reranking: Reranking, rows: Float32Array, ranking: _Ranking
) -> _Ranking:
    # The stage before has scored every crop: there is no shortlist to keep.
    similarity, sources = ranking.similarity, gallery.source_crops
    return _Ranking(
        rerank(reranking, similarity, rows),
        rerank_without_sources(reranking, similarity, rows, sources),
        comparable_texts=reranking.method == "nafs_shipped",
    )


def _figures(
    asked: _Asked, ranking: _Ranking, plain: QueryMetrics | None = None
) -> tuple[RankingFigures, QueryMetrics]:
    """Return the figures, and what each caption scored; ``plain`` is that of the first stage."""
    gallery = asked.gallery
    described, shown = gallery.caption_person_ids, gallery.person_ids
    found = measure_queries(ranking.similarity, described, shown, shortlist=ranking.shortlist)
    without = others = None
    if ranking.without_sources is not None:
        others = measure_queries(
            ranking.without_sources,
            described,
            shown,
            exclude=gallery.source_crops,
            shortlist=ranking.shortlist_without_sources,
        )
    if others is not None and others.answerable.any():
        without = _measured(asked, others, described)
    back = None
    if ranking.comparable_texts:
        captions = measure_queries(ranking.similarity.T, shown, described)
        back = _measured(asked, captions, shown)
    figures = RankingFigures(
        text_to_image=_measured(asked, found, described),
        text_to_image_without_source=without,
        image_to_text=back,
        gain=None if plain is None else _gain(asked, plain, found),
    )
    return figures, found


def _measured(asked: _Asked, queries: QueryMetrics, person_ids: Ids) -> Measured:
    answered = person_ids[queries.answerable]
    if len(np.unique(answered)) < 2:
        return Measured(metrics=queries.mean(), intervals=None)
    intervals = _intervals(asked, queries.by_metric(), answered)
    return Measured(metrics=queries.mean(), intervals=RetrievalIntervals(**intervals))


def _gain(asked: _Asked, plain: QueryMetrics, found: QueryMetrics) -> RetrievalGain | None:
    answered = asked.gallery.caption_person_ids[found.answerable]
    if len(np.unique(answered)) < 2:
        return None
    before = plain.by_metric()
    gained = {name: values - before[name] for name, values in found.by_metric().items()}
    intervals = _intervals(asked, gained, answered)
    return RetrievalGain(
        **{
            name: Difference(mean=float(values.mean()), **intervals[name].model_dump())
            for name, values in gained.items()
        }
    )


def _intervals(
    asked: _Asked, values: dict[str, npt.NDArray[np.float64]], person_ids: Ids
) -> dict[str, Interval]:
    options = asked.options
    return bootstrap_by_person(values, person_ids, seed=options.seed, replicates=options.replicates)


def _report(
    encoder: PersonEncoder,
    asked: _Asked,
    split: EvaluatedSplit,
    figures: tuple[RankingFigures, RankingFigures | None, RankingFigures | None],
) -> RetrievalReport:
    card, gallery, options = encoder.card, asked.gallery, asked.options
    first, second, reranked = figures
    return RetrievalReport(
        model=card.name,
        architecture=card.architecture,
        method=card.method,
        fingerprint=card.fingerprint(),
        weights_sha256=card.weights_sha256,
        data=split.data,
        split=split.split,
        selected_on_test=split.selected_on_test,
        protocol=options.protocol,
        people=gallery.people,
        crops=len(gallery.crops),
        captions=len(gallery.captions),
        bootstrap_seed=options.seed,
        bootstrap_replicates=options.replicates,
        first_stage=first,
        second_stage=_named_second_stage(asked, second),
        reranked=_named_reranking(options, reranked),
    )


def _named_second_stage(asked: _Asked, figures: RankingFigures | None) -> SecondStageRanking | None:
    second = asked.options.second_stage
    if figures is None or second is None:
        return None
    return SecondStageRanking(
        **figures.model_dump(),
        model=second.encoder.card.name,
        weights_sha256=second.encoder.card.weights_sha256,
        candidates=min(second.candidates, len(asked.gallery.crops)),
        weight=second.weight,
    )


def _named_reranking(
    options: RetrievalOptions, figures: RankingFigures | None
) -> RerankedRanking | None:
    reranking = options.reranking
    if figures is None or reranking is None:
        return None
    stage: Stage = "first" if options.second_stage is None else "second"
    return RerankedRanking(
        **figures.model_dump(),
        method=reranking.method,
        alpha=reranking.alpha,
        k=reranking.k,
        stage=stage,
        note=reranking.note,
    )
