"""Encoders that can be held up and that fail on demand, and counters of what happens."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from PIL import Image

from models.contracts import Float32Array, PersonEncoder
from service.encoding import EncodingLimits, EncodingQueue, Kind
from tests.fakes import ColourEncoder

Result = TypeVar("Result")
PATIENCE_S = 10.0


class HeldEncoder(ColourEncoder):
    """Notes every call; none returns before ``go`` is set. Fails on *poison*, breaks on *nan*."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Semaphore(0)
        self.calls: list[list[str]] = []
        self.image_calls: list[int] = []
        self.threads: set[str] = set()

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        self._enter()
        self.calls.append(list(texts))
        if any("poison" in text for text in texts):
            raise ValueError(f"cannot encode {len(texts)} texts")
        rows = super().encode_texts(texts)
        rows[[i for i, text in enumerate(texts) if "nan" in text.split()]] = np.nan
        return rows

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        self._enter()
        self.image_calls.append(len(images))
        return super().encode_images(images)

    def _enter(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.entered.release()
        assert self.go.wait(PATIENCE_S)


class CountedEvents:
    """Sums of what a queue tells."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sizes: list[tuple[Kind, int]] = []
        self.depths: dict[Kind, int] = {}

    def waiting(self, kind: Kind, number: int) -> None:
        self.depths[kind] = number

    def batch_encoded(self, kind: Kind, size: int, seconds: float) -> None:
        assert seconds >= 0
        self.sizes.append((kind, size))

    def waited(self, kind: Kind, seconds: float) -> None:
        assert seconds >= 0
        self.counts[f"waited {kind}"] += 1

    def cache_asked(self, *, hit: bool) -> None:
        self.counts["hit" if hit else "miss"] += 1

    def refused(self, kind: Kind) -> None:
        self.counts[f"refused {kind}"] += 1

    def skipped(self, kind: Kind) -> None:
        self.counts[f"skipped {kind}"] += 1

    def failed(self, kind: Kind) -> None:
        self.counts[f"failed {kind}"] += 1


@contextmanager
def started(
    encoder: PersonEncoder,
    limits: EncodingLimits | None = None,
    events: CountedEvents | None = None,
) -> Iterator[EncodingQueue]:
    """Start a queue, and close it after the block."""
    queue = EncodingQueue(encoder, limits=limits, events=events)
    queue.start()
    try:
        yield queue
    finally:
        queue.close()


def within_patience(work: Callable[[], Coroutine[object, object, Result]]) -> Result:
    """Run a coroutine to its end in a loop of its own; one that hangs fails."""

    async def limited() -> Result:
        async with asyncio.timeout(PATIENCE_S):
            return await work()

    return asyncio.run(limited())


async def encoding(encoder: HeldEncoder) -> None:
    """Wait until the encoder has been entered once more."""
    assert await asyncio.to_thread(encoder.entered.acquire, timeout=PATIENCE_S)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, while the loop goes on."""

    def watch() -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    await asyncio.to_thread(watch)
