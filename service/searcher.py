"""From a description to ranked crops; knows no HTTP."""

import asyncio
import time
from dataclasses import dataclass

from indexer.gallery import Gallery, Hit
from models.contracts import TextReading
from service.encoding import EncodingQueue


@dataclass(frozen=True)
class Ranking:
    """The hits of one search, best first, what the model could read, and how long it took.

    ``encode_s`` and ``search_s`` are the seconds of the two stages.
    """

    hits: list[Hit]
    reading: TextReading
    encode_s: float
    search_s: float
    total_s: float


class Searcher:
    """A queue before an encoder, and a gallery built with that; for many requests at once."""

    def __init__(self, queue: EncodingQueue, gallery: Gallery) -> None:
        self._queue = queue
        self._gallery = gallery

    async def search(self, text: str, limit: int) -> Ranking:
        """Return the ``limit`` crops that fit ``text`` best; raises what the queue raises."""
        started = time.perf_counter()
        query = await self._queue.encode(text)
        encoded = time.perf_counter()
        answer = await asyncio.to_thread(self._gallery.search, query.vector, limit)
        ended = time.perf_counter()
        return Ranking(
            answer.hits, query.reading, encoded - started, ended - encoded, ended - started
        )
