"""Whole words to numbers, by the vocabulary file that MIA's training writes.

Source: Niu et al., Improving Description-based Person Re-identification by Multi-granularity
Image-text Alignments (MIA), 2020 (https://arxiv.org/abs/1906.09610), whose code splits words with
NLTK's tokenizer and gives every text one fixed length, padded with the number of the end.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from nltk.tokenize.destructive import NLTKWordTokenizer

from models.contracts import TextReading
from models.errors import CheckpointUnreadable, first_few
from models.tokenizers.sentences import SentenceSplitter, choose_sentence_splitter

UNKNOWN = 0
END = 1

_MARKS = {"<UNK>": UNKNOWN, "<END>": END}
_ROWS_AT_MOST = 2**31
_WORDS = NLTKWordTokenizer()


def words_of(sentence: str) -> list[str]:
    """Return the words and punctuation marks of one sentence, as NLTK parts them."""
    words: list[str] = _WORDS.tokenize(sentence)
    return words


class WordVocabulary:
    """Turns texts into rows of word numbers; over-long ones are cut, short ones padded with 1."""

    def __init__(
        self, numbers: Mapping[str, int], split_sentences: SentenceSplitter | None = None
    ) -> None:
        self._numbers = dict(numbers)
        self._split_sentences = split_sentences or choose_sentence_splitter().split

    def __len__(self) -> int:
        """Number of rows an embedding for this vocabulary needs."""
        return max([END, *self._numbers.values()]) + 1

    def tokenize(self, texts: Sequence[str], length: int) -> torch.Tensor:
        """Return int64 ``(n, length)``: 0 for unknown words, 1 after the last word.

        A text of ``length`` words or more has no 1 at its end.
        """
        rows = torch.full((len(texts), length), END)
        for row, text in zip(rows, texts, strict=True):
            kept = self._word_numbers(text)[:length]
            row[: len(kept)] = torch.tensor(kept, dtype=torch.long)
        return rows

    def read(self, text: str, length: int) -> TextReading:
        """Return what becomes of a text in a row of ``length`` numbers.

        Unknown are the words that share number 0; marks of punctuation are tokens, no words.
        """
        tokens = self._words(text)
        words = tuple(token for token in tokens if any(map(str.isalnum, token)))
        unknown = frozenset(word for word in words if self._number(word) == UNKNOWN)
        return TextReading(words, unknown, len(tokens), length)

    def _word_numbers(self, text: str) -> list[int]:
        return [self._number(word) for word in self._words(text)]

    def _words(self, text: str) -> list[str]:
        sentences = self._split_sentences(text.lower())
        return [word for sentence in sentences for word in words_of(sentence)]

    def _number(self, word: str) -> int:
        return self._numbers.get(word, UNKNOWN)


def read_word_vocabulary(path: Path) -> WordVocabulary:
    """Read a file ``{"vocab": {word: number}, "coverage": share}``.

    Raises:
        CheckpointUnreadable: If the file is missing, no such JSON, or its numbers cannot be those
            of a vocabulary.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointUnreadable(_message(path, f"it cannot be read: {error}")) from error
    numbers = content.get("vocab") if isinstance(content, dict) else None
    if not isinstance(numbers, dict):
        raise CheckpointUnreadable(
            _message(path, 'it has no "vocab" that gives each word a number')
        )
    fault = _fault(numbers)
    if fault is not None:
        raise CheckpointUnreadable(_message(path, fault))
    return WordVocabulary(numbers)


def _fault(numbers: Mapping[str, object]) -> str | None:
    no_rows = [word for word, number in numbers.items() if not _is_row(number)]
    if no_rows:
        return f"there is no row number at {first_few(no_rows)}"
    marks = [word for word, number in numbers.items() if _MARKS.get(word, number) != number]
    if marks:
        return f"{first_few(marks)}: <UNK> must be 0 and <END> 1"
    owners: dict[object, str] = {number: mark for mark, number in _MARKS.items()}
    twice = [word for word, number in numbers.items() if owners.setdefault(number, word) != word]
    if twice:
        return f"the numbers of {first_few(twice)} belong to other words too"
    return None


def _is_row(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _ROWS_AT_MOST


def _message(path: Path, fault: str) -> str:
    return (
        f"{path} is no word vocabulary: {fault}. "
        "Name the vocabulary JSON that was written when the model was trained."
    )
