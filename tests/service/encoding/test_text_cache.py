"""The cache of texts: which are the same, which make room."""

import threading

import numpy as np
import pytest

from models.contracts import TextReading
from service.encoding.text_cache import KeptText, TextCache, normalise


def answer(number: float) -> KeptText:
    return KeptText(np.array([number], np.float32), TextReading((), None, None, None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  woman\tin \n red ", "woman in red"),
        ("cafe\u0301 owner", "caf\u00e9 owner"),  # a letter and its accent apart, and in one
        ("Woman", "Woman"),
        ("", ""),
    ],
)
def test_a_text_is_normalised(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_an_answer_is_found_again_and_counted() -> None:
    cache = TextCache(2)
    kept = answer(1)
    assert cache.ask("a") is None
    cache.keep("a", kept)
    assert cache.ask("a") is kept
    assert cache.look_again("b") is None
    assert (cache.hits, cache.misses, len(cache)) == (1, 1, 1)


def test_the_text_not_asked_for_the_longest_makes_room() -> None:
    cache = TextCache(2)
    for text in ("a", "b"):
        cache.keep(text, answer(0))
    cache.ask("a")
    cache.keep("c", answer(0))
    assert [cache.look_again(text) is not None for text in ("a", "b", "c")] == [True, False, True]


def test_a_cache_of_no_size_keeps_nothing() -> None:
    cache = TextCache(0)
    cache.keep("a", answer(0))
    assert cache.ask("a") is None


def test_many_threads_leave_it_whole_and_bounded() -> None:
    cache = TextCache(10)

    def use(offset: int) -> None:
        for number in range(500):
            text = str((number * 7 + offset) % 40)
            found = cache.ask(text)
            if found is None:
                cache.keep(text, answer(float(text)))
            else:
                assert found.vector[0] == float(text)

    threads = [threading.Thread(target=use, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 10
    assert cache.hits + cache.misses == 2000
