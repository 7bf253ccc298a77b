"""NAFS's word pieces: captions and their first two phrases, cut and padded as its authors do.

Source: https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477, over transformers'
BertTokenizer. A caption that is too long loses its final ``[SEP]``, which transformers' own
truncation would keep. Departs from the authors' code in that a user's text never becomes a
special token unless asked for.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import BertTokenizer

from models.errors import CheckpointUnreadable

CAPTION_TOKENS = 100
"""How many pieces of a caption published networks read, its first and last mark among them."""
PHRASES = 2
"""How many phrases of a caption are read on their own."""

_PHRASE_ENDS = re.compile(r"[;,!?.]")
_FILLER = "[PAD]"  # the second phrase of a caption that has only one
_FIRST, _LAST = "[CLS]", "[SEP]"
_SPECIAL = (_FILLER, "[UNK]", _FIRST, _LAST, "[MASK]")


class PieceRows(NamedTuple):
    """Numbers of word pieces, a caption or a phrase a row, as BERT reads them."""

    ids: torch.Tensor
    """int64 ``(n, t)``; 0 behind the end."""
    mask: torch.Tensor
    """1 where there is a piece, 0 behind the end: int64 ``(n, t)``."""

    @property
    def counts(self) -> torch.Tensor:
        """How many pieces each row has: int64 ``(n,)``."""
        return self.mask.sum(1)

    def trimmed(self) -> "PieceRows":
        """Drop the columns behind the longest row: no piece before them sees them."""
        longest = int(self.counts.max())
        return PieceRows(self.ids[:, :longest], self.mask[:, :longest])


def split_phrases(caption: str) -> tuple[str, str | None]:
    """Return what stands before and after the first of ``;,!?.``, up to the second of them.

    Nothing is stripped and nothing dropped: a phrase may be empty. Without any such mark there
    is no second phrase.
    """
    first, *others = _PHRASE_ENDS.split(caption, maxsplit=PHRASES)
    return first, others[0] if others else None


def read_vocabulary(path: Path) -> dict[str, int]:
    """Read a vocabulary in BERT's format, a piece a line: each piece's number.

    Raises:
        CheckpointUnreadable: If it is no text, or its special pieces are not BERT's.
    """
    try:
        # Not splitlines, which also splits at characters that are pieces of some vocabularies.
        pieces = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointUnreadable(
            f"{path} is not a readable vocabulary: {error}. {_REMEDY}"
        ) from error
    numbers = {piece: number for number, piece in enumerate(pieces)}
    missing = [piece for piece in _SPECIAL if piece not in numbers]
    if missing or numbers[_FILLER] != 0:
        fault = f"it lacks {', '.join(missing)}" if missing else f"{_FILLER} is not its first piece"
        raise CheckpointUnreadable(f"{path} is no vocabulary of BERT: {fault}. {_REMEDY}")
    return numbers


_REMEDY = "Use the vocab.txt of bert-base-uncased, one word piece a line."


class NafsPhrases:
    """Turns captions into rows of numbers, and into rows of their two phrases.

    Rows have ``caption_tokens`` numbers, at least 3: what is longer is cut, what is shorter padded.
    """

    def __init__(self, vocabulary: Path, caption_tokens: int = CAPTION_TOKENS) -> None:
        numbers = read_vocabulary(vocabulary)
        self._length = caption_tokens
        self._size = max(numbers.values()) + 1
        self._first, self._last, self._filler = (numbers[p] for p in (_FIRST, _LAST, _FILLER))
        # One for each way to read special words: a tokenizer keeps that choice as a state, which
        # must not change while another thread encodes. The first call sets the rest of its state.
        self._tokenizers = {
            honour: BertTokenizer(numbers, do_lower_case=True) for honour in (False, True)
        }
        self.captions(["warm up"], honour_special=True)
        self.captions(["warm up"], honour_special=False)

    def __len__(self) -> int:
        return self._size

    def captions(self, texts: Sequence[str], *, honour_special: bool = True) -> PieceRows:
        """Return n captions as ``(n, t)``, with t the ``caption_tokens``.

        With ``honour_special`` words such as ``[SEP]`` become their one number, as in the
        authors' code. Text of a person who searches must come without: they are ordinary
        characters then.
        """
        return self._padded([self._numbers(text, honour_special=honour_special) for text in texts])

    @property
    def limit(self) -> int:
        """How many word pieces of a caption are kept: the last mark is cut before the last."""
        return self._length - 1

    def count(self, text: str) -> int:
        """Return how many word pieces a description has before it is cut."""
        return len(self._pieces(text, honour_special=False))

    def phrases(self, texts: Sequence[str], *, honour_special: bool = True) -> PieceRows:
        """Return the two phrases of n captions as ``(2 * n, t)``, a caption's together."""
        rows = []
        for phrase in (phrase for text in texts for phrase in split_phrases(text)):
            rows.append(
                [self._first, self._filler, self._last]
                if phrase is None
                else self._numbers(phrase, honour_special=honour_special)
            )
        return self._padded(rows)

    def _numbers(self, text: str, *, honour_special: bool) -> list[int]:
        pieces = self._pieces(text, honour_special=honour_special)
        return [self._first, *pieces, self._last][: self._length]

    def _pieces(self, text: str, *, honour_special: bool) -> list[int]:
        pieces: list[int] = self._tokenizers[honour_special](
            text,
            add_special_tokens=False,
            split_special_tokens=not honour_special,
            padding=False,
            truncation=False,
        )["input_ids"]
        return pieces

    def _padded(self, rows: Sequence[list[int]]) -> PieceRows:
        ids = torch.zeros(len(rows), self._length, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for n, row in enumerate(rows):
            ids[n, : len(row)] = torch.tensor(row)
            mask[n, : len(row)] = 1
        return PieceRows(ids, mask)
