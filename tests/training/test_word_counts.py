import json
from collections import Counter
from pathlib import Path

import pytest

from models.errors import ConfigurationInvalid
from models.tokenizers.sentences import split_after_punctuation
from models.tokenizers.word_vocabulary import read_word_vocabulary
from tests.training.recorded_mia_training import CASES
from training.word_counts import count_words, frequent_words, put_in_place, write_word_vocabulary


def test_the_recorded_vocabulary_comes_out() -> None:
    captions = [caption for record in CASES["data"]["train_anns"] for caption in record["captions"]]
    numbers = frequent_words(count_words(captions, split_after_punctuation), 1)
    assert numbers == CASES["data"]["vocab"]
    assert list(numbers) == list(CASES["data"]["vocab"])


def test_words_are_counted_in_lower_case_across_sentences_with_their_punctuation() -> None:
    counts = count_words(["A red shirt. Red, a Hat"], split_after_punctuation)
    assert list(counts.items()) == [
        ("a", 2), ("red", 2), ("shirt", 1), (".", 1), (",", 1), ("hat", 1)
    ]  # fmt: skip


def test_frequent_words_come_first_and_of_equals_the_one_seen_first() -> None:
    counts = Counter({"hat": 2, "red": 3, "bag": 2, "coat": 1})
    assert frequent_words(counts, 0) == {
        "red": 2, "hat": 3, "bag": 4, "coat": 5, "<UNK>": 0, "<END>": 1
    }  # fmt: skip


def test_a_word_that_occurs_as_often_as_the_threshold_has_no_number() -> None:
    assert set(frequent_words(Counter({"red": 3, "hat": 2}), 2)) == {"red", "<UNK>", "<END>"}


def test_the_file_is_read_as_a_vocabulary_and_states_its_coverage(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    write_word_vocabulary(["red hat red", "red café hat"], path, threshold=1)
    assert json.loads(path.read_text(encoding="utf-8"))["coverage"] == pytest.approx(5 / 6)
    vocabulary = read_word_vocabulary(path)
    assert len(vocabulary) == 4
    assert vocabulary.tokenize(["Hat red café"], 5).tolist() == [[3, 2, 0, 1, 1]]


def test_captions_without_a_frequent_word_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="none of the 2 words"):
        write_word_vocabulary(["red hat"] * 20, tmp_path / "vocabulary.json")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    for content in (b"first", b"second"):
        put_in_place(content, path)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
