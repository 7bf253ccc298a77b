"""Descriptions that a model was not made for, over HTTP with real models."""

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.build import build
from indexer.gallery import open_gallery
from indexer.preparation import BuildOptions
from models.loading import load_encoder
from tests.models.tiny_compact_dual import write_tiny_compact_dual
from tests.service.conftest import Service, serving, write_gallery
from tests.service.test_bad_requests import assert_problem

WORDS = ("a", "all", "and", "blue", "coat", "in", "man", "no", "red", "the")
CODES = {"no_known_words", "unknown_words", "only_stop_words", "text_truncated"}

# Of each: the warning of a model that learned WORDS and reads eight word pieces. Letters it
# cannot spell make one piece of a whole word.
ODD = {
    "a red coat": [],
    "a man in an all red all blue coat and no coat": ["text_truncated"],
    "une femme en robe rouge": ["no_known_words"],
    "eine Frau im roten Mantel mit Rucksack": ["no_known_words"],
    "\u4e00\u4e2a\u7a7f\u7ea2\u8863\u670d\u7684\u4eba": ["no_known_words"],
    "\u0627\u0645\u0631\u0623\u0629 \u062a\u0631\u062a\u062f\u064a": ["no_known_words"],
    "xqzt blorf": ["no_known_words"],
    "the xqzt": ["no_known_words"],
    "a man in a frobnicate coat": ["unknown_words"],
    "the of with and": ["only_stop_words"],
    "the": ["only_stop_words"],
    "?!... ;": ["no_known_words"],
    "\U0001f469\u200d\U0001f9b0\U0001f9e5": ["no_known_words"],
    "\U0001f9e5 red coat": ["unknown_words"],
    "[UNK] [SEP] <|endoftext|> red": ["unknown_words", "text_truncated"],
    "\u0301\u0301": ["no_known_words"],
    "a" * 1000: ["no_known_words"],
    "red " * 250: ["text_truncated"],
    "red coat, " * 100: ["text_truncated"],
}


def serve(source: str | Path, root: Path) -> Iterator[Service]:
    """Index drawn crops with a model and serve them."""
    encoder = load_encoder(source, device="cpu")
    write_gallery(root / "crops")
    build(root / "crops", root / "index", encoder, BuildOptions(workers=1))
    with (
        closing(open_gallery(root / "index", encoder.card)) as gallery,
        serving(encoder, gallery) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("knowing")
    yield from serve(write_tiny_compact_dual(root / "model", WORDS), root)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from serve("default", tmp_path_factory.mktemp("shipped"))


def warnings_for(service: Service, text: str) -> list[str]:
    """Return the warnings of an answer that ranks all 24 crops by finite scores."""
    response = service.client.post("/v1/search", json={"text": text, "limit": 200})
    assert response.status_code == 200, response.text
    answer = response.json()
    scores = [result["score"] for result in answer["results"]]
    assert len(scores) == 24
    assert all(math.isfinite(score) and -1.001 <= score <= 1.001 for score in scores)
    assert scores == sorted(scores, reverse=True)
    found: list[str] = answer["warnings"]
    return found


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text[:30]))
def test_odd_description_is_ranked_and_doubts_are_told(knowing: Service, text: str) -> None:
    warnings = warnings_for(knowing, text)
    assert [warning.partition(": ")[0] for warning in warnings] == ODD[text]
    assert max(map(len, warnings), default=0) < 500


def test_unknown_words_are_named(knowing: Service) -> None:
    (warning,) = warnings_for(knowing, "A frobnicate, a QUUX red frobnicate")
    assert warning.startswith("unknown_words: frobnicate, quux (")


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text[:30]))
def test_shipped_model_ranks_odd_descriptions_too(shipped: Service, text: str) -> None:
    assert {warning.partition(": ")[0] for warning in warnings_for(shipped, text)} <= CODES


def test_shipped_model_tells_a_cut_and_words_that_say_nothing_to_it(shipped: Service) -> None:
    (cut,) = warnings_for(shipped, "red " * 250)
    assert cut.startswith("text_truncated: the model reads the first 62 of 250 tokens")
    (empty,) = warnings_for(shipped, "?!")
    assert empty.startswith("no_known_words: the description holds no word")
    (unknown,) = warnings_for(shipped, "xqzt blorf")
    assert unknown.startswith("no_known_words: xqzt, blorf (")
    (some,) = warnings_for(shipped, "a woman in a red coat, frobnicating")
    assert some.startswith("unknown_words: frobnicating (")
    assert warnings_for(shipped, "a man in navy jeans carrying a brown rucksack") == []
    (stop,) = warnings_for(shipped, "the of with")
    assert stop.startswith("only_stop_words: the, of, with (")


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b\u202e", "a" * 1001, "red\x00coat", 7, None])
def test_what_is_no_description_is_a_problem(knowing: Service, text: object) -> None:
    response = knowing.client.post("/v1/search", json={"text": text})
    assert_problem(response, 422, "request-invalid")


def test_warnings_name_words_in_the_answer_and_codes_alone_in_the_log(
    knowing: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "secretive" in warnings_for(knowing, "red secretive coat")[0]
    logged = capsys.readouterr().out
    assert "unknown_words" in logged
    assert "secretive" not in logged
