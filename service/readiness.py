"""Whether searches can be sent here: model loaded, index open, a known answer given again."""

import threading
import time
from collections.abc import Callable

import structlog

from indexer.gallery import Gallery
from indexer.manifest import Canary
from models.card import ModelCard
from service.schemas import Check, Readiness
from service.searcher import Ranking, Searcher

# bf16 against fp32 moves a cosine by about 0.009 (row cosine 0.99996), so an index built in one
# precision and served in the other must pass; another model's scores are off by far more.
SCORE_TOLERANCE = 0.02
CACHED_S = 5.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ReadinessProbe:
    """Runs the checks, at most once in ``cached_s`` seconds however often it is asked."""

    def __init__(
        self,
        searcher: Searcher,
        gallery: Gallery,
        card: ModelCard,
        cached_s: float = CACHED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._searcher = searcher
        self._gallery = gallery
        self._card = card
        self._cached_s = cached_s
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, Readiness] | None = None

    def check(self) -> Readiness:
        """Return what the checks say now, or said a few seconds ago."""
        with self._lock:
            if self._last is None or self._clock() - self._last[0] >= self._cached_s:
                self._last = (self._clock(), self._run())
            return self._last[1]

    def _run(self) -> Readiness:
        checks = (self._check_model(), self._check_index(), self._check_known_answers())
        readiness = Readiness(ready=all(check.passed for check in checks), checks=checks)
        if not readiness.ready:
            log.error("not_ready", failed=[c.detail for c in checks if not c.passed])
        return readiness

    def _check_model(self) -> Check:
        expected = self._gallery.manifest.model.fingerprint
        fits = self._card.fingerprint() == expected
        detail = f"{self._card.name} is loaded"
        if not fits:
            detail += f", but the index needs the model of fingerprint {expected[:12]}"
        return Check(name="model", passed=fits, detail=detail)

    def _check_index(self) -> Check:
        size, expected = self._gallery.size, self._gallery.manifest.counts.indexed
        detail = f"{size} of {expected} crops are open"
        return Check(name="index", passed=size == expected > 0, detail=detail)

    def _check_known_answers(self) -> Check:
        canaries = self._gallery.manifest.canaries
        try:
            wrong = [reason for canary in canaries if (reason := self._deviation(canary))]
        except Exception as error:  # noqa: BLE001 - whatever breaks a search makes this not ready
            wrong = [f"a known-answer query failed with {type(error).__name__}: {error}"]
        if not canaries:
            wrong = ["the index holds no known answer: build it again"]
        detail = wrong[0] if wrong else f"{len(canaries)} known answers were given again"
        return Check(name="known_answer", passed=not wrong, detail=detail)

    def _deviation(self, canary: Canary) -> str | None:
        """Say how the answer to a known query differs from the recorded one, if it does."""
        ranking = self._searcher.search(canary.text, len(canary.ids))
        if agrees(canary, ranking):
            return None
        return f"the known-answer query {canary.text!r} gave another answer than at build time"


def agrees(canary: Canary, ranking: Ranking) -> bool:
    """Tell whether a ranking repeats a recorded one: same crops in order, scores within 0.02.

    Crops whose recorded scores are closer than the tolerance may change places, and one that
    ties with the last recorded crop may stand in for it.
    """
    if len(ranking.hits) != len(canary.ids):
        return False
    recorded = dict(zip(canary.ids, canary.scores, strict=True))
    for hit, score in zip(ranking.hits, canary.scores, strict=True):
        own_score = recorded.get(hit.crop.id, canary.scores[-1])
        # Written as <=, so that a score that is not a number disagrees.
        same_score = abs(hit.score - score) <= SCORE_TOLERANCE
        same_place = abs(own_score - score) <= SCORE_TOLERANCE
        if not (same_score and same_place):
            return False
    return True
