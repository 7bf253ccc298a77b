import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from models.single_thread import single_thread


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


def in_thread(action: Callable[[], int]) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(action()))
    thread.start()
    thread.join()
    return found[0]


def used_inside() -> int:
    with single_thread():
        return torch.get_num_threads()


def test_inside_there_is_one_thread_and_afterwards_as_many_as_before() -> None:
    with single_thread():
        assert torch.get_num_threads() == 1
        with single_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_an_error_inside_leaves_as_many_as_before() -> None:
    with pytest.raises(ZeroDivisionError), single_thread():
        _ = 1 / 0
    assert torch.get_num_threads() == 2


def test_threads_that_computed_before_are_not_touched() -> None:
    started, inside, counts = threading.Event(), threading.Event(), []

    def compute() -> None:
        counts.append(torch.get_num_threads())
        started.set()
        inside.wait()
        counts.append(torch.get_num_threads())

    thread = threading.Thread(target=compute)
    thread.start()
    started.wait()
    with single_thread():
        inside.set()
        thread.join()
    assert counts == [2, 2]


def test_a_thread_born_inside_keeps_one_but_does_not_hand_it_on() -> None:
    with single_thread():
        assert in_thread(used_inside) == 1
    assert torch.get_num_threads() == 2
    assert in_thread(torch.get_num_threads) == 2
    assert in_thread(used_inside) == 1
    assert in_thread(torch.get_num_threads) == 2
