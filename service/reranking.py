"""The second stage: puts the best k crops of a query into a better order, within a deadline.

Steps, each where it is asked for: the model's own comparison of a text with the parts of crops,
then visual neighbours (RVN). Parts: the order follows ``z(first) + alpha * z(second)``, z being
standard scores over this query's k crops, so that two scales can be added. It is written as
``first + alpha * spread(first) * z(second)``, which orders equally and stays in units of a cosine.
Visual neighbours then add ``beta`` times the shared share of neighbours; crops that they bring up
from behind the k are scored like the others, and come in if they beat the last of the k. With
neighbours alone and no filters the first k are those of re-ranking the whole gallery.
Sources: models/part_alignment.py and models/visual_neighbours.py name them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from indexer.gallery import Filters, Gallery, NeighbourShares
from models.contracts import Float32Array
from service.deadlines import Deadline, StepCosts
from service.queries import QueryRefused, Rerank
from service.query_encoding import QueryEncoder
from service.ranking import RankedHit, Step

NEIGHBOURS = 5  # of a text, K of the paper
_SMALLEST_SPREAD = 1e-9


@dataclass(frozen=True)
class RerankDefaults:
    """What counts where a request leaves it open.

    ``alpha`` was chosen for compact-nafs, ``beta`` is the one of Han et al. 2021 (see
    models/visual_neighbours.py); tune both on people who are not searched for.
    """

    method: Literal["none", "rvn", "nafs", "mia", "auto"] = "none"
    alpha: float = 0.5
    beta: float = 0.05


@dataclass(frozen=True)
class Plan:
    """Which steps to take on how many crops; a weight is None where its step is not taken."""

    k: int
    alpha: float | None = None
    beta: float | None = None
    deadline_s: float | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The names of the steps, in their order."""
        named: tuple[tuple[Step, float | None], ...] = (
            ("parts", self.alpha),
            ("visual_neighbours", self.beta),
        )
        return tuple(name for name, weight in named if weight is not None)


class Reranker:
    """The second stage over one gallery; safe to use from many threads."""

    def __init__(
        self, encoder: QueryEncoder, gallery: Gallery, defaults: RerankDefaults | None = None
    ) -> None:
        self._encoder = encoder
        self._gallery = gallery
        self._defaults = defaults or RerankDefaults()
        self.costs = StepCosts()

    def plan(self, asked: Rerank | None, *, has_text: bool) -> Plan:
        """Return what to do for a request.

        Raises:
            QueryRefused: If the index or the model lacks what the method needs.
        """
        method = self._defaults.method if asked is None else asked.method
        rerank = asked or Rerank(method=method)
        if method == "none":
            return Plan(rerank.k)
        lack = self._lack_of_parts(method, has_text=has_text)
        takes_parts = method in ("nafs", "mia") or (method == "auto" and lack is None)
        if takes_parts and lack is not None:
            raise QueryRefused("rerank.method", lack)
        neighbours = self._gallery.manifest.neighbours
        wants_neighbours = method == "rvn" or (method != "auto" and bool(rerank.beta))
        if wants_neighbours and neighbours < NEIGHBOURS - 1:
            raise QueryRefused(
                "rerank.method",
                f"visual neighbours need at least {NEIGHBOURS - 1} stored ones of each crop, this "
                f"index has {neighbours}: build it again with --neighbours 20",
            )
        takes_neighbours = wants_neighbours or (method == "auto" and neighbours >= NEIGHBOURS - 1)
        return Plan(
            rerank.k,
            _first_given(rerank.alpha, self._defaults.alpha) if takes_parts else None,
            _first_given(rerank.beta, self._defaults.beta) if takes_neighbours else None,
            None if rerank.deadline_ms is None else rerank.deadline_ms / 1000,
        )

    def rerank(
        self,
        head: Sequence[RankedHit],
        query: Float32Array,
        text: str,
        plan: Plan,
        filters: Filters,
        deadline: Deadline,
    ) -> tuple[list[RankedHit], int]:
        """Return the first stage's best, and who comes in, re-ranked, and how many are unknown.

        Unknown are crops whose visual neighbours under the filters are not known; their scores
        stay as they are.

        Raises:
            DeadlineMissed: If there is no time for a step.
        """
        hits, unknown = list(head), 0
        fused: _PartFusion | None = None
        if plan.alpha is not None and hits:
            prepared = deadline.run("prepare", 1, lambda: self._encoder.prepare(text))
            scores = deadline.run("score", len(hits), lambda: self._part_scores(prepared, hits))
            fused = _PartFusion(prepared, plan.alpha, hits, scores)
            hits = _ordered(fused.apply(hits, scores))
        if plan.beta is not None and hits:
            ids = [hit.crop.id for hit in hits]
            shared = deadline.run(
                "neighbours",
                1,
                lambda: self._gallery.sharing_neighbours(ids[:NEIGHBOURS], ids, filters),
            )
            if shared is not None:
                unknown = shared.unknown
                hits = self._raised(hits, shared, query, plan.beta, fused)
        return hits, unknown

    def _raised(
        self,
        hits: list[RankedHit],
        shared: NeighbourShares,
        query: Float32Array,
        beta: float,
        fused: "_PartFusion | None",
    ) -> list[RankedHit]:
        shares = {crop.id: share for crop, share in zip(shared.crops, shared.shares, strict=True)}
        known = {hit.crop.id for hit in hits}
        further = [crop for crop in shared.crops if crop.id not in known]
        newcomers: list[RankedHit] = []
        if further:
            # In float64, as the gallery scores: equal vectors keep equal scores.
            rows = self._gallery.vectors([crop.id for crop in further]).astype(np.float64)
            cosines = (rows @ query.astype(np.float64)).astype(np.float32).tolist()
            newcomers = [
                RankedHit(0, cosine, crop, first_stage_score=cosine)
                for cosine, crop in zip(cosines, further, strict=True)
            ]
            if fused is not None:
                newcomers = fused.apply(newcomers, self._part_scores(fused.prepared, newcomers))
        raised = [_raise(hit, beta, shares.get(hit.crop.id, 0.0)) for hit in hits]
        last = min(hit.score for hit in raised)
        coming = [_raise(hit, beta, shares[hit.crop.id]) for hit in newcomers]
        return _ordered([*raised, *(hit for hit in coming if hit.score > last)])

    def _part_scores(self, prepared: object, hits: Sequence[RankedHit]) -> Float32Array:
        parts = self._gallery.parts([hit.crop.id for hit in hits])
        scorer = self._encoder.part_scorer
        if parts is None or scorer is None:
            raise QueryRefused("rerank.method", "this index stores no parts of crops")
        return scorer.score(prepared, parts)

    def _lack_of_parts(self, method: str, *, has_text: bool) -> str | None:
        """Say why parts cannot be compared, if so."""
        card = self._encoder.card
        if self._encoder.part_scorer is None:
            return (
                f"model {card.name!r} has no second stage: use rvn, or an index of a model that has"
            )
        if method in ("nafs", "mia") and card.architecture != method:
            return f"model {card.name!r} has the second stage {card.architecture!r}, not {method!r}"
        if self._gallery.manifest.parts is None:
            return "this index stores no parts of crops: build it again with --parts int8"
        return None if has_text else "parts are compared with a text: give text, or use rvn"


class _PartFusion:
    """The scales of both stages over one query's crops, by which further crops are scored too."""

    def __init__(
        self, prepared: object, alpha: float, head: Sequence[RankedHit], scores: Float32Array
    ) -> None:
        self.prepared = prepared
        self._mean = float(scores.mean(dtype=np.float64))
        spread = float(scores.std(dtype=np.float64))
        first = float(np.std([hit.score for hit in head]))
        # Where all parts fit equally they tell nothing.
        self._gain = alpha * first / spread if spread > _SMALLEST_SPREAD else 0.0

    def apply(self, hits: Sequence[RankedHit], scores: Float32Array) -> list[RankedHit]:
        """Return the hits with both scores in one."""
        return [
            replace(
                hit,
                score=hit.score + self._gain * (score - self._mean),
                second_stage_score=score,
            )
            for hit, score in zip(hits, scores.tolist(), strict=True)
        ]


def _raise(hit: RankedHit, beta: float, share: float) -> RankedHit:
    return replace(hit, score=hit.score + beta * share, neighbour_overlap=share)


def _ordered(hits: Sequence[RankedHit]) -> list[RankedHit]:
    # The first stage's order, then the id, settles ties: it is the same on every page.
    def place(hit: RankedHit) -> tuple[float, float, str]:
        rank = hit.first_stage_rank
        return (-hit.score, float("inf") if rank is None else rank, hit.crop.id)

    return sorted(hits, key=place)


def _first_given(*values: float | None) -> float:
    return next(value for value in values if value is not None)
