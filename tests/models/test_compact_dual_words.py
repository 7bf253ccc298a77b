"""What a compact model says of the words of a description."""

import json
from pathlib import Path

import pytest

from models.card import CARD_FILE
from models.contracts import PersonEncoder, TextReading
from models.encoders.compact_dual import WORDS_FILE
from models.errors import CheckpointUnreadable
from models.loading import SHIPPED, load_encoder, read_model
from models.state_dicts import write_model_directory
from models.stored_model import StoredModel
from tests.models.tiny_compact_dual import write_tiny_compact_dual

WORDS = ("a", "blue", "coat", "robe", "red", "shirt", "t")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_compact_dual(tmp_path_factory.mktemp("words"), WORDS)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> PersonEncoder:
    return load_encoder(folder, device="cpu")


def test_words_that_no_training_caption_had_are_unknown(encoder: PersonEncoder) -> None:
    reading = encoder.read_text("A RED frobnicate, a t-shirt; quux?")
    assert reading.words == ("a", "red", "frobnicate", "a", "t", "shirt", "quux")
    assert reading.unknown_words == frozenset({"frobnicate", "quux"})


def test_accents_and_letter_case_do_not_make_a_word_unknown(encoder: PersonEncoder) -> None:
    reading = encoder.read_text("R\N{LATIN SMALL LETTER O WITH CIRCUMFLEX}be ROUGE")
    assert reading.unknown_words == frozenset({"rouge"})


@pytest.mark.parametrize("text", ["", "?!", "... -- \N{EM DASH}"])
def test_description_without_words_has_no_unknown_ones(encoder: PersonEncoder, text: str) -> None:
    reading = encoder.read_text(text)
    assert (reading.words, reading.unknown_words) == ((), frozenset())


# Eight pieces fit between the first and the last mark; "coats" is "coat" and "##s", a hyphen
# is one piece, and so is any word that cannot be spelt.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("red coats", 3),
        ("red " * 8, 8),
        ("coats " * 4, 8),
        ("red " * 8 + "-", 9),
        ("xqzt blorf", 2),
        ("[SEP] red", 4),
        ("red " * 50_000, 50_000),
    ],
)
def test_pieces_are_counted_before_they_are_cut(
    encoder: PersonEncoder, text: str, tokens: int
) -> None:
    reading = encoder.read_text(text)
    assert (reading.tokens, reading.token_limit) == (tokens, 8)
    assert reading.truncated == (tokens > 8)


def test_counting_does_not_change_how_descriptions_are_cut(encoder: PersonEncoder) -> None:
    before = encoder.encode_texts(["red " * 20, "red"])
    encoder.read_text("red " * 30)
    assert (encoder.encode_texts(["red " * 20, "red"]) == before).all()


def test_model_without_the_file_cannot_tell(tmp_path: Path) -> None:
    encoder = load_encoder(write_tiny_compact_dual(tmp_path), device="cpu")
    assert encoder.read_text("xqzt") == TextReading(("xqzt",), None, 1, 8)


def test_words_travel_with_a_written_model(folder: Path, tmp_path: Path) -> None:
    stored = read_model(folder)
    assert isinstance(stored, StoredModel)
    write_model_directory(tmp_path / "copy", stored)
    copied = load_encoder(tmp_path / "copy", device="cpu")
    assert copied.read_text("red xqzt").unknown_words == frozenset({"xqzt"})


def test_missing_words_are_refused(tmp_path: Path) -> None:
    (write_tiny_compact_dual(tmp_path, WORDS) / WORDS_FILE).unlink()
    with pytest.raises(CheckpointUnreadable, match=r"holds no words\.txt"):
        load_encoder(tmp_path)


def test_other_words_than_the_card_s_are_refused(tmp_path: Path) -> None:
    (write_tiny_compact_dual(tmp_path, WORDS) / WORDS_FILE).write_text("green\n")
    with pytest.raises(CheckpointUnreadable, match=r"words\.txt is damaged"):
        load_encoder(tmp_path)


def test_checksum_that_is_none_is_refused(tmp_path: Path) -> None:
    write_tiny_compact_dual(tmp_path, WORDS)
    card = json.loads((tmp_path / CARD_FILE).read_text())
    card["sizes"]["words_sha256"] = "today"
    (tmp_path / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(CheckpointUnreadable, match="words_sha256"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("words", [("a", "Red"), ("a", "t-shirt"), ("a", "", "red"), ()])
def test_lines_that_are_no_whole_words_are_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    write_tiny_compact_dual(tmp_path, words)
    with pytest.raises(CheckpointUnreadable, match="is no list of known words: line"):
        load_encoder(tmp_path)


def test_shipped_default_counts_what_it_reads() -> None:
    reading = load_encoder(SHIPPED["default"], device="cpu").read_text("red " * 250)
    assert (reading.tokens, reading.truncated) == (250, True)
    assert reading.words == ("red",) * 250
