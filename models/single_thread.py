"""One thread for work that is too small to share out."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_thread() -> Iterator[None]:
    """Keep torch's operators on the calling thread.

    A second thread saves little on a millisecond of work, and on a busy machine waiting for it
    can cost a hundred. Torch keeps one number per thread, so other threads that have computed
    before are not touched. A thread whose very first operator falls inside starts with one
    thread and keeps it: its results are the same, later. It finds nothing to change here then,
    so it does not hand that number on.
    """
    usual = torch.get_num_threads()
    if usual == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
