"""Kill build, add, delete and compact at random moments of a growing index, and look what is left.

    python -m tests.indexer.kill_script --moments 200

A command runs in a child that is killed (SIGKILL) just before a random step it takes on the file
system, or after a random time. After each kill another child must find a whole, verified gallery
that holds exactly what it held before the command or what it holds after it; then the command runs
again, and may be killed again, until it ends, and the gallery must hold what the command promises.
What it promises is worked out here from the files alone. Ends with 1 if anything was wrong.
"""

import argparse
import json
import os
import random
import re
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from indexer.bundle import published_generation
from indexer.gallery import open_gallery
from indexer.retention import clear
from indexer.verification import verify_index
from tests.fakes import ColourEncoder
from tests.indexer.changing_galleries import Gallery, Task
from tests.indexer.killed_builds import STEPS

MOST_KILLS_OF_ONE_COMMAND = 4
LAST_STEPS = 12


@dataclass
class Summary:
    """What was done and found."""

    kills: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    completed: Counter[str] = field(default_factory=Counter)
    resumed_crops: int = 0
    crops: int = 0
    problems: list[str] = field(default_factory=list)


class Child:
    """A function in a process of its own; ``said`` is what it has written by its end."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self._read, write = os.pipe()
        self.number = os.fork()
        if self.number == 0:
            os.close(self._read)
            code = 1
            try:
                work(write)
                code = 0
            finally:
                os._exit(code)
        os.close(write)

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end of its output, but not longer."""
        poll = select.poll()
        poll.register(self._read, select.POLLHUP)
        return bool(poll.poll(1000 * seconds))

    def kill(self) -> None:
        os.kill(self.number, signal.SIGKILL)

    def result(self) -> tuple[str, int]:
        """Return what it said and its exit code, negative for a signal."""
        with os.fdopen(self._read) as pipe:
            said = pipe.read()
        _, status = os.waitpid(self.number, 0)
        return said, os.waitstatus_to_exitcode(status)


def count_steps(index: Path, fatal: int | None, report: int) -> Callable[[], int]:
    """Count the steps below ``index``; tell and die before the one numbered ``fatal``."""
    steps = 0

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event in STEPS and str(index) in str(arguments[0]):
            if steps == fatal:
                os.write(report, f"{event} {place_of(str(arguments[0]))}".encode())
                os.kill(os.getpid(), signal.SIGKILL)
            steps += 1

    sys.addaudithook(audit)
    return lambda: steps


def place_of(path: str) -> str:
    """Return a path's last part, whatever the number of its generation or shard."""
    return re.sub("[0-9]+", "N", Path(path).name)


class Killer:
    """Runs tasks, kills them, and looks what is left."""

    def __init__(self, index: Path, dice: random.Random, moments: int) -> None:
        self._index = index
        self._dice = dice
        self._moments = moments
        self._seconds: dict[str, float] = {}
        self._steps: dict[str, int] = {}
        self.summary = Summary()

    @property
    def done(self) -> bool:
        return self.summary.kills.total() >= self._moments

    def finish(self, task: Task) -> None:
        """Kill a task up to four times, then let it end, and check each time."""
        for _ in range(self._dice.randint(1, MOST_KILLS_OF_ONE_COMMAND)):
            if self.done or task.name not in self._steps or not self._killed(task):
                break
            found = self._look(task, sources=False)
            if found is not None and found not in (task.before, task.after):
                lost, new = task.before - found, found - task.before - task.after
                self._problem(task, f"after a kill, lost {sorted(lost)}, made up {sorted(new)}")
            if task.before != task.after:
                self.summary.outcomes["new" if found == task.after else "old"] += 1
        self._let_end(task)
        found = self._look(task, sources=task.name == "build")
        if found is not None and found != task.after:
            self._problem(
                task,
                f"in the end, lost {sorted(task.after - found)}, {sorted(found - task.after)} more",
            )
        if (self._index / ".journal").exists() or list(self._index.glob(".building-*")):
            self._problem(task, "leftovers after the end")

    def _let_end(self, task: Task) -> None:
        def work(report: int) -> None:
            steps = count_steps(self._index, None, report)
            resumed = task.run()
            os.write(report, json.dumps([steps(), resumed]).encode())

        began = time.monotonic()
        said, code = Child(work).result()
        if code:
            self._problem(task, f"run again, it ended with {code}")
            return
        steps, resumed = json.loads(said)
        # The first run of a kind is not killed: it tells how long such runs are.
        seconds = time.monotonic() - began
        self._seconds[task.name] = max(seconds, 0.7 * self._seconds.get(task.name, 0))
        self._steps[task.name] = max(steps, self._steps.get(task.name, 0) * 9 // 10)
        self.summary.completed[task.name] += 1
        self.summary.resumed_crops += resumed

    def _killed(self, task: Task) -> bool:
        """Start a task and kill it; say whether it died of that."""
        by_step = self._dice.random() < 0.5
        steps = self._steps[task.name]
        # Most steps come before the switch to the new generation; those around it are the last.
        first = max(0, steps - LAST_STEPS) if self._dice.random() < 0.3 else 0
        fatal = self._dice.randrange(first, steps) if by_step else None

        def work(report: int) -> None:
            count_steps(self._index, fatal, report)
            task.run()

        child = Child(work)
        if not by_step and not child.ended_within(self._dice.random() * self._seconds[task.name]):
            child.kill()
        said, code = child.result()
        if code == 0:
            return False
        if code != -signal.SIGKILL:
            self._problem(task, f"it ended with {code}")
            return False
        self.summary.kills[task.name] += 1
        self.summary.ways["before a step" if by_step else "at a time"] += 1
        if said:
            self.summary.steps[said] += 1
        return True

    def _look(self, task: Task, *, sources: bool) -> frozenset[str] | None:
        """Verify the gallery in a process of its own; return its ids, None where there is none."""
        if not task.before and not (self._index / "CURRENT").exists():
            return None

        def work(report: int) -> None:
            problems = verify_index(self._index, sources=sources).problems
            gallery = open_gallery(self._index, ColourEncoder().card)
            ids = list(gallery.ids_by_path().values())
            hits = gallery.search(ColourEncoder().encode_texts(["red"])[0], 10**6).hits
            if len({hit.crop.id for hit in hits}) != len(hits) or {h.crop.id for h in hits} != set(
                ids
            ):
                problems = (*problems, "a search finds other crops than there are")
            with os.fdopen(report, "w") as pipe:
                json.dump([problems, ids], pipe)

        said, code = Child(work).result()
        if code:
            self._problem(task, f"the gallery could not be opened ({code})")
            return None
        problems, ids = json.loads(said)
        for problem in problems:
            self._problem(task, problem)
        self.summary.crops = len(set(ids))
        return frozenset(ids)

    def _problem(self, task: Task, problem: str) -> None:
        self.summary.problems.append(f"{task.name}, kill {self.summary.kills.total()}: {problem}")


@contextmanager
def workplace(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="kills-") as made:
        yield Path(made)


def lines_of(summary: Summary, generation: int, seconds: float) -> Iterator[str]:
    """Yield the summary for people."""

    def told(counter: Counter[str]) -> str:
        return ", ".join(f"{name} {number}" for name, number in counter.most_common())

    yield f"moments: {summary.kills.total()} ({told(summary.ways)})"
    yield f"killed: {told(summary.kills)}"
    yield f"before the steps: {told(summary.steps)}"
    yield f"generation left behind by build, add and delete: {told(summary.outcomes)}"
    yield f"commands run to their end afterwards: {told(summary.completed)}"
    yield f"resumed crops: {summary.resumed_crops}"
    yield f"in the end: generation {generation}, {summary.crops} crops, {seconds:.0f} s"
    yield f"problems: {len(summary.problems)}"
    yield from summary.problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--folder", type=Path, help="a new folder to work in, and to leave there")
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)  # noqa: S311 - moments, no secrets
    began = time.monotonic()
    with workplace(arguments.folder) as folder:
        gallery = Gallery(folder, dice)
        killer = Killer(gallery.index, dice, arguments.moments)
        number = 0
        while (
            not killer.done and number < 4 * arguments.moments + 8 and not killer.summary.problems
        ):
            task = gallery.next_task(number)
            killer.finish(task)
            gallery.ids = task.after
            number += 1
            if number % 12 == 0:
                clear(gallery.index, keep=2)
        generation = int(published_generation(gallery.index).name)
    for line in lines_of(killer.summary, generation, time.monotonic() - began):
        sys.stdout.write(line + "\n")
    return 1 if killer.summary.problems or not killer.done else 0


if __name__ == "__main__":
    sys.exit(main())
