"""Texts and pictures of queries into vectors: the one seam between a search and the encoder."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

from models.card import ModelCard
from models.contracts import Float32Array, PartScorer, PersonEncoder, TextReading
from service.encoding import EncodingBroken

PREPARED_TEXTS = 256


@dataclass(frozen=True)
class EncodedText:
    """A text's unit vector ``(d,)``, and what the model could read of it."""

    vector: Float32Array
    reading: TextReading


@dataclass(frozen=True)
class EncodedQuery:
    """The vectors of all parts of a query that had to be encoded; ``seconds`` it took."""

    texts: dict[str, EncodedText] = field(default_factory=dict)
    image: Float32Array | None = None
    seconds: float = 0.0


@runtime_checkable
class QueryEncoder(Protocol):
    """What a search needs of an encoder; safe to use from many threads."""

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        ...

    @property
    def part_scorer(self) -> PartScorer | None:
        """The second stage, None where the model has only one; only ``score`` may be called."""
        ...

    def encode_text(self, text: str) -> EncodedText:
        """Return a text's vector and reading.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
        """
        ...

    def encode_image(self, image: Image.Image) -> Float32Array:
        """Return the unit vector ``(d,)`` of a crop.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
        """
        ...

    def prepare(self, text: str) -> object:
        """Return what the second stage needs of a text, the same object for the same text.

        Raises:
            ValueError: If the model has no second stage.
        """
        ...


class LockedEncoder:
    """An encoder that one thread at a time may use."""

    def __init__(self, encoder: PersonEncoder) -> None:
        self._encoder = encoder
        # An encoder promises nothing about concurrent calls, and one call already uses all cores.
        self._lock = threading.Lock()
        self._prepared: OrderedDict[str, object] = OrderedDict()

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._encoder.card

    @property
    def part_scorer(self) -> PartScorer | None:
        """The second stage, None where the model has only one; only ``score`` may be called."""
        return self._encoder.part_scorer

    def encode_text(self, text: str) -> EncodedText:
        """Return a text's vector and reading.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
        """
        with self._lock:
            rows = self._encoder.encode_texts([text])  # (1, d)
            reading = self._encoder.read_text(text)
        return EncodedText(self._only_row(rows), reading)

    def encode_image(self, image: Image.Image) -> Float32Array:
        """Return the unit vector ``(d,)`` of a crop.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
        """
        with self._lock:
            rows = self._encoder.encode_images([image])  # (1, d)
        return self._only_row(rows)

    def prepare(self, text: str) -> object:
        """Return what the second stage needs of a text, the same object for the same text.

        Raises:
            ValueError: If the model has no second stage.
        """
        with self._lock:
            if text in self._prepared:
                self._prepared.move_to_end(text)
                return self._prepared[text]
            scorer = self._encoder.part_scorer
            if scorer is None:
                raise ValueError(f"model {self._encoder.card.name!r} has no second stage")
            # Kept, so that the next page of a query makes the same ranking without its cost.
            self._prepared[text] = prepared = scorer.prepare(text)
            if len(self._prepared) > PREPARED_TEXTS:
                self._prepared.popitem(last=False)
            return prepared

    def _only_row(self, rows: Float32Array) -> Float32Array:
        expected = (1, self._encoder.card.embedding_width)
        if rows.shape != expected or not np.isfinite(rows).all():
            raise EncodingBroken(
                f"the encoder returned shape {rows.shape} (expected {expected}) "
                f"or numbers that are not finite"
            )
        row: Float32Array = rows[0]
        return row
