"""How well an encoder finds people it was not trained on.

Full captions come from templates that no training caption uses, and a crop matches if it shows
the person the caption was written for. For short queries a crop matches if the query is exactly
true of what it shows; a crop that does not tell counts as no match. A second stage and a
re-ranking are measured on the full captions, beside the plain first stage.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.contracts import Float32Array, PersonEncoder
from models.schema import Schema
from training.captioning import write_full_captions, write_short_queries
from training.compact.corpus import group_by_person
from training.datasets.rendered_people.attributes import agreement
from training.datasets.rendered_people.shards import RenderedCrops
from training.evaluation.named_queries import name_queries
from training.evaluation.ranking import (
    Reranking,
    RerankingMethod,
    SecondStage,
    Stage,
    best_candidates,
    encode_in_batches,
    require_rerankable,
    require_scorer,
    rerank,
    score_candidates,
)
from training.metrics import (
    Relevance,
    mean_average_precision,
    mean_inverse_negative_penalty,
    precision_at,
    rank_relevance,
    recall_at,
)

__all__ = ["Figures", "Reranking", "RerankingMethod", "SecondStage", "encode_crops", "evaluate"]


class FullCaptionFigures(Schema):
    """Held-out captions of people, ranked against all crops; a match is the same person."""

    queries: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mean_average_precision: float
    mean_inverse_negative_penalty: float


class SecondStageFigures(FullCaptionFigures):
    """The same, where the part scorer has ordered the first stage's best ``candidates``.

    ``model`` and ``weights_sha256`` are of whose parts they are, ``weight`` is what multiplies
    their score.
    """

    model: str
    weights_sha256: str
    candidates: int
    weight: float


class RerankedFigures(FullCaptionFigures):
    """The same after a re-ranking of one stage's similarities; ``note`` limits its meaning."""

    method: RerankingMethod
    alpha: float
    k: int
    stage: Stage
    note: str | None = None


class ShortQueryFigures(Schema):
    """Short queries ranked against all crops; ``chance`` is the share of matching crops."""

    queries: int
    precision_at_10: float
    mean_average_precision: float
    chance: float


class NamedQueryFigures(Schema):
    """One query of ``name_queries``."""

    text: str
    group: str
    precision_at_10: float
    chance: float


class Figures(Schema):
    """All that is measured of one model on one set of held-out people."""

    weights_sha256: str
    people: int
    crops: int
    seed: int
    full_captions: FullCaptionFigures
    short_queries: ShortQueryFigures
    named_queries: tuple[NamedQueryFigures, ...]
    unanswerable: tuple[str, ...]
    """Named queries that are true of no crop, and therefore left out."""
    full_captions_second_stage: SecondStageFigures | None = None
    full_captions_reranked: RerankedFigures | None = None


@dataclass(frozen=True)
class _FullCaptions:
    """Texts, their similarities to all crops and what is relevant ``(q, g)``."""

    texts: list[str]
    similarity: Float32Array
    relevance: Relevance


def evaluate(
    encoder: PersonEncoder,
    crops: RenderedCrops,
    seed: int,
    *,
    captions: int = 1,
    reranking: Reranking | None = None,
    second_stage: SecondStage | None = None,
) -> Figures:
    """Rank held-out crops for held-out captions, short queries and named queries.

    Args:
        encoder: The model.
        crops: The crops of held-out people.
        seed: Decides the captions.
        captions: How many full captions a person.
        reranking: Also measure this one, on the similarities of the last stage.
        second_stage: Also measure this one, on the first stage's best crops.

    Raises:
        ConfigurationInvalid: If the model has no second stage, or a re-ranking is not possible.
    """
    people = group_by_person(crops.person_ids)
    if second_stage is not None:
        require_scorer(second_stage.encoder)
    if reranking is not None:
        candidates = None if second_stage is None else second_stage.candidates
        require_rerankable(reranking, len(people) * captions, len(crops.images), candidates)
    rows = encode_crops(encoder, crops)
    full = _full_captions(encoder, rows, crops, (people[:, 0], captions), seed)
    last = full.similarity
    second = reranked = None
    if second_stage is not None:
        second, last = _rank_second_stage(second_stage, crops, full)
    if reranking is not None:
        stage: Stage = "first" if second is None else "second"
        reranked = _rank_again(reranking, stage, rows, last, full.relevance)
    named, unanswerable = _rank_named_queries(encoder, rows, crops)
    return Figures(
        weights_sha256=encoder.card.weights_sha256,
        people=len(people),
        crops=len(crops.images),
        seed=seed,
        full_captions=_measure(rank_relevance(full.similarity, full.relevance)),
        short_queries=_rank_short_queries(encoder, rows, crops, seed),
        named_queries=named,
        unanswerable=unanswerable,
        full_captions_second_stage=second,
        full_captions_reranked=reranked,
    )


def encode_crops(encoder: PersonEncoder, crops: RenderedCrops) -> Float32Array:
    """Return one unit row per rendered crop ``(n, d)``, by the way any image takes."""
    return encode_in_batches(encoder.encode_images, _opened(crops), len(crops.images))


def _opened(crops: RenderedCrops) -> Callable[[int], Image.Image]:
    return lambda crop: Image.fromarray(crops.images[crop])


def _full_captions(
    encoder: PersonEncoder,
    rows: Float32Array,
    crops: RenderedCrops,
    described: tuple[npt.NDArray[np.int64], int],
    seed: int,
) -> _FullCaptions:
    first_crops, count = described
    captions = write_full_captions(crops.values[first_crops], count, seed, held_out=True)
    texts = [text for texts in captions.texts for text in texts]
    people = np.repeat(crops.person_ids[first_crops], count)  # (q,)
    similarity: Float32Array = encoder.encode_texts(texts) @ rows.T  # (q, g)
    return _FullCaptions(texts, similarity, people[:, None] == crops.person_ids[None])


def _measure(ranked: Relevance) -> FullCaptionFigures:
    return FullCaptionFigures(
        queries=len(ranked),
        recall_at_1=recall_at(ranked, 1),
        recall_at_5=recall_at(ranked, 5),
        recall_at_10=recall_at(ranked, 10),
        mean_average_precision=mean_average_precision(ranked),
        mean_inverse_negative_penalty=mean_inverse_negative_penalty(ranked),
    )


def _rank_second_stage(
    stage: SecondStage, crops: RenderedCrops, full: _FullCaptions
) -> tuple[SecondStageFigures, Float32Array]:
    """Return the figures, and the similarities ``(q, g)`` with the candidates' scores added."""
    parts = encode_in_batches(stage.scorer.encode_parts, _opened(crops), len(crops.images))
    shortlist = best_candidates(full.similarity, stage.candidates)
    similarity = full.similarity + score_candidates(stage, parts, full.texts, shortlist)
    measured = _measure(rank_relevance(similarity, full.relevance, shortlist))
    figures = SecondStageFigures(
        **measured.model_dump(),
        model=stage.encoder.card.name,
        weights_sha256=stage.encoder.card.weights_sha256,
        candidates=min(stage.candidates, len(parts)),
        weight=stage.weight,
    )
    return figures, similarity


def _rank_again(
    reranking: Reranking,
    stage: Stage,
    rows: Float32Array,
    similarity: Float32Array,
    relevance: Relevance,
) -> RerankedFigures:
    changed = rerank(reranking, similarity, rows)
    return RerankedFigures(
        **_measure(rank_relevance(changed, relevance)).model_dump(),
        method=reranking.method,
        alpha=reranking.alpha,
        k=reranking.k,
        stage=stage,
        note=reranking.note,
    )


def _rank_short_queries(
    encoder: PersonEncoder, rows: Float32Array, crops: RenderedCrops, seed: int
) -> ShortQueryFigures:
    captions = write_short_queries(crops.values, 1, seed)
    relevance = agreement(captions.claims[:, 0], crops.values) == 1
    answerable = relevance.any(axis=1)
    texts = [texts[0] for texts, kept in zip(captions.texts, answerable, strict=True) if kept]
    ranked = _rank(encoder, texts, rows, relevance[answerable])
    return ShortQueryFigures(
        queries=len(ranked),
        precision_at_10=precision_at(ranked, 10),
        mean_average_precision=mean_average_precision(ranked),
        chance=float(ranked.mean()),
    )


def _rank_named_queries(
    encoder: PersonEncoder, rows: Float32Array, crops: RenderedCrops
) -> tuple[tuple[NamedQueryFigures, ...], tuple[str, ...]]:
    figures = []
    unanswerable = []
    for query in name_queries():
        relevance = agreement(query.claims()[None], crops.values) == 1
        if not relevance.any():
            unanswerable.append(query.text)
            continue
        ranked = _rank(encoder, [query.text], rows, relevance)
        figures.append(
            NamedQueryFigures(
                text=query.text,
                group=query.group,
                precision_at_10=precision_at(ranked, 10),
                chance=float(relevance.mean()),
            )
        )
    return tuple(figures), tuple(unanswerable)


def _rank(
    encoder: PersonEncoder, texts: list[str], rows: Float32Array, relevance: Relevance
) -> Relevance:
    return rank_relevance(encoder.encode_texts(texts) @ rows.T, relevance)
