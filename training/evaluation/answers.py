"""How an encoder ranks crops for queries of which it is known what crops they are true of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.contracts import Float32Array, PersonEncoder
from training.datasets.rendered_people.attributes import SLOTS, agreement
from training.evaluation.named_queries import NamedQuery
from training.evaluation.rendered_figures import QueryFigures
from training.metrics import PerQuery, Relevance, average_precisions, rank_relevance

_FIRST = 10


@dataclass(frozen=True)
class Gallery:
    """Crops by their unit rows ``(g, d)`` and value numbers ``(g, s)``."""

    rows: Float32Array
    values: npt.NDArray[np.int8]

    def part(self, crops: npt.NDArray[np.int64]) -> "Gallery":
        """Return the gallery of some of the crops."""
        return Gallery(self.rows[crops], self.values[crops])


@dataclass(frozen=True)
class Answers:
    """The queries that are true of a crop, and what is relevant in the order of ranks ``(q, g)``.

    ``relevance`` ``(q, g)`` is the same in the order of the gallery; ``unanswerable`` are the
    texts of all other queries.
    """

    queries: tuple[NamedQuery, ...]
    relevance: Relevance
    ranked: Relevance
    unanswerable: tuple[str, ...]

    @property
    def claims(self) -> npt.NDArray[np.int32]:
        """What each query claims: a bit mask per slot ``(q, s)``."""
        return claims_of(self.queries)

    def figures(self) -> list[QueryFigures]:
        """Return what each query scores."""
        return figures_of([query.text for query in self.queries], self.ranked)


def ask(encoder: PersonEncoder, gallery: Gallery, queries: Sequence[NamedQuery]) -> Answers:
    """Rank the crops for each query; a crop that does not tell is no match."""
    relevance = agreement(claims_of(queries), gallery.values) == 1  # (q, g)
    answerable = relevance.any(axis=1)
    asked = [query for query, kept in zip(queries, answerable, strict=True) if kept]
    left_out = [query.text for query, kept in zip(queries, answerable, strict=True) if not kept]
    relevance = relevance[answerable]
    ranked = relevance
    if asked:
        rows = encoder.encode_texts([query.text for query in asked])  # (q, d)
        ranked = rank_relevance(rows @ gallery.rows.T, relevance)
    return Answers(tuple(asked), relevance, ranked, tuple(left_out))


def claims_of(queries: Sequence[NamedQuery]) -> npt.NDArray[np.int32]:
    """Return what each query claims: a bit mask per slot ``(q, s)``."""
    claims = [query.claims() for query in queries]
    return np.array(claims, np.int32).reshape(-1, len(SLOTS))


def figures_of(texts: Sequence[str], ranked: Relevance) -> list[QueryFigures]:
    """Return what each text scores, of relevance in the order of ranks ``(q, g)``."""
    return [
        QueryFigures(
            text=text,
            matches=int(row.sum()),
            chance=float(row.mean()),
            average_precision=float(precision),
        )
        for text, row, precision in zip(texts, ranked, average_precisions(ranked), strict=True)
    ]


def precisions_at_10(ranked: Relevance) -> PerQuery:
    """Return which share of the first ten crops is relevant, ``(q,)``."""
    precisions: PerQuery = ranked[:, :_FIRST].mean(axis=1)
    return precisions


def attainable_precisions_at_10(ranked: Relevance) -> PerQuery:
    """Return hits among the first ten by how many there could be, min(10, matches), ``(q,)``."""
    precisions: PerQuery = ranked[:, :_FIRST].sum(axis=1) / np.minimum(_FIRST, ranked.sum(axis=1))
    return precisions
