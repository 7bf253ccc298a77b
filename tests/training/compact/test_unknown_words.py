import numpy as np
import pytest

from training.compact.unknown_words import UnknownWords, insert_unknown_words, unknown_words

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "re", "red", "##d", "##coat", "!", "##1")


def test_words_are_spelt_of_short_pieces_that_are_no_known_word() -> None:
    words = unknown_words(PIECES, {"a", "red"})
    assert words.starts.tolist() == [5, 6]
    assert words.continuations.tolist() == [8]


@pytest.fixture
def words() -> UnknownWords:
    return UnknownWords(np.array([50, 51], np.int32), np.array([90, 91], np.int32))


def test_every_text_keeps_its_pieces_in_order_with_unknown_ones_between(
    words: UnknownWords,
) -> None:
    ids = np.zeros((200, 40), np.int32)
    ids[:, :5] = [2, 10, 11, 12, 3]
    changed = insert_unknown_words(ids, words, 1.0, np.random.default_rng(0))
    places = set()
    for row in changed:
        kept = [piece for piece in row if piece and piece < 50]
        assert kept == [2, 10, 11, 12, 3]
        inserted = [index for index, piece in enumerate(row) if piece >= 50]
        assert 1 <= len(inserted) <= 16
        assert row[inserted[0]] < 90  # begins with the beginning of a word
        assert inserted == list(range(inserted[0], inserted[0] + len(inserted)))
        places.add(inserted[0])
    assert places == {1, 2, 3, 4}
    assert ids[0, 5:].sum() == 0  # the argument is as it was


def test_only_the_share_is_changed(words: UnknownWords) -> None:
    ids = np.zeros((1000, 30), np.int32)
    ids[:, :3] = [2, 10, 3]
    changed = insert_unknown_words(ids, words, 0.3, np.random.default_rng(1))
    assert 0.25 < (changed != ids).any(1).mean() < 0.35
    assert np.array_equal(insert_unknown_words(ids, words, 0.0, np.random.default_rng(1)), ids)


def test_text_that_fills_its_width_has_no_room(words: UnknownWords) -> None:
    ids = np.array([[2, 10, 11, 3], [2, 10, 3, 0]], np.int32)
    changed = insert_unknown_words(ids, words, 1.0, np.random.default_rng(2))
    assert changed[0].tolist() == [2, 10, 11, 3]
    assert sorted(piece for piece in changed[1] if piece < 50) == [2, 3, 10]
    assert len([piece for piece in changed[1] if piece >= 50]) == 1
