import json
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import CheckpointUnreadable
from models.tokenizers.sentences import split_after_punctuation
from models.tokenizers.word_vocabulary import WordVocabulary, read_word_vocabulary, words_of

NUMBERS = {"<UNK>": 0, "<END>": 1, "a": 2, "red": 3, "hat": 4, ".": 5}


@pytest.fixture(scope="module")
def recorded_vocabulary(mia: dict[str, Any]) -> WordVocabulary:
    return WordVocabulary(mia["data"]["vocab"], split_after_punctuation)


@pytest.fixture
def vocabulary() -> WordVocabulary:
    return WordVocabulary(NUMBERS, split_after_punctuation)


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_recorded_captions_get_the_recorded_numbers(
    mia: dict[str, Any], recorded_vocabulary: WordVocabulary
) -> None:
    data = mia["data"]
    tokens = recorded_vocabulary.tokenize(data["train_row_captions"], 60)
    assert tokens.dtype == torch.int64
    assert torch.equal(tokens, data["train_tokens"])


def test_recorded_phrases_get_the_recorded_numbers(
    mia: dict[str, Any], recorded_vocabulary: WordVocabulary
) -> None:
    data = mia["data"]
    phrases = {case["caption"]: case["noun_phrases"] for case in mia["noun_phrases"]["captions"]}
    for caption, rows, count in zip(
        data["train_row_captions"], data["train_np_tokens"], data["train_n_np"], strict=True
    ):
        tokens = recorded_vocabulary.tokenize(phrases[caption][:10], 6)
        assert len(tokens) == int(count)
        assert torch.equal(tokens, rows[:count])
        assert torch.equal(rows[count:], torch.ones_like(rows[count:]))


def test_words_of_number_zero_are_unknown_and_marks_are_no_words(
    vocabulary: WordVocabulary,
) -> None:
    reading = vocabulary.read("A red poncho, a RED hat. Wow!", 8)
    assert reading.words == ("a", "red", "poncho", "a", "red", "hat", "wow")
    assert reading.unknown_words == frozenset({"poncho", "wow"})
    assert (reading.tokens, reading.token_limit, reading.truncated) == (10, 8, True)
    assert not vocabulary.read("a red hat", 3).truncated


def test_the_words_are_those_of_the_recording(mia: dict[str, Any]) -> None:
    for case in mia["noun_phrases"]["captions"]:
        sentences = split_after_punctuation(case["caption"].lower())
        recorded = [[word for word, _ in sentence] for sentence in case["raw_tags"]]
        assert [words_of(sentence) for sentence in sentences] == recorded


def test_a_vocabulary_counts_the_rows_of_its_embedding(
    mia: dict[str, Any], recorded_vocabulary: WordVocabulary
) -> None:
    assert len(recorded_vocabulary) == len(mia["data"]["vocab"]) == 33
    assert len(WordVocabulary({"far": 99})) == 100
    assert len(WordVocabulary({})) == 2


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("A red hat.", [2, 3, 4, 5, 1, 1]),
        ("A blue hat", [2, 0, 4, 1, 1, 1]),
        ("a hat. a hat.", [2, 4, 5, 2, 4, 5]),
        ("red red red red red red red hat", [3, 3, 3, 3, 3, 3]),
        ("red red red red red", [3, 3, 3, 3, 3, 1]),
        ("", [1, 1, 1, 1, 1, 1]),
        ("<UNK>", [0, 0, 0, 1, 1, 1]),
        ("<END>", [0, 0, 0, 1, 1, 1]),
    ],
)
def test_a_text_becomes_a_row_of_the_given_length(
    text: str, row: list[int], vocabulary: WordVocabulary
) -> None:
    assert vocabulary.tokenize([text], 6).tolist() == [row]


def test_no_texts_give_no_rows(vocabulary: WordVocabulary) -> None:
    assert vocabulary.tokenize([], 6).shape == (0, 6)


def test_the_full_stop_inside_a_text_is_found_by_the_sentence_splitter() -> None:
    unsplit = WordVocabulary(NUMBERS, lambda text: [text])
    assert unsplit.tokenize(["a hat. a hat."], 6).tolist() == [[2, 0, 2, 4, 5, 1]]


@pytest.mark.parametrize("text", ["\x00\x07", "مرأة", "😀" * 200, "\ud800", "'" * 500, "``''"])
def test_any_text_becomes_a_complete_row(text: str, vocabulary: WordVocabulary) -> None:
    row = vocabulary.tokenize([text], 60)
    assert row.shape == (1, 60)
    assert set(row.flatten().tolist()) <= {0, 1}


@pytest.mark.usefixtures("nltk_data")
def test_a_file_of_the_authors_layout_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "vocab.json", {"vocab": NUMBERS, "coverage": 0.98})
    vocabulary = read_word_vocabulary(path)
    assert len(vocabulary) == 6
    assert vocabulary.tokenize(["a red hat. red"], 6).tolist() == [[2, 3, 4, 5, 3, 1]]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ([], '"vocab"'),
        ({}, '"vocab"'),
        (NUMBERS, '"vocab"'),
        ({"vocab": ["a", "red"]}, '"vocab"'),
        ({"vocab": {"a": "2"}}, "no row number at a"),
        ({"vocab": {"a": 2.0}}, "no row number at a"),
        ({"vocab": {"a": True}}, "no row number at a"),
        ({"vocab": {"a": None}}, "no row number at a"),
        ({"vocab": {"a": 2, "red": -1}}, "no row number at red"),
        ({"vocab": {"a": 2**63}}, "no row number at a"),
        ({"vocab": {"a": 2, "red": 2}}, "red belong to other words"),
        ({"vocab": {"a": 0}}, "a belong to other words"),
        ({"vocab": {"a": 1}}, "a belong to other words"),
        ({"vocab": {"<UNK>": 5}}, "<UNK>: <UNK> must be 0"),
        ({"vocab": {"<END>": 0}}, "<END>: <UNK> must be 0"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, content: object, fault: str) -> None:
    path = write(tmp_path / "vocab.json", content)
    with pytest.raises(CheckpointUnreadable, match=fault) as refused:
        read_word_vocabulary(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"vocab": {"a": 2']
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocab.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointUnreadable, match="cannot be read"):
        read_word_vocabulary(path)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnreadable, match=r"nowhere\.json"):
        read_word_vocabulary(tmp_path / "nowhere.json")
    with pytest.raises(CheckpointUnreadable, match="cannot be read"):
        read_word_vocabulary(tmp_path)
