"""Encoding under load: requests wait in one bounded line, one thread encodes them in batches.

``encoding_queue`` is what the service calls; ``waiting`` is the line, ``lanes`` what is done with
a batch of each kind, ``batches`` how inputs are encoded together without failing together,
``text_cache`` the answers worth keeping, ``answers`` and ``events`` the words all of them share.
"""

from service.encoding.answers import (
    EncodedImage,
    EncodedText,
    EncodingBroken,
    EncodingOverloaded,
    EncodingStopped,
)
from service.encoding.encoding_queue import EncodingLimits, EncodingQueue
from service.encoding.events import EncodingEvents, Kind
from service.encoding.text_cache import normalise

__all__ = [
    "EncodedImage",
    "EncodedText",
    "EncodingBroken",
    "EncodingEvents",
    "EncodingLimits",
    "EncodingOverloaded",
    "EncodingQueue",
    "EncodingStopped",
    "Kind",
    "normalise",
]
