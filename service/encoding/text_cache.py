"""The latest texts and what the encoder made of them."""

import threading
import unicodedata
from collections import OrderedDict
from typing import NamedTuple

from models.contracts import Float32Array, TextReading


class KeptText(NamedTuple):
    """What one encoder made of one text: a read-only unit vector ``(d,)``, and the reading."""

    vector: Float32Array
    reading: TextReading


def normalise(text: str) -> str:
    """Return the text in Unicode's composed form, each run of white space made one blank.

    Letters keep their case, which some models read.
    """
    return unicodedata.normalize("NFC", " ".join(text.split()))


class TextCache:
    """Keeps the answers to the ``size`` texts asked for last; safe to use from many threads.

    It belongs to one encoder, so that a text alone names an answer. 0 keeps nothing.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, KeptText] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def ask(self, text: str) -> KeptText | None:
        """Return the answer to a normalised text, and count whether there was one."""
        with self._lock:
            found = self._find(text)
            if found is None:
                self.misses += 1
            else:
                self.hits += 1
            return found

    def look_again(self, text: str) -> KeptText | None:
        """Return the answer to a text that was missed and counted before, if it came meanwhile."""
        with self._lock:
            return self._find(text)

    def keep(self, text: str, answer: KeptText) -> None:
        """Keep an answer; the text not asked for the longest makes room."""
        with self._lock:
            self._kept[text] = answer
            self._kept.move_to_end(text)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def _find(self, text: str) -> KeptText | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found
