"""Make a WordPiece vocabulary from captions.

Every printable ASCII character is in it, at the beginning and inside of words, so that any
English sentence can be spelt even where no caption had its words.
"""

import string
from collections.abc import Iterable
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNKNOWN = SPECIAL.index("[UNK]")
CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation


def write_vocabulary(texts: Iterable[str], limit: int, path: Path) -> int:
    """Write a vocabulary of at most ``limit`` word pieces, one a line, and return its size."""
    spelling = [*CHARACTERS, *(f"##{character}" for character in CHARACTERS)]
    # Named beforehand, because otherwise single characters are numbered in a random order, which
    # decides between equally frequent pairs: every run would have another vocabulary.
    first = [*SPECIAL, *spelling]
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(
        texts,
        vocab_size=limit,
        min_frequency=3,
        show_progress=False,
        special_tokens=first,
    )
    numbered = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    pieces = [piece for piece, _ in numbered]
    path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return len(pieces)
