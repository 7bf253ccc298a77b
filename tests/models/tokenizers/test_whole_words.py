"""The whole words of a text, beside those of transformers' own BERT."""

from pathlib import Path

import pytest
from transformers import BertTokenizer

from models.errors import CheckpointUnreadable
from models.tokenizers.whole_words import read_whole_words, whole_words

TEXTS = {
    "A woman in a RED coat.": ("a", "woman", "in", "a", "red", "coat"),
    "man's t-shirt, size 42 (new)": ("man", "s", "t", "shirt", "size", "42", "new"),
    "Une \u00e9charpe \u00e9vas\u00e9e, \u00e0 l'\u00e9t\u00e9!": (
        "une", "echarpe", "evasee", "a", "l", "ete",
    ),
    "\u7a7f\u7ea2\u8863\uff0c\u670d\u3002": ("\u7a7f", "\u7ea2", "\u8863", "\u670d"),
    "\u202ered\u200b\u00a0coat \U0001f9e5": ("red", "coat", "\U0001f9e5"),
    "$ + ~ [SEP] \u2014 \u00bf": ("sep",),
    "": (),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_parted_into_words(text: str) -> None:
    assert whole_words(text) == TEXTS[text]


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_those_that_bert_parts_into_pieces(text: str, tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    backend = BertTokenizer(str(vocabulary), do_lower_case=True).backend_tokenizer
    normal = backend.normalizer.normalize_str(text)
    parts = [part for part, _ in backend.pre_tokenizer.pre_tokenize_str(normal)]
    assert [part for part in parts if part in TEXTS[text]] == list(TEXTS[text])
    assert all(len(part) == 1 for part in parts if part not in TEXTS[text])


def test_file_of_words_is_read(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("coat\nred\n\u7a7f\n", encoding="utf-8")
    assert read_whole_words(path) == {"coat", "red", "\u7a7f"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "cannot be read"),
        (b"", "line 1, '', is no word"),
        (b"red\n\ncoat\n", "line 2, '', is no word"),
        (b"red coat\n", "line 1, 'red coat', is no word"),
        (b"red\n" + b"-" * 100, "line 2, '-{40}', is no word"),
    ],
)
def test_file_that_holds_no_words_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(CheckpointUnreadable, match=message):
        read_whole_words(path)
