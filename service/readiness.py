"""Whether searches can be sent here: model loaded, index open, a known answer given again."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from indexer.gallery import Gallery, Hit
from indexer.manifest import Canary
from models.card import ModelCard
from service.encoding import EncodingQueue
from service.schemas import Check, Readiness

# bf16 against fp32 moves a cosine by about 0.009 (row cosine 0.99996), so an index built in one
# precision and served in the other must pass; another model's scores are off by far more.
SCORE_TOLERANCE = 0.02
CACHED_S = 5.0
ANSWER_WITHIN_S = 30.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ReadinessProbe:
    """Runs the checks, at most once in ``cached_s`` seconds however often it is asked."""

    def __init__(
        self,
        queue: EncodingQueue,
        gallery: Gallery,
        card: ModelCard,
        cached_s: float = CACHED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._gallery = gallery
        self._card = card
        self._cached_s = cached_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._last: tuple[float, Readiness] | None = None

    async def check(self) -> Readiness:
        """Return what the checks say now, or said a few seconds ago."""
        async with self._lock:
            if self._last is None or self._clock() - self._last[0] >= self._cached_s:
                self._last = (self._clock(), await self._run())
            return self._last[1]

    async def _run(self) -> Readiness:
        known_answers = await self._check_known_answers()
        checks = (self._check_model(), self._check_index(), known_answers)
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

    async def _check_known_answers(self) -> Check:
        canaries = self._gallery.manifest.canaries
        wrong = await wrong_answers(self._queue, self._gallery)
        detail = wrong[0] if wrong else f"{len(canaries)} known answers were given again"
        return Check(name="known_answer", passed=not wrong, detail=detail)


async def wrong_answers(queue: EncodingQueue, gallery: Gallery) -> list[str]:
    """Ask a gallery what it was asked when it was made; say what is wrong with the answers."""
    canaries = gallery.manifest.canaries
    if not canaries:
        return ["the index holds no known answer: build it again"]
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return [
                f"the known-answer query {canary.text!r} gave another answer than at build time"
                for canary in canaries
                if not agrees(canary, await _ask(queue, gallery, canary))
            ]
    except TimeoutError:
        return [f"a known-answer query had no answer after {ANSWER_WITHIN_S:.0f} s"]
    except Exception as error:  # noqa: BLE001 - whatever breaks a search makes this not ready
        return [f"a known-answer query failed with {type(error).__name__}: {error}"]


async def _ask(queue: EncodingQueue, gallery: Gallery, canary: Canary) -> Sequence[Hit]:
    encoded = await queue.encode(canary.text, probe=True)
    answer = await asyncio.to_thread(gallery.search, encoded.vector, len(canary.ids))
    return answer.hits


def agrees(canary: Canary, hits: Sequence[Hit]) -> bool:
    """Tell whether hits repeat a recorded ranking: same crops in order, scores within 0.02.

    Crops whose recorded scores are closer than the tolerance may change places, and one that
    ties with the last recorded crop may stand in for it.
    """
    if len(hits) != len(canary.ids):
        return False
    recorded = dict(zip(canary.ids, canary.scores, strict=True))
    for hit, score in zip(hits, canary.scores, strict=True):
        own_score = recorded.get(hit.crop.id, canary.scores[-1])
        # Written as <=, so that a score that is not a number disagrees.
        same_score = abs(hit.score - score) <= SCORE_TOLERANCE
        same_place = abs(own_score - score) <= SCORE_TOLERANCE
        if not (same_score and same_place):
            return False
    return True
