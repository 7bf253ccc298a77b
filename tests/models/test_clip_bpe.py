import time
from typing import Any

import pytest
import torch

from models.tokenizers.clip_bpe import END_ID, MASK_ID, START_ID, VOCABULARY_SIZE, ClipBpe

BPE = ClipBpe()


def test_special_numbers_are_those_of_the_authors(recorded: dict[str, Any]) -> None:
    tokenizer = recorded["tokenizer"]
    assert tokenizer["size"] == VOCABULARY_SIZE
    assert (tokenizer["mask"], tokenizer["sot"], tokenizer["eot"]) == (MASK_ID, START_ID, END_ID)


def test_all_recorded_captions_give_the_recorded_numbers(recorded: dict[str, Any]) -> None:
    cases = recorded["tokenizer"]["cases"]
    assert len(cases) == 13
    for text, numbers, padded in cases:
        assert BPE.encode(text) == numbers
        assert torch.equal(BPE.tokenize([text])[0], padded)


def test_words_beside_the_replaced_one_keep_their_pieces(recorded: dict[str, Any]) -> None:
    assert BPE.encode("jekyl") == recorded["tokenizer"]["encode:jekyl"]
    assert BPE.encode("hyde") == recorded["tokenizer"]["encode:hyde"]


def test_the_word_whose_number_became_the_mask_is_spelt_in_smaller_pieces() -> None:
    numbers = BPE.encode("jekyll")
    assert MASK_ID not in numbers
    assert len(numbers) > 1
    assert "".join(BPE._bpe.decoder[n] for n in numbers) == "jekyll</w>"


@pytest.mark.parametrize("special", ["<|endoftext|>", "<|startoftext|>", "<|MASK|>"])
def test_special_words_in_a_query_are_ordinary_text(special: str) -> None:
    row = BPE.tokenize([f"red {special} coat"], honour_special=False)[0].tolist()
    end = row.index(END_ID)
    inner = row[1:end]
    assert row[0] == START_ID
    assert set(row[end + 1 :]) == {0}
    assert not {MASK_ID, START_ID, END_ID} & set(inner)
    assert inner[0] == BPE.encode("red")[0]
    assert inner[-1] == BPE.encode("coat")[0]


def test_special_words_of_open_clip_mean_nothing_here() -> None:
    apart = [BPE.encode(part) for part in ("<", "end", "_", "of", "_", "text", ">")]
    assert BPE.encode("<end_of_text>") == [number for part in apart for number in part]


@pytest.mark.parametrize("text", ["", "   ", "\x00\x07", "مرأة بمعطف أحمر", "😀" * 200, "\ud800"])
def test_any_text_becomes_a_complete_row(text: str) -> None:
    row = BPE.tokenize([text], honour_special=False)[0]
    assert row.shape == (77,)
    assert int(row[0]) == START_ID
    assert int(row.max()) == END_ID


def test_a_very_long_text_is_cut_without_being_read_to_its_end() -> None:
    started = time.perf_counter()
    row = BPE.tokenize(["red coat " * 20_000])[0]
    assert time.perf_counter() - started < 5
    assert row[1:76].tolist() == (BPE.encode("red coat") * 38)[:75]
    assert int(row[76]) == END_ID


def test_no_texts_give_no_rows() -> None:
    assert BPE.tokenize([]).shape == (0, 77)


def test_remembered_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.tokenizers.clip_bpe._REMEMBERED_WORDS", 5)
    bpe = ClipBpe()
    for word in ("one", "two", "three", "four", "five", "six", "seven", "eight"):
        bpe.tokenize([word])
    assert len(bpe._bpe.cache) <= 6
