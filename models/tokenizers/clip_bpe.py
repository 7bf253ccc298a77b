"""CLIP's byte-pair encoding with IRRA's mask token.

Sources: Radford et al., CLIP, 2021 (https://arxiv.org/abs/2103.00020), as open_clip implements
it; Jiang and Ye, IRRA, 2023 (https://arxiv.org/abs/2303.12501), whose code gives number 49405,
CLIP's last regular word piece ("jekyll"), to ``<|mask|>``. Departs from the authors' code in one
place: the merge that makes that piece is dropped too, so that the word becomes smaller pieces
instead of an error.
"""

import itertools
from collections.abc import Iterator, Sequence

import regex
import torch
from open_clip.tokenizer import SimpleTokenizer

MASK_ID = 49405
START_ID = 49406
END_ID = 49407
VOCABULARY_SIZE = 49408

_SPECIAL = {"<|mask|>": MASK_ID, "<|startoftext|>": START_ID, "<|endoftext|>": END_ID}
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_PLAIN = regex.compile(_WORDS, regex.IGNORECASE)
# Special words come first: the last alternative, a run of punctuation, would swallow "<|".
_WITH_SPECIAL = regex.compile("|".join([*map(regex.escape, _SPECIAL), _WORDS]), regex.IGNORECASE)
_REMEMBERED_WORDS = 100_000


class ClipBpe:
    """Turns descriptions into rows of numbers; over-long ones are cut, short ones padded with 0."""

    def __init__(self, context_length: int = 77) -> None:
        self.context_length = context_length
        self._bpe = SimpleTokenizer()
        last_merge = max(self._bpe.bpe_ranks, key=self._bpe.bpe_ranks.__getitem__)
        del self._bpe.bpe_ranks[last_merge]
        self._bpe.cache = {}
        numbers: dict[str, int] = self._bpe.encoder
        self._numbers = {piece: n for piece, n in numbers.items() if n < MASK_ID}

    def encode(self, text: str, *, honour_special: bool = True) -> list[int]:
        """Return the numbers of a text's pieces, without start, end, cut or padding.

        With ``honour_special`` the words ``<|mask|>``, ``<|startoftext|>`` and ``<|endoftext|>``
        become their one number, as in the authors' code; without, they are ordinary characters.
        """
        return list(self._pieces(text, honour_special=honour_special))

    @property
    def limit(self) -> int:
        """How many pieces of a text are kept, between start and end."""
        return self.context_length - 2

    def tokenize(self, texts: Sequence[str], *, honour_special: bool = True) -> torch.Tensor:
        """Return int64 ``(n, context_length)``: start, pieces, end, zeros.

        Text of a person who searches must come with ``honour_special=False``: an end word typed
        by them would hide the rest of the description from the model.
        """
        rows = torch.zeros(len(texts), self.context_length, dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            pieces = self._pieces(text, honour_special=honour_special)
            kept = list(itertools.islice(pieces, self.limit))
            row[: len(kept) + 2] = torch.tensor([START_ID, *kept, END_ID])
        return rows

    def _pieces(self, text: str, *, honour_special: bool) -> Iterator[int]:
        if len(self._bpe.cache) > _REMEMBERED_WORDS:
            # open_clip remembers every word it ever met; a service would grow without end.
            self._bpe.cache = {}
        pattern = _WITH_SPECIAL if honour_special else _PLAIN
        for match in pattern.finditer(self._bpe.clean_fn(text)):
            word: str = match.group()
            if honour_special and word in _SPECIAL:
                yield _SPECIAL[word]
                continue
            letters = "".join(self._bpe.byte_encoder[byte] for byte in word.encode())
            for piece in self._bpe.bpe(letters).split(" "):
                yield self._numbers[piece]
