"""Make MIA's vocabulary from captions: the words that are frequent enough, most frequent first.

Source: Niu et al., Improving Description-Based Person Re-Identification by Multi-Granularity
Image-Text Alignments, 2020 (https://arxiv.org/abs/1906.09610); the file and its order are those
of https://github.com/cuiaiyu/Text-to-Image-ReIdentification at 84198d5.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from models.errors import ConfigurationInvalid
from models.tokenizers.sentences import SentenceSplitter, choose_sentence_splitter
from models.tokenizers.word_vocabulary import END, UNKNOWN, words_of

PUBLISHED_THRESHOLD = 20
"""On the training captions of CUHK-PEDES it leaves 1285 words."""


def count_words(
    captions: Iterable[str], split_sentences: SentenceSplitter | None = None
) -> Counter[str]:
    """Count the words of captions in lower case, in the order of their first appearance."""
    split = split_sentences or choose_sentence_splitter().split
    return Counter(
        word
        for caption in captions
        for sentence in split(caption.lower())
        for word in words_of(sentence)
    )


def frequent_words(counts: Counter[str], threshold: int) -> dict[str, int]:
    """Number the words that occur more often than ``threshold``, from 2; 0 and 1 are marks.

    By falling count; of equally frequent ones, the word that came first.
    """
    kept = [word for word, count in counts.most_common() if count > threshold]
    numbered = {word: number for number, word in enumerate(kept, start=END + 1)}
    return {**numbered, "<UNK>": UNKNOWN, "<END>": END}


def write_word_vocabulary(
    captions: Iterable[str], path: Path, *, threshold: int = PUBLISHED_THRESHOLD
) -> None:
    """Write what ``models.tokenizers.word_vocabulary.read_word_vocabulary`` reads.

    The share of all words in the captions that have a number is noted as ``coverage``.

    Raises:
        ConfigurationInvalid: If no word is frequent enough.
    """
    counts = count_words(captions)
    numbers = frequent_words(counts, threshold)
    known = sum(count for word, count in counts.items() if word in numbers)
    if not known:
        raise ConfigurationInvalid(
            f"none of the {len(counts)} words of the training captions occurs more than "
            f"{threshold} times: lower the threshold of the vocabulary, or train on more captions"
        )
    content = {"vocab": numbers, "coverage": known / counts.total()}
    put_in_place(json.dumps(content, ensure_ascii=False, indent=1).encode(), path)


def put_in_place(content: bytes, path: Path) -> None:
    """Write a file so that other processes of the run never read half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)
