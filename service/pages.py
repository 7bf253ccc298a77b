"""One page of a ranking: the first stage's order, the second stage, time, cursor, explanations.

The whole ranking is the same for every page of a query. The second stage orders the first k
crops; behind them the first stage's order goes on. A later page repeats the second stage exactly
where the first one applied it, whatever the deadline, or the page could repeat or lose a crop.
Sorting by time takes the best 1000 of that ranking and puts the newest first.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from indexer.gallery import Filters, Gallery
from models.contracts import Float32Array
from service.candidates import DEEPEST, Candidates
from service.cursors import (
    Cursor,
    CursorExpired,
    CursorSigner,
    generation_digest,
    query_digest,
    shown_digest,
)
from service.deadlines import Deadline, DeadlineMissed
from service.explanations import POOL, PhraseStrength, phrases_of, standardised
from service.queries import QueryRefused, SearchOptions, is_crop_id
from service.query_encoding import EncodedQuery, QueryEncoder
from service.query_warnings import warnings_of
from service.ranking import RankedHit, Ranking
from service.reranking import Plan, Reranker

TIME_WINDOW = 1000
RERANK_SKIPPED = "rerank_skipped_deadline"
RERANK_INCOMPLETE = "rerank_incomplete"
TIME_CUT_OFF = "time_window"
DEPTH_CUT_OFF = "depth_limit"

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class PageRequest:
    """A request whose parts have become one unit vector ``(d,)``; ``started`` by perf_counter."""

    request: SearchOptions
    filters: Filters
    image_sha256: str
    vector: Float32Array
    started: float


@dataclass(frozen=True)
class _Ordered:
    """A ranking as deep as a page needs, and what became of the second stage."""

    hits: list[RankedHit]
    reranked: bool
    rerank_s: float
    warnings: list[str]


class PageMaker:
    """Makes pages over one gallery; safe to use from many threads."""

    def __init__(
        self, gallery: Gallery, encoder: QueryEncoder, reranker: Reranker, signer: CursorSigner
    ) -> None:
        self._gallery = gallery
        self._encoder = encoder
        self._reranker = reranker
        self._signer = signer
        self._generation = generation_digest(gallery.manifest)

    @property
    def explains_by_parts(self) -> bool:
        """Whether phrases are compared with parts of crops, instead of by their vectors."""
        return self._encoder.part_scorer is not None and self._gallery.manifest.parts is not None

    def make(self, asked: PageRequest, encoded: EncodedQuery) -> Ranking:
        """Return the page.

        Raises:
            QueryRefused: If the index or the model lacks what the query needs.
            CursorExpired: If the ranking that the cursor goes on with is no longer there.
            ConfigurationInvalid: If a filter names no column, or compares it with what it is not.
        """
        began = time.perf_counter()
        request = asked.request
        query = query_digest(request, asked.filters, asked.image_sha256)
        cursor = self._cursor(request.cursor, query)
        plan = self._reranker.plan(request.rerank, has_text=bool(request.text))
        depth = _first_depth(request, plan) if cursor is None else cursor.depth
        candidates = Candidates(
            self._gallery, asked.vector, asked.filters, request.min_score, depth=depth
        )
        start = 0 if cursor is None else cursor.position
        end = start + request.limit
        ordered = self._ordered(asked, candidates, plan, cursor, end + 1)
        if cursor is not None and shown_digest(ids_of(ordered.hits[:start])) != cursor.shown:
            raise CursorExpired(
                "the ranking of this cursor is no longer there: search again from the first page"
            )
        hits = [
            replace(hit, rank=rank)
            for rank, hit in enumerate(ordered.hits[start:end], start=start + 1)
        ]
        if request.explain and hits:
            hits = self._explained(hits, request, encoded, candidates)
        next_cursor = None
        if len(ordered.hits) > end and end < DEEPEST:
            next_cursor = self._write_cursor(query, ordered, depth, end)
        ended = time.perf_counter()
        reading = encoded.texts[request.text].reading if request.text else None
        return Ranking(
            hits,
            reading,
            encode_s=encoded.seconds,
            search_s=ended - began - ordered.rerank_s,
            total_s=ended - asked.started,
            rerank_s=ordered.rerank_s,
            matching=candidates.matching,
            reranked_by=plan.steps if ordered.reranked else (),
            rerank_skipped=bool(plan.steps) and not ordered.reranked,
            warnings=[
                *_warnings_of_texts(request, encoded),
                *ordered.warnings,
                *_warnings_of_depth(request, candidates, is_last=next_cursor is None),
            ],
            next_cursor=next_cursor,
        )

    def _write_cursor(self, query: str, ordered: _Ordered, depth: int, position: int) -> str:
        return self._signer.write(
            Cursor(
                generation=self._generation,
                query=query,
                position=position,
                shown=shown_digest(ids_of(ordered.hits[:position])),
                depth=depth,
                reranked=ordered.reranked,
                expires_at=self._signer.expiry(),
            )
        )

    def _cursor(self, token: str | None, query: str) -> Cursor | None:
        if token is None:
            return None
        cursor = self._signer.read(token)
        if cursor.generation != self._generation:
            raise CursorExpired(
                "the index has another generation since this cursor was made: search again from "
                "the first page"
            )
        if cursor.query != query:
            raise QueryRefused(
                "cursor",
                "the cursor belongs to another query: send it with the request it came from; "
                "limit, explain and purpose alone may differ",
            )
        return cursor

    def _ordered(
        self,
        asked: PageRequest,
        candidates: Candidates,
        plan: Plan,
        cursor: Cursor | None,
        count: int,
    ) -> _Ordered:
        by_time = asked.request.sort == "time"
        head_size = plan.k if plan.steps else 0
        hits = candidates.first(TIME_WINDOW if by_time else max(count, head_size))
        ordered = _Ordered(hits, reranked=False, rerank_s=0.0, warnings=[])
        if plan.steps and (cursor is None or cursor.reranked):
            ordered = self._reranked(asked, hits, plan, is_first_page=cursor is None)
        if by_time:
            newest_first = sorted(ordered.hits, key=_time_of, reverse=True)
            ordered = replace(ordered, hits=newest_first)
        return ordered

    def _reranked(
        self, asked: PageRequest, hits: list[RankedHit], plan: Plan, *, is_first_page: bool
    ) -> _Ordered:
        began = time.perf_counter()
        ends_at = None
        if is_first_page and plan.deadline_s is not None:
            ends_at = asked.started + plan.deadline_s
        deadline = Deadline(self._reranker.costs, ends_at)
        text = asked.request.text
        try:
            head, unknown = self._reranker.rerank(
                hits[: plan.k], asked.vector, text, plan, asked.filters, deadline
            )
        except DeadlineMissed as missed:
            warning = (
                f"{RERANK_SKIPPED}: no time was left for the step {missed} of the second stage; "
                "this is the first stage's order"
            )
            return _Ordered(hits, reranked=False, rerank_s=_since(began), warnings=[warning])
        lowest = asked.request.min_score
        head = [hit for hit in head if lowest is None or _first_score(hit) >= lowest]
        in_head = set(ids_of(head))
        warnings = []
        if unknown:
            warnings.append(
                f"{RERANK_INCOMPLETE}: of {unknown} crops too few stored neighbours meet the "
                "filters; they keep the score they had"
            )
        tail = [hit for hit in hits if hit.crop.id not in in_head]
        return _Ordered([*head, *tail], reranked=True, rerank_s=_since(began), warnings=warnings)

    def _explained(
        self,
        hits: list[RankedHit],
        request: SearchOptions,
        encoded: EncodedQuery,
        candidates: Candidates,
    ) -> list[RankedHit]:
        phrases = phrases_of(request.text, [n for n in request.unlike if not is_crop_id(n)])
        if not phrases:
            return hits
        pool = ids_of(candidates.first(POOL))
        scores = self._phrase_scores([p.text for p in phrases], [*pool, *ids_of(hits)], encoded)
        strengths = standardised(scores[len(pool) :], scores[: len(pool)])  # (hits, phrases)
        return [
            replace(
                hit,
                phrases=tuple(
                    PhraseStrength(phrase, strength)
                    for phrase, strength in zip(phrases, row, strict=True)
                ),
            )
            for hit, row in zip(hits, strengths.tolist(), strict=True)
        ]

    def _phrase_scores(
        self, phrases: list[str], crop_ids: list[str], encoded: EncodedQuery
    ) -> Float32Array:
        """Return how well each crop fits each phrase alone: ``(crops, phrases)``."""
        scorer = self._encoder.part_scorer
        parts = self._gallery.parts(crop_ids) if self.explains_by_parts else None
        if scorer is not None and parts is not None:
            prepared = [self._encoder.prepare(phrase) for phrase in phrases]
            return np.stack([scorer.score(each, parts) for each in prepared], axis=1)
        vectors = np.stack([encoded.texts[phrase].vector for phrase in phrases])
        scores: Float32Array = self._gallery.vectors(crop_ids) @ vectors.T
        return scores


def ids_of(hits: list[RankedHit]) -> list[str]:
    """Return the ids of the crops of hits, in their order."""
    return [hit.crop.id for hit in hits]


def _first_depth(request: SearchOptions, plan: Plan) -> int:
    """Return how deep the gallery looks at first; one more than is shown tells of a next page."""
    if request.sort == "time":
        return TIME_WINDOW
    return max(request.limit + 1, plan.k if plan.steps else 0, POOL if request.explain else 0)


def _since(began: float) -> float:
    return time.perf_counter() - began


def _time_of(hit: RankedHit) -> datetime:
    return hit.crop.captured_at or _BEFORE_ALL


def _first_score(hit: RankedHit) -> float:
    return hit.score if hit.first_stage_score is None else hit.first_stage_score


def _warnings_of_texts(request: SearchOptions, encoded: EncodedQuery) -> list[str]:
    said = [text for text in (request.text, *request.unlike) if text in encoded.texts]
    warnings = [each for text in said for each in warnings_of(encoded.texts[text].reading)]
    return list(dict.fromkeys(warnings))


def _warnings_of_depth(
    request: SearchOptions, candidates: Candidates, *, is_last: bool
) -> list[str]:
    if request.sort == "time" and candidates.may_have_more(TIME_WINDOW):
        return [f"{TIME_CUT_OFF}: only the best {TIME_WINDOW} matches are sorted by time"]
    if is_last and candidates.may_have_more(DEEPEST):
        return [f"{DEPTH_CUT_OFF}: no more than the best {DEEPEST} matches are listed"]
    return []
