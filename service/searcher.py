"""From a description to ranked crops; knows no HTTP."""

import threading
import time
from dataclasses import dataclass

import numpy as np

from indexer.gallery import ALL_CROPS, Filters, Gallery, Hit
from models.contracts import Float32Array, PersonEncoder, TextReading


class EncodingBroken(RuntimeError):
    """The encoder returned something that is no unit vector of the index's width."""


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
    """An encoder over a gallery built with it; safe to use from many threads."""

    def __init__(self, encoder: PersonEncoder, gallery: Gallery) -> None:
        self._encoder = encoder
        self._gallery = gallery
        # An encoder promises nothing about concurrent calls, and one call already uses all cores.
        self._encoder_lock = threading.Lock()

    def search(self, text: str, limit: int, filters: Filters = ALL_CROPS) -> Ranking:
        """Return the ``limit`` crops that fit ``text`` best, of those that meet the filters.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
        """
        started = time.perf_counter()
        query, reading = self._encode(text)
        encoded = time.perf_counter()
        hits = self._gallery.search(query, limit, filters).hits
        ended = time.perf_counter()
        return Ranking(hits, reading, encoded - started, ended - encoded, ended - started)

    def _encode(self, text: str) -> tuple[Float32Array, TextReading]:
        with self._encoder_lock:
            rows = self._encoder.encode_texts([text])  # (1, d)
            reading = self._encoder.read_text(text)
        expected = (1, self._encoder.card.embedding_width)
        if rows.shape != expected or not np.isfinite(rows).all():
            raise EncodingBroken(
                f"the encoder returned shape {rows.shape} (expected {expected}) "
                f"or numbers that are not finite"
            )
        query: Float32Array = rows[0]
        return query, reading
