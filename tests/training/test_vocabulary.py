from pathlib import Path

import numpy as np

from models.tokenizers.bert_wordpiece import WordPieces
from training.vocabulary import CHARACTERS, SPECIAL, UNKNOWN, write_vocabulary, write_words

TEXTS = ["a woman in a red coat", "a man in a blue coat"] * 5


def test_vocabulary_holds_special_pieces_first_and_every_character(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    size = write_vocabulary(TEXTS, 400, path)
    pieces = path.read_text(encoding="utf-8").splitlines()
    assert len(pieces) == len(set(pieces)) == size <= 400
    assert tuple(pieces[:5]) == SPECIAL
    assert {*CHARACTERS, *(f"##{c}" for c in CHARACTERS), "woman", "coat"} <= set(pieces)


def test_words_that_no_caption_had_are_spelt(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    write_vocabulary(TEXTS, 400, path)
    ids = WordPieces(path, 64)(["Sphinx of black quartz, judge my vow! 0123456789 (#@$%^&*)"]).ids
    assert UNKNOWN not in ids[0].tolist()


def test_same_captions_give_the_same_vocabulary(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefgh"))
    words = ["".join(rng.choice(letters, 5)) for _ in range(300)]  # many equally frequent pairs
    written = set()
    for trial in range(4):
        path = tmp_path / f"{trial}.txt"
        write_vocabulary([" ".join(words)] * 3, 500, path)
        written.add(path.read_text(encoding="utf-8"))
    assert len(written) == 1


def test_words_of_captions_are_listed_whole_sorted_and_only_if_used_often(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    captions = ["A T-shirt, jeans.", "a t-shirt", "A shirt: JEANS", "jeans, once"]
    assert write_words(captions, path) == 3
    assert path.read_text(encoding="utf-8") == "a\njeans\nshirt\n"
    assert write_words(captions, path, learned=["hat", "a"]) == 4
    assert path.read_text(encoding="utf-8") == "a\nhat\njeans\nshirt\n"
