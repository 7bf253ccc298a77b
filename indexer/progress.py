"""How far a build is: told by the build, drawn for people."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

_SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` crops are through this stage, ``quarantined`` of them refused.

    ``total`` is None where only the end of a stream will tell.
    """

    stage: Literal["encoding", "publishing"]
    done: int
    total: int | None
    quarantined: int


ProgressListener = Callable[[Progress], None]


@contextmanager
def drawn_progress(console: Console) -> Iterator[ProgressListener]:
    """Lend a listener that draws a bar with the time left, or plain lines without a terminal."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[quarantined]} quarantined"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("encoding", total=None, quarantined=0)

        def draw(progress: Progress) -> None:
            bar.update(
                task,
                description=progress.stage,
                completed=progress.done,
                total=progress.total,
                quarantined=progress.quarantined,
            )

        yield draw


class PlainLines:
    """Writes a line at the begin and end of a stage, and every few seconds between."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._stage = ""
        self._began_at = 0.0
        self._next_at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Write a line if one is due."""
        now = self._clock()
        if progress.stage != self._stage:
            self._stage, self._began_at, self._next_at = progress.stage, now, now
        ended = progress.total is not None and progress.done >= progress.total
        if now < self._next_at and not ended:
            return
        self._next_at = now + _SECONDS_BETWEEN_LINES
        self._console.print(
            f"{progress.stage}: {progress.done:,}{_of(progress.total)} crops, "
            f"{progress.quarantined:,} quarantined{self._time_left(progress, now)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def _time_left(self, progress: Progress, now: float) -> str:
        if progress.total is None or not progress.done or progress.done >= progress.total:
            return ""
        remaining = progress.total - progress.done
        seconds = (now - self._began_at) / progress.done * remaining
        return f", about {seconds:,.0f} s left"


def _of(total: int | None) -> str:
    return "" if total is None else f" of {total:,}"
