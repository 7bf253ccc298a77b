"""What is said of a description whose ranking is doubtful."""

import pytest

from models.contracts import TextReading
from service.query_warnings import STOP_WORDS, code_of, warnings_of


def reading(
    text: str, unknown: str | None = "", tokens: int | None = 3, limit: int | None = 8
) -> TextReading:
    words = tuple(text.split())
    return TextReading(
        words, None if unknown is None else frozenset(unknown.split()), tokens, limit
    )


@pytest.mark.parametrize(
    "known",
    [
        reading("woman in the red coat"),
        reading("woman in the red coat", "in the"),
        reading("xqzt", None),
        reading("red", None, None, None),
        reading("red", tokens=8),
    ],
)
def test_nothing_is_said_of_an_ordinary_description(known: TextReading) -> None:
    assert warnings_of(known) == []


def test_unknown_words_are_named_once_in_their_order() -> None:
    found = warnings_of(reading("red quux in a frobnicate quux", "frobnicate quux in"))
    assert found == [
        "unknown_words: quux, frobnicate (the model never learned them, only the others)"
    ]


def test_description_of_unknown_words_alone_is_told() -> None:
    (warning,) = warnings_of(reading("the xqzt of blorf", "xqzt blorf of"))
    assert warning == (
        "no_known_words: xqzt, blorf (the model never learned them: "
        "the order of the crops may mean nothing)"
    )


@pytest.mark.parametrize("unknown", [None, ""])
def test_description_without_a_word_is_told(unknown: str | None) -> None:
    assert warnings_of(reading("", unknown)) == [
        "no_known_words: the description holds no word, so the order of the crops means nothing"
    ]


@pytest.mark.parametrize("unknown", [None, "", "the"])
def test_stop_words_alone_are_told_whatever_the_model_knows(unknown: str | None) -> None:
    (warning,) = warnings_of(reading("the of with the", unknown))
    assert warning.startswith("only_stop_words: the, of, with (")


def test_cut_description_is_told_beside_its_words() -> None:
    unknown, truncated = warnings_of(reading("red quux", "quux", tokens=9))
    assert code_of(unknown) == "unknown_words"
    assert truncated == (
        "text_truncated: the model reads the first 8 of 9 tokens (words or pieces of them); "
        "what follows has no effect"
    )


def test_many_and_long_words_are_shortened() -> None:
    words = ["x" * 1000, *(f"word{n}" for n in range(11))]
    (warning,) = warnings_of(reading("red " + " ".join(words), " ".join(words)))
    named = ", ".join(["x" * 30 + "\u2026", *(f"word{n}" for n in range(7))])
    assert warning.startswith(f"unknown_words: {named} and 4 more (")


def test_words_of_people_and_clothes_are_no_stop_words() -> None:
    telling = "man woman he she her him person red coat hat bag back wearing left right short"
    assert not STOP_WORDS & set(telling.split())
