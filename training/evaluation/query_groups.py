"""Measure groups of queries of which it is known what crops they are true of."""

from collections.abc import Sequence
from math import comb

import numpy as np
import numpy.typing as npt

from models.contracts import PersonEncoder
from training.evaluation.answers import (
    Answers,
    Gallery,
    ask,
    attainable_precisions_at_10,
    precisions_at_10,
)
from training.evaluation.colour_histograms import asked_colour, score_by_histogram
from training.evaluation.handwritten import handwritten_queries
from training.evaluation.rendered_figures import (
    AttributeFigures,
    ColourFigures,
    HandwrittenFigures,
    HandwrittenQueryFigures,
    ItemFigures,
    ItemQueryFigures,
    NamedQueryFigures,
    Ranked,
)
from training.metrics import (
    Relevance,
    mean_average_precision,
    precision_at,
    rank_relevance,
)

HANDWRITTEN_PEOPLE = 500


def named_figures(answers: Answers) -> tuple[NamedQueryFigures, ...]:
    """Return what each query scores, with its group."""
    return tuple(
        NamedQueryFigures(
            **figures.model_dump(), group=query.group, precision_at_10=float(precision)
        )
        for figures, query, precision in zip(
            answers.figures(), answers.queries, precisions_at_10(answers.ranked), strict=True
        )
    )


def measure_attributes(answers: Answers) -> AttributeFigures:
    """Return the figures of queries for one attribute each."""
    figures = named_figures(answers)
    return AttributeFigures(
        queries=len(figures),
        precision_at_10=_mean([query.precision_at_10 for query in figures]),
        mean_average_precision=_mean([query.average_precision for query in figures]),
        chance=_mean([query.chance for query in figures]),
        per_query=figures,
        unanswerable=answers.unanswerable,
    )


def measure_items(answers: Answers) -> ItemFigures:
    """Return the figures of worn and carried items, of all wordings of each."""
    figures = tuple(
        ItemQueryFigures(
            **scored.model_dump(),
            item=query.group,
            precision_at_10=float(attainable),
            plain_precision_at_10=float(plain),
        )
        for scored, query, attainable, plain in zip(
            answers.figures(),
            answers.queries,
            attainable_precisions_at_10(answers.ranked),
            precisions_at_10(answers.ranked),
            strict=True,
        )
    )
    precisions = _by_item(figures, [query.precision_at_10 for query in figures])
    plain = _by_item(figures, [query.plain_precision_at_10 for query in figures])
    average = _by_item(figures, [query.average_precision for query in figures])
    chance = _by_item(figures, [query.chance for query in figures])
    return ItemFigures(
        queries=len(figures),
        precision_at_10=_mean(list(precisions.values())),
        plain_precision_at_10=_mean(list(plain.values())),
        mean_average_precision=_mean(list(average.values())),
        chance=_mean(list(chance.values())),
        by_item=precisions,
        per_query=figures,
        unanswerable=answers.unanswerable,
    )


def measure_handwritten(
    encoder: PersonEncoder, gallery: Gallery, people: npt.NDArray[np.int64]
) -> HandwrittenFigures:
    """Rank the crops of the first 500 people for the handwritten sentences.

    ``people`` are the positions of each person's crops ``(people, sightings)``.
    """
    shown = people[:HANDWRITTEN_PEOPLE]
    # In the gallery's order, which decides between equal similarities.
    crops = np.sort(shown, axis=None)
    answers = ask(encoder, gallery.part(crops), handwritten_queries())
    ranks = answers.ranked.argmax(axis=1) + 1  # (q,)
    figures = tuple(
        HandwrittenQueryFigures(**scored.model_dump(), first_match_rank=int(rank))
        for scored, rank in zip(named_figures(answers), ranks, strict=True)
    )
    return HandwrittenFigures(
        people=len(shown),
        crops=len(crops),
        queries=len(figures),
        recall_at_10=_mean([query.first_match_rank <= 10 for query in figures]),
        chance_recall_at_10=_mean([chance_recall(q.matches, len(crops), 10) for q in figures]),
        precision_at_10=_mean([query.precision_at_10 for query in figures]),
        mean_average_precision=_mean([query.average_precision for query in figures]),
        chance=_mean([query.chance for query in figures]),
        per_query=figures,
        unanswerable=answers.unanswerable,
    )


def measure_colours(answers: Answers, images: npt.NDArray[np.uint8]) -> ColourFigures:
    """Rank crops ``(g, h, w, 3)`` by a colour histogram too, for queries answered by a model.

    Only queries for a colour of a body half count.
    """
    asked = [asked_colour(query) for query in answers.queries]
    chosen = [index for index, colour in enumerate(asked) if colour is not None]
    if not chosen:
        return ColourFigures(queries=0, chance=None, model=None, histogram=None)
    relevance = answers.relevance[chosen]
    scores = score_by_histogram(images, [colour for colour in asked if colour is not None])
    return ColourFigures(
        queries=len(chosen),
        chance=float(relevance.mean()),
        model=_ranked(answers.ranked[chosen]),
        histogram=_ranked(rank_relevance(scores, relevance)),
    )


def chance_recall(matches: int, crops: int, k: int) -> float:
    """Return how likely a match is among the first k of shuffled crops (hypergeometric)."""
    drawn = min(k, crops)
    return 1 - comb(crops - matches, drawn) / comb(crops, drawn)


def _ranked(ranked: Relevance) -> Ranked:
    return Ranked(
        precision_at_10=precision_at(ranked, 10),
        mean_average_precision=mean_average_precision(ranked),
    )


def _by_item(queries: Sequence[ItemQueryFigures], values: Sequence[float]) -> dict[str, float]:
    """Return the mean value of each item's wordings."""
    wordings: dict[str, list[float]] = {}
    for query, value in zip(queries, values, strict=True):
        wordings.setdefault(query.item, []).append(value)
    return {item: float(np.mean(found)) for item, found in wordings.items()}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
