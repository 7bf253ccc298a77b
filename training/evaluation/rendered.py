"""How well an encoder finds people it was not trained on.

Full captions come from templates that no training caption uses, and a crop matches if it shows
the person the caption was written for. For all other queries a crop matches if the query is
exactly true of what it shows; a crop that does not tell counts as no match. These are short
queries that the grammar writes, named ones for colours and things, attributes and items, and
sentences written by hand. A colour histogram is measured beside the model on colours, a second
stage and a re-ranking beside the plain first stage on the full captions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.contracts import Float32Array, PersonEncoder
from training.captioning import write_full_captions, write_short_queries
from training.compact.corpus import group_by_person
from training.datasets.rendered_people.attributes import agreement
from training.datasets.rendered_people.shards import RenderedCrops
from training.evaluation.answers import Gallery, ask, figures_of
from training.evaluation.attribute_queries import attribute_queries
from training.evaluation.item_queries import item_queries
from training.evaluation.named_queries import name_queries
from training.evaluation.query_extremes import best_and_worst
from training.evaluation.query_groups import (
    measure_attributes,
    measure_colours,
    measure_handwritten,
    measure_items,
    named_figures,
)
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
from training.evaluation.rendered_figures import (
    Figures,
    FullCaptionFigures,
    QueryFigures,
    RerankedFigures,
    SecondStageFigures,
    ShortQueryFigures,
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


@dataclass(frozen=True)
class _FullCaptions:
    """Texts, their similarities to all crops and what is relevant ``(q, g)``."""

    texts: list[str]
    similarity: Float32Array
    relevance: Relevance


@dataclass(frozen=True)
class _ShortQueries:
    """Texts, what they claim ``(q, s)`` and what is relevant in the order of ranks ``(q, g)``."""

    texts: list[str]
    claims: npt.NDArray[np.int32]
    ranked: Relevance

    def figures(self) -> list[QueryFigures]:
        """Return what each query scores."""
        return figures_of(self.texts, self.ranked)

    def mean(self) -> ShortQueryFigures:
        """Return the means over all queries."""
        return ShortQueryFigures(
            queries=len(self.ranked),
            precision_at_10=precision_at(self.ranked, 10),
            mean_average_precision=mean_average_precision(self.ranked),
            chance=float(self.ranked.mean()),
        )


def evaluate(
    encoder: PersonEncoder,
    crops: RenderedCrops,
    seed: int,
    *,
    captions: int = 1,
    reranking: Reranking | None = None,
    second_stage: SecondStage | None = None,
) -> Figures:
    """Rank held-out crops for held-out captions and for queries of every group.

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
    gallery = Gallery(rows, crops.values)
    short = _rank_short_queries(encoder, gallery, seed)
    named, attributes, items = (
        ask(encoder, gallery, queries)
        for queries in (name_queries(), attribute_queries(), item_queries())
    )
    best, worst = best_and_worst(
        [query for part in (named, attributes, items, short) for query in part.figures()],
        np.concatenate([part.claims for part in (named, attributes, items, short)]),
    )
    return Figures(
        weights_sha256=encoder.card.weights_sha256,
        people=len(people),
        crops=len(crops.images),
        seed=seed,
        full_captions=_measure(rank_relevance(full.similarity, full.relevance)),
        short_queries=short.mean(),
        attributes=measure_attributes(attributes),
        items=measure_items(items),
        handwritten=measure_handwritten(encoder, gallery, people),
        colours=measure_colours(named, crops.images),
        best_queries=best,
        worst_queries=worst,
        named_queries=named_figures(named),
        unanswerable=named.unanswerable,
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


def _rank_short_queries(encoder: PersonEncoder, gallery: Gallery, seed: int) -> _ShortQueries:
    captions = write_short_queries(gallery.values, 1, seed)
    claims = captions.claims[:, 0]
    relevance = agreement(claims, gallery.values) == 1
    answerable = relevance.any(axis=1)
    texts = [texts[0] for texts, kept in zip(captions.texts, answerable, strict=True) if kept]
    similarity = encoder.encode_texts(texts) @ gallery.rows.T  # (q, g)
    ranked = rank_relevance(similarity, relevance[answerable])
    return _ShortQueries(texts, claims[answerable], ranked)
