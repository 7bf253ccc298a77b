"""BERT's WordPiece over a vocabulary file: descriptions to numbers of word pieces.

Source: transformers' BertTokenizer, so a vocabulary in BERT's own format fits.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import BertTokenizer


class Tokens(NamedTuple):
    """Word pieces of a batch of descriptions, as BERT reads them."""

    ids: torch.Tensor
    """Numbers of the pieces, int64 ``(n, t)``; 0 where a description has ended."""
    mask: torch.Tensor
    """1 where there is a piece, 0 where a description has ended: int64 ``(n, t)``."""


class WordPieces:
    """Lower-cased WordPiece over a fixed vocabulary; over-long descriptions are cut."""

    def __init__(self, vocabulary: Path, max_tokens: int) -> None:
        self._tokenizer = BertTokenizer(str(vocabulary), do_lower_case=True)
        # One that never cuts, because a tokenizer keeps that choice as a state.
        self._uncut = BertTokenizer(str(vocabulary), do_lower_case=True)
        self._max_tokens = max_tokens
        # The first call stores padding and truncation in the shared tokenizer, which must not
        # happen while another thread encodes; later calls find them as they are.
        self(["warm up"])
        self.count("warm up")

    def __len__(self) -> int:
        return len(self._tokenizer)

    @property
    def limit(self) -> int:
        """How many word pieces of a description are kept, the first and the last mark apart."""
        return self._max_tokens - 2

    def count(self, text: str) -> int:
        """Return how many word pieces a description has before it is cut."""
        pieces = self._uncut(text, add_special_tokens=False, split_special_tokens=True)
        return len(pieces["input_ids"])

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Return the word pieces of at least one text, padded to the longest."""
        encoded = self._tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self._max_tokens,
            split_special_tokens=True,
            return_tensors="pt",
        )
        return Tokens(encoded["input_ids"], encoded["attention_mask"])
