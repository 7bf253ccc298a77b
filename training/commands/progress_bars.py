"""How commands show on stderr how far they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True)


class ShowProgress(Protocol):
    """How far something is, and a word on it."""

    def __call__(self, done: int, whole: int, detail: str = "") -> None:
        """Show it."""
        ...


@contextmanager
def progress_bar(what: str) -> Iterator[ShowProgress]:
    """Draw a bar once something is done of it."""
    with progress_bars(what) as (show,):
        yield show


@contextmanager
def progress_bars(*names: str) -> Iterator[tuple[ShowProgress, ...]]:
    """Draw bars below one another, each once something is done of it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield tuple(_bar(progress, name) for name in names)


def _bar(progress: Progress, name: str) -> ShowProgress:
    task = progress.add_task(name, total=None, visible=False, detail="")

    def show(done: int, whole: int, detail: str = "") -> None:
        progress.update(task, completed=done, total=whole, detail=detail, visible=True)

    return show
