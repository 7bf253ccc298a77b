"""The whole words of a text, and the file of those that a model's training captions had.

Source: the basic tokenisation of Devlin et al., BERT, 2019 (https://arxiv.org/abs/1810.04805), as
the tokenizers library implements it: lower case, accents stripped, a Chinese character a word.
What WordPiece goes on to part into pieces is whole here.
"""

import string
import unicodedata
from pathlib import Path

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from models.errors import CheckpointUnreadable

_NORMALIZER = BertNormalizer(lowercase=True)
_SPLITTER = BertPreTokenizer()
_ASCII_MARKS = frozenset(string.punctuation)


def whole_words(text: str) -> tuple[str, ...]:
    """Return the words of a text in their order, punctuation left out."""
    parted = _SPLITTER.pre_tokenize_str(_NORMALIZER.normalize_str(text))
    return tuple(word for word, _ in parted if not _is_punctuation(word))


def read_whole_words(path: Path) -> frozenset[str]:
    """Read a file of known words, one a line.

    Raises:
        CheckpointUnreadable: If it is no UTF-8 text, holds no word, or a line is no whole word.
    """
    try:
        words = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointUnreadable(_message(path, f"it cannot be read: {error}")) from error
    for number, word in enumerate(words, start=1):
        # A word that no description is parted into would be reported as unknown for ever.
        if whole_words(word) != (word,):
            raise CheckpointUnreadable(_message(path, f"line {number}, {word[:40]!r}, is no word"))
    return frozenset(words)


def _message(path: Path, fault: str) -> str:
    return (
        f"{path} is no list of known words: {fault}. "
        "It holds one whole word a line, in lower case and without punctuation: export the model "
        "again."
    )


def _is_punctuation(word: str) -> bool:
    # BERT sets every mark of punctuation apart, ASCII's signs such as $ and + among them.
    return len(word) == 1 and (word in _ASCII_MARKS or unicodedata.category(word)[0] == "P")
