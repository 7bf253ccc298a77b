"""What a request to encode ends in: a vector, or one of three errors."""

from dataclasses import dataclass

from models.contracts import Float32Array, TextReading
from service.encoding.events import Kind


@dataclass(frozen=True)
class EncodedText:
    """The unit vector ``(d,)`` of a text, and what the model could read of it.

    ``waited_s`` is the time in line, ``encoded_s`` that of the whole batch of ``batch_size``
    requests. Where the answer was kept from an earlier request, ``cached`` is true, and
    ``encoded_s`` and ``batch_size`` are 0.
    """

    vector: Float32Array
    reading: TextReading
    waited_s: float
    encoded_s: float
    batch_size: int
    cached: bool


@dataclass(frozen=True)
class EncodedImage:
    """The unit vector ``(d,)`` of an image; the times are those of ``EncodedText``."""

    vector: Float32Array
    waited_s: float
    encoded_s: float
    batch_size: int


class EncodingBroken(RuntimeError):
    """The encoder returned something that is no finite vector of the card's width."""


class EncodingOverloaded(Exception):
    """Too many requests wait already; ``retry_after_s`` is when those will have been encoded."""

    def __init__(self, kind: Kind, waiting: int, retry_after_s: int) -> None:
        super().__init__(
            f"{waiting} requests wait for the encoder of each {kind}, as many as may: "
            f"try again in {retry_after_s} s"
        )
        self.retry_after_s = retry_after_s


class EncodingStopped(Exception):
    """Nothing is encoded any more: the service is closing, or its encoder's thread has died."""
