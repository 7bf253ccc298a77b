"""The encoder behind its queue, as the threads that rank see it."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import TypeVar

from PIL import Image

from models.card import ModelCard
from models.contracts import Float32Array, PartScorer, PersonEncoder
from service.encoding import EncodingQueue
from service.query_encoding import PREPARED_TEXTS, EncodedText

Result = TypeVar("Result")

# asyncio.to_thread hands it on to its thread.
_LOOP: ContextVar[asyncio.AbstractEventLoop] = ContextVar("loop")


class QueuedEncoder:
    """A ``QueryEncoder`` whose methods wait for the queue, from any thread but the loop's."""

    def __init__(self, encoder: PersonEncoder, queue: EncodingQueue) -> None:
        self._encoder = encoder
        self._queue = queue
        self._lock = threading.Lock()
        self._prepared: OrderedDict[str, object] = OrderedDict()

    def await_here(self) -> None:
        """Let the threads that this task starts wait for the queue on its loop."""
        _LOOP.set(asyncio.get_running_loop())

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._encoder.card

    @property
    def part_scorer(self) -> PartScorer | None:
        """The second stage, None where the model has only one; only ``score`` may be called."""
        return self._encoder.part_scorer

    async def text(self, text: str) -> EncodedText:
        """Return a text's vector and reading; raises what the queue raises."""
        found = await self._queue.encode(text)
        return EncodedText(found.vector, found.reading)

    async def image(self, image: Image.Image) -> Float32Array:
        """Return the unit vector ``(d,)`` of a crop; raises what the queue raises."""
        return (await self._queue.encode_image(image)).vector

    def encode_text(self, text: str) -> EncodedText:
        """Return a text's vector and reading; raises what the queue raises."""
        return self._wait(self.text(text))

    def encode_image(self, image: Image.Image) -> Float32Array:
        """Return the unit vector ``(d,)`` of a crop; raises what the queue raises."""
        return self._wait(self.image(image))

    def prepare(self, text: str) -> object:
        """Return what the second stage needs of a text, the same object for the same text.

        Raises:
            ValueError: If the model has no second stage.
        """
        scorer = self._encoder.part_scorer
        if scorer is None:
            raise ValueError(f"model {self._encoder.card.name!r} has no second stage")
        with self._lock:
            if text in self._prepared:
                self._prepared.move_to_end(text)
                return self._prepared[text]
        prepared: object = self._wait(self._queue.run(lambda: scorer.prepare(text)))
        with self._lock:
            # Kept, so that the next page of a query makes the same ranking without its cost.
            kept = self._prepared.setdefault(text, prepared)
            if len(self._prepared) > PREPARED_TEXTS:
                self._prepared.popitem(last=False)
            return kept

    def _wait(self, asked: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(asked, _LOOP.get()).result()
