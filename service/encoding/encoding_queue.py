"""The encoder behind a queue: awaited by many requests, used by one thread."""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import structlog
from PIL import Image

from models.contracts import PersonEncoder
from service.encoding.answers import EncodedImage, EncodedText, EncodingStopped
from service.encoding.events import EncodingEvents, Uncounted
from service.encoding.lanes import CallLane, ImageLane, TextAsked, TextLane
from service.encoding.text_cache import TextCache, normalise
from service.encoding.waiting import Job, Lane, WaitingLine

CLOSING = "the service is closing"
# About 15 MB of memory as RGB; an image of 40 megapixels weighs as much as nine small ones.
PIXELS_A_WEIGHT = 5_000_000
WARM_UP_TEXT = "a woman in a red coat and blue jeans who carries a black bag"

Asked = TypeVar("Asked")
Result = TypeVar("Result")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EncodingLimits:
    """How much is encoded at once, how much may wait, how much is kept.

    Images are heavy: one counts once, and once more for each 5 megapixels. An encoder that is
    busy with one batch for ``stuck_s`` seconds is taken for dead.
    """

    batch_texts: int = 32
    batch_images: int = 4
    waiting_texts: int = 256
    waiting_images: int = 64
    waiting_calls: int = 64
    cached_texts: int = 2048
    stuck_s: float = 60.0


class EncodingQueue:
    """Encodes what waits, as soon as the encoder is free, in one batch.

    An encoder promises nothing about concurrent calls: after ``start`` only the queue's thread may
    use it. There is no waiting for a batch to fill.
    """

    def __init__(
        self,
        encoder: PersonEncoder,
        *,
        limits: EncodingLimits | None = None,
        events: EncodingEvents | None = None,
    ) -> None:
        self._encoder = encoder
        self._limits = limits or EncodingLimits()
        self._events = events or Uncounted()
        self.cache = TextCache(self._limits.cached_texts)
        self._line = WaitingLine(self._events)
        some = self._limits
        self._texts = TextLane(encoder, self.cache, some.waiting_texts, some.batch_texts)
        self._images = ImageLane(encoder, some.waiting_images, some.batch_images)
        self._calls = CallLane(some.waiting_calls)
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
        self._in_hand: Sequence[Job[Any]] = ()
        self._busy_since_s: float | None = None
        self._death: str | None = None

    def start(self) -> None:
        """Start the encoder's thread."""
        self._thread.start()

    async def warm_up(self) -> None:
        """Encode texts in batches of 1, 2, 4 and so on, because the first of each are slow.

        An encoder that fails is logged, not raised: readiness is asked next, and says why.

        Raises:
            EncodingStopped: If the queue is closing or its thread has died.
        """
        try:
            await self.run(self._encode_every_size)
        except EncodingStopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an encoder raises
            frames = traceback.format_tb(error.__traceback__)
            log.error("warm_up_failed", error=type(error).__name__, frames=frames)  # noqa: TRY400

    def _encode_every_size(self) -> None:
        size = 1
        while size <= self._limits.batch_texts:
            self._encoder.encode_texts([WARM_UP_TEXT] * size)
            size *= 2

    async def encode(self, text: str, *, probe: bool = False) -> EncodedText:
        """Return the vector and the reading of a text, once it is normalised.

        A ``probe`` asks whether the encoder works: nothing kept answers it, it goes first, and
        is not refused.

        Raises:
            EncodingOverloaded: If too many texts wait.
            EncodingStopped: If the queue is closing or its thread has died.
            EncodingBroken: If the encoder's answer is no vector; what the encoder raises for
                this text is raised here too.
        """
        asked = TextAsked(normalise(text), fresh=probe)
        if not probe:
            kept = self.cache.ask(asked.text)
            self._events.cache_asked(hit=kept is not None)
            if kept is not None:
                return EncodedText(*kept, 0.0, 0.0, 0, cached=True)
        return cast(EncodedText, await self._wait(self._texts, asked, urgent=probe))

    async def encode_image(self, image: Image.Image) -> EncodedImage:
        """Return the vector of an image.

        Raises:
            EncodingOverloaded: If too many images wait.
            EncodingStopped: If the queue is closing or its thread has died.
            EncodingBroken: If the encoder's answer is no vector; what the encoder raises for
                this image is raised here too.
        """
        weight = 1 + image.width * image.height // PIXELS_A_WEIGHT
        return cast(EncodedImage, await self._wait(self._images, image, weight=weight))

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do on the encoder's thread what else needs the encoder, a part scorer's work say.

        Raises:
            EncodingOverloaded: If too much work waits.
            EncodingStopped: If the queue is closing or its thread has died; what the work raises
                is raised here too.
        """
        return cast(Result, await self._wait(self._calls, work))

    async def _wait(
        self, lane: Lane[Asked], asked: Asked, *, weight: int = 1, urgent: bool = False
    ) -> object:
        future = asyncio.get_running_loop().create_future()
        self._line.join(Job(lane, asked, future, time.perf_counter(), weight, urgent))
        return await future

    def fault(self) -> str | None:
        """Say why nothing is encoded any more, or None where all is well."""
        if self._death is not None:
            return self._death
        since = self._busy_since_s
        if since is not None and time.perf_counter() - since > self._limits.stuck_s:
            return f"the encoder has been busy with one batch for {self._limits.stuck_s:g} s"
        if not self._thread.is_alive():
            return "the encoder's thread does not run"
        return None

    def close(self, timeout_s: float = 10.0) -> None:
        """Let nobody in any more, encode what waits, and end the thread.

        What is not encoded after ``timeout_s`` fails with ``EncodingStopped``.
        """
        self._line.close(CLOSING)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("encoder_not_stopped", waited_s=timeout_s)
        self._fail([*self._in_hand, *self._line.abandon(CLOSING)], CLOSING)

    def _work(self) -> None:
        try:
            while (batch := self._line.take()) is not None:
                self._in_hand = batch
                self._busy_since_s = time.perf_counter()
                self._answer(batch)
                self._busy_since_s = None
                self._in_hand = ()
        except BaseException as error:  # noqa: BLE001 - told to all who wait, and by /healthz
            self._death = f"the encoder's thread ended with {type(error).__name__}"
            # Frames only: the message may quote a description.
            frames = traceback.format_tb(error.__traceback__)
            log.critical("encoder_died", error=type(error).__name__, frames=frames)
            self._fail([*self._in_hand, *self._line.abandon(self._death)], self._death)

    def _answer(self, batch: Sequence[Job[Any]]) -> None:
        lane: Lane[Any] = batch[0].lane
        started = time.perf_counter()
        answers = lane.answer(batch)
        seconds = time.perf_counter() - started
        self._line.took(lane.kind, len(batch), seconds)
        self._events.batch_encoded(lane.kind, len(batch), seconds)
        for job, answer in zip(batch, answers, strict=True):
            self._events.waited(lane.kind, started - job.arrived_s)
            if isinstance(answer, Exception):
                self._events.failed(lane.kind)
        _hand_out(batch, answers)

    def _fail(self, jobs: Sequence[Job[Any]], reason: str) -> None:
        _hand_out(jobs, [EncodingStopped(reason) for _ in jobs])


def _hand_out(jobs: Sequence[Job[Any]], answers: Sequence[object]) -> None:
    """Give each job its answer on the loop that awaits it, waking each loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], object]]] = {}
    for job, answer in zip(jobs, answers, strict=True):
        by_loop.setdefault(job.future.get_loop(), []).append((job.future, answer))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            log.warning("answers_unclaimed", number=len(settled))  # their loop has closed


def _settle(settled: Sequence[tuple["asyncio.Future[Any]", object]]) -> None:
    for future, answer in settled:
        if future.done():
            continue
        if isinstance(answer, StopIteration):  # which no future takes
            future.set_exception(RuntimeError("the encoder raised StopIteration"))
        elif isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
