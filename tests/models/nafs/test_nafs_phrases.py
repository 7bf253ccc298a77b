from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import CheckpointUnreadable
from models.tokenizers.nafs_phrases import NafsPhrases, read_vocabulary, split_phrases
from tests.models.nafs.recorded_nafs import case, recording, write_beside


@pytest.fixture(scope="module")
def phrases(tmp_path_factory: pytest.TempPathFactory) -> NafsPhrases:
    return NafsPhrases(write_beside(tmp_path_factory.mktemp("vocabulary")) / "vocab.txt")


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    return case("text_preprocess")


def number(piece: str) -> int:
    return int(recording()["vocab"].index(piece))


def test_captions_become_the_recorded_numbers(
    phrases: NafsPhrases, recorded: dict[str, Any]
) -> None:
    for honour_special in (True, False):
        found = phrases.captions(recorded["captions"], honour_special=honour_special)
        assert torch.equal(found.ids, recorded["tokens"])
        assert torch.equal(found.mask, recorded["mask"])
        assert torch.equal(found.counts + 3, recorded["length"])
    assert not recorded["segments"].any()  # the only segment that BERT is given


def test_phrases_become_the_recorded_numbers(
    phrases: NafsPhrases, recorded: dict[str, Any]
) -> None:
    for honour_special in (True, False):
        found = phrases.phrases(recorded["captions"], honour_special=honour_special)
        assert torch.equal(found.ids, recorded["sep_tokens"])
        assert torch.equal(found.mask, recorded["sep_mask"])
        assert torch.equal(found.counts + 3, recorded["sep_length"])


def test_captions_are_split_as_recorded(recorded: dict[str, Any]) -> None:
    pairs = [split_phrases(caption) for caption in recorded["captions"]]
    filled = ["[PAD]" if part is None else part for pair in pairs for part in pair]
    assert filled == recorded["sep_captions"]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A man in red.", ("A man in red", "")),
        ("a;b,c", ("a", "b")),
        ("a?b!c.d", ("a", "b")),
        (",", ("", "")),
        ("", ("", None)),
        ("a t-shirt: red", ("a t-shirt: red", None)),
        (" a , b ", (" a ", " b ")),
    ],
)
def test_five_marks_end_a_phrase_and_nothing_is_stripped(
    caption: str, expected: tuple[str, str | None]
) -> None:
    assert split_phrases(caption) == expected


def test_a_long_caption_loses_its_last_mark(phrases: NafsPhrases) -> None:
    red, last = number("red"), number("[SEP]")
    whole, cut = phrases.captions(["red " * 98, "red " * 99]).ids
    assert whole[-1] == last
    assert whole[-2] == cut[-1] == red
    assert torch.equal(phrases.captions(["red " * 5000]).ids[0], cut)


def test_special_words_of_a_user_are_ordinary_text(phrases: NafsPhrases) -> None:
    text = "red [SEP] blue [PAD] [CLS] [MASK] [UNK]"
    special = {number(piece) for piece in ("[SEP]", "[PAD]", "[CLS]", "[MASK]")}
    honoured = phrases.captions([text]).ids[0, 1:8]
    assert honoured.tolist() == [
        number(piece) for piece in ("red", "[SEP]", "blue", "[PAD]", "[CLS]", "[MASK]", "[UNK]")
    ]
    plain = phrases.captions([text], honour_special=False)
    count = int(plain.counts[0])
    assert special.isdisjoint(plain.ids[0, 1 : count - 1].tolist())
    assert torch.equal(phrases.captions([text]).ids[0, 1:8], honoured)  # the choice left no trace


def test_a_typed_filler_is_no_filler(phrases: NafsPhrases) -> None:
    filled = phrases.phrases(["red"], honour_special=False).ids[1, :4].tolist()
    assert filled == [number("[CLS]"), number("[PAD]"), number("[SEP]"), 0]
    typed = phrases.phrases(["red,[PAD]"], honour_special=False).ids[1]
    assert typed[1] == number("[UNK]")  # an opening bracket, which the vocabulary lacks


def test_trimming_drops_only_what_no_row_has(phrases: NafsPhrases) -> None:
    rows = phrases.captions(["red", "a red shirt"]).trimmed()
    assert rows.ids.tolist() == [
        [number(piece) for piece in ("[CLS]", "red", "[SEP]", "[PAD]", "[PAD]")],
        [number(piece) for piece in ("[CLS]", "a", "red", "shirt", "[SEP]")],
    ]
    assert rows.counts.tolist() == [3, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "not a readable vocabulary"),
        (b"", r"lacks \[PAD\], \[UNK\], \[CLS\], \[SEP\], \[MASK\]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n", r"lacks \[MASK\]"),
        (b"a\n[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", r"\[PAD\] is not its first piece"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(CheckpointUnreadable, match=message) as caught:
        read_vocabulary(path)
    assert str(path) in str(caught.value)
    assert "bert-base-uncased" in str(caught.value)


def test_windows_line_ends_and_odd_separators_are_no_other_vocabulary(tmp_path: Path) -> None:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2028", "\x85", "red"]
    for ending in ("\n", "\r\n"):
        path = tmp_path / "vocab.txt"
        path.write_bytes("".join(piece + ending for piece in pieces).encode())
        assert list(read_vocabulary(path)) == pieces
