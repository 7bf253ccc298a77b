"""Words that mean nothing, put into descriptions so that a model learns to read past them.

Users write words that no caption had. They reach the text tower as a few short pieces; captions
in which such pieces stand at random places teach it that they change nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LONGEST_START = 2
LONGEST_CONTINUATION = 3
MOST_WORDS = 4
MOST_CONTINUATIONS = 3

_INSIDE = "##"


@dataclass(frozen=True)
class UnknownWords:
    """Numbers of the pieces such words begin with, and go on with."""

    starts: npt.NDArray[np.int32]
    continuations: npt.NDArray[np.int32]

    def draw(self, rng: np.random.Generator) -> list[int]:
        """Return the pieces of a few words that mean nothing, some of them in several pieces."""
        starts = self.starts[rng.integers(len(self.starts), size=rng.integers(1, MOST_WORDS + 1))]
        size = (len(starts), MOST_CONTINUATIONS)
        more = self.continuations[rng.integers(len(self.continuations), size=size)]
        counts = rng.integers(0, MOST_CONTINUATIONS + 1, size=len(starts))
        return [
            int(piece)
            for start, continuations, count in zip(starts, more, counts, strict=True)
            for piece in (start, *continuations[:count])
        ]


def unknown_words(pieces: Sequence[str], known: Collection[str]) -> UnknownWords:
    """Choose pieces of a vocabulary that spell what is not among the known words."""
    starts, continuations = [], []
    for number, piece in enumerate(pieces):
        inside = piece.removeprefix(_INSIDE)
        if not inside.isalpha():
            continue
        if piece.startswith(_INSIDE):
            if len(inside) <= LONGEST_CONTINUATION:
                continuations.append(number)
        elif len(piece) <= LONGEST_START and piece not in known:
            starts.append(number)
    return UnknownWords(np.array(starts, np.int32), np.array(continuations, np.int32))


def insert_unknown_words(
    ids: npt.NDArray[np.int32], words: UnknownWords, share: float, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Put such words into a share of the texts, as far as there is room.

    Args:
        ids: Numbers of word pieces ``(n, t)``, the first one a mark, 0 where a text has ended.
        words: What to draw from.
        share: Of the texts that get some, in 0..1.
        rng: Where the chance comes from.

    Returns:
        Numbers of word pieces in the same shape, none of the texts' own lost; the argument is
        left as it is.
    """
    changed = ids.copy()
    width = ids.shape[1]
    for row in np.flatnonzero(rng.random(len(ids)) < share):
        length = int((ids[row] != 0).sum())
        place = int(rng.integers(1, length))  # behind the first mark, before the last
        pieces = words.draw(rng)[: width - length]
        changed[row, place : place + len(pieces)] = pieces
        changed[row, place + len(pieces) : length + len(pieces)] = ids[row, place:length]
    return changed
