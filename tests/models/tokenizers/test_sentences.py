import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from nltk.tokenize.punkt import PunktTrainer, save_punkt_params

from models.errors import ConfigurationInvalid
from models.tokenizers.sentences import (
    PUNCTUATION,
    PUNKT,
    choose_sentence_splitter,
    split_after_punctuation,
)

TEXT = "he sees dr. brown near the car. he wears a hat."


@pytest.fixture
def punkt_data(nltk_data: Path) -> Path:
    """Punkt's data as NLTK stores it, trained here on a text in which "dr." ends no sentence."""
    folder = nltk_data / "tokenizers" / "punkt_tab" / "english"
    folder.parent.mkdir(parents=True, mode=0o700)
    folder.parent.parent.chmod(0o700)
    trainer = PunktTrainer()
    trainer.INCLUDE_ALL_COLLOCS = True
    trainer.train("We met Dr. Brown. Then Dr. Green came. Later Dr. White left. It was late. " * 20)
    save_punkt_params(trainer.get_params(), dir=str(folder))
    return folder


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("a red hat. a coat! jeans? yes.", ["a red hat.", "a coat!", "jeans?", "yes."]),
        ("a red hat.a coat", ["a red hat.a coat"]),
        ("  one.\n\ttwo  ", ["one.", "two"]),
        ("wait... what?! no.", ["wait...", "what?!", "no."]),
        ("3.5 m tall", ["3.5 m tall"]),
        ("", []),
        (" \n", []),
    ],
)
def test_a_sentence_ends_at_punctuation_before_white_space(text: str, sentences: list[str]) -> None:
    assert split_after_punctuation(text) == sentences


def test_recorded_captions_are_split_as_they_were(mia: dict[str, Any]) -> None:
    for case in mia["noun_phrases"]["captions"]:
        assert len(split_after_punctuation(case["caption"])) == len(case["raw_tags"])


@pytest.mark.usefixtures("nltk_data")
def test_without_punkts_data_sentences_are_split_by_punctuation() -> None:
    name, split = choose_sentence_splitter()
    assert name == PUNCTUATION
    assert split(TEXT) == ["he sees dr.", "brown near the car.", "he wears a hat."]


@pytest.mark.usefixtures("punkt_data")
def test_punkt_splits_where_its_data_is_installed() -> None:
    name, split = choose_sentence_splitter()
    assert name == PUNKT
    assert split(TEXT) == ["he sees dr. brown near the car.", "he wears a hat."]


def test_the_data_is_looked_for_once(nltk_data: Path, punkt_data: Path) -> None:
    first = choose_sentence_splitter()
    punkt_data.rename(nltk_data / "elsewhere")
    assert choose_sentence_splitter() is first


def test_damaged_data_of_punkt_is_named_not_passed_over(punkt_data: Path) -> None:
    (punkt_data / "ortho_context.tab").write_bytes(b"\xff\xfe not a table\n")
    with pytest.raises(ConfigurationInvalid, match=r"punkt_tab.*Install it again"):
        choose_sentence_splitter()


@pytest.mark.usefixtures("nltk_data")
def test_choosing_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(socket, "socket", refuse)
    assert choose_sentence_splitter().name == PUNCTUATION
