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
        self._max_tokens = max_tokens
        # The first call stores padding and truncation in the shared tokenizer, which must not
        # happen while another thread encodes; later calls find them as they are.
        self(["warm up"])

    def __len__(self) -> int:
        return len(self._tokenizer)

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
