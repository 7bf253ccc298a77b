"""How well an encoder finds people it was not trained on.

Full captions come from templates that no training caption uses, and a crop matches if it shows
the person the caption was written for. For short queries a crop matches if the query is exactly
true of what it shows; a crop that does not tell counts as no match.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.contracts import Float32Array, PersonEncoder
from models.schema import Schema
from training.captioning import write_full_captions, write_short_queries
from training.corpus import group_by_person
from training.datasets.rendered_people.attributes import agreement
from training.datasets.rendered_people.shards import RenderedCrops
from training.metrics import (
    Relevance,
    mean_average_precision,
    precision_at,
    rank_relevance,
    recall_at,
)
from training.named_queries import name_queries

CROPS_AT_ONCE = 256


class FullCaptionFigures(Schema):
    """One held-out caption a person, ranked against all crops; a match is the same person."""

    queries: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mean_average_precision: float


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


def evaluate(encoder: PersonEncoder, crops: RenderedCrops, seed: int) -> Figures:
    """Rank held-out crops for held-out captions, short queries and named queries."""
    rows = encode_crops(encoder, crops)
    people = group_by_person(crops.person_ids)
    named, unanswerable = _rank_named_queries(encoder, rows, crops)
    return Figures(
        weights_sha256=encoder.card.weights_sha256,
        people=len(people),
        crops=len(crops.images),
        seed=seed,
        full_captions=_rank_full_captions(encoder, rows, crops, people[:, 0], seed),
        short_queries=_rank_short_queries(encoder, rows, crops, seed),
        named_queries=named,
        unanswerable=unanswerable,
    )


def encode_crops(encoder: PersonEncoder, crops: RenderedCrops) -> Float32Array:
    """Return one unit row per rendered crop ``(n, d)``, by the way any image takes."""
    parts = []
    for start in range(0, len(crops.images), CROPS_AT_ONCE):
        images = [Image.fromarray(image) for image in crops.images[start : start + CROPS_AT_ONCE]]
        parts.append(encoder.encode_images(images))
    return np.concatenate(parts)


def _rank_full_captions(
    encoder: PersonEncoder,
    rows: Float32Array,
    crops: RenderedCrops,
    described: npt.NDArray[np.int64],
    seed: int,
) -> FullCaptionFigures:
    captions = write_full_captions(crops.values[described], 1, seed, held_out=True)
    relevance = crops.person_ids[described][:, None] == crops.person_ids[None]
    ranked = _rank(encoder, [texts[0] for texts in captions.texts], rows, relevance)
    return FullCaptionFigures(
        queries=len(ranked),
        recall_at_1=recall_at(ranked, 1),
        recall_at_5=recall_at(ranked, 5),
        recall_at_10=recall_at(ranked, 10),
        mean_average_precision=mean_average_precision(ranked),
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
