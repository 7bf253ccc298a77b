"""Make a WordPiece vocabulary from captions, and list their words.

Every printable ASCII character is in it, at the beginning and inside of words, so that any
English sentence can be spelt even where no caption had its words.
"""

import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from models.tokenizers.whole_words import whole_words

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNKNOWN = SPECIAL.index("[UNK]")
CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
FEWEST_USES = 3
"""A piece or a word that occurs less often is not learned."""


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
        min_frequency=FEWEST_USES,
        show_progress=False,
        special_tokens=first,
    )
    numbered = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    pieces = [piece for piece, _ in numbered]
    path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return len(pieces)


def write_words(texts: Iterable[str], path: Path, learned: Iterable[str] = ()) -> int:
    """Write the whole words of captions, sorted, one a line, and return their number.

    ``learned`` are words to be among them in any case.
    """
    counts = Counter(word for text in texts for word in whole_words(text))
    frequent = {word for word, count in counts.items() if count >= FEWEST_USES}
    words = sorted(frequent | set(learned))
    path.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return len(words)
