"""Steps that begin only if they will end in time, by what they took before."""

import threading
import time
from collections.abc import Callable
from typing import Literal, TypeVar

_MEMORY = 0.2  # of a measured cost: how much the newest one counts

Step = Literal["prepare", "score", "neighbours"]
Done = TypeVar("Done")


class DeadlineMissed(Exception):
    """The second stage cannot be done in time; the message says which step could not begin."""


class StepCosts:
    """How long steps take, learnt from those that were taken; safe to use from many threads."""

    def __init__(self) -> None:
        self._seconds: dict[Step, float] = {}
        self._lock = threading.Lock()

    def predict(self, step: Step, crops: int) -> float:
        """Return the seconds that a step for so many crops will take; 0 before the first one."""
        return self._seconds.get(step, 0.0) * (crops if step == "score" else 1)

    def record(self, step: Step, crops: int, seconds: float) -> None:
        """Learn from a step that was taken."""
        each = seconds / (max(1, crops) if step == "score" else 1)
        with self._lock:
            before = self._seconds.get(step, each)
            self._seconds[step] = before + _MEMORY * (each - before)


class Deadline:
    """When a search must have its answer; steps begin only if they will end before that."""

    def __init__(
        self,
        costs: StepCosts,
        ends_at: float | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._costs = costs
        self._ends_at = ends_at
        self._clock = clock

    def run(self, step: Step, crops: int, work: Callable[[], Done]) -> Done:
        """Do a step, and learn how long it took.

        Raises:
            DeadlineMissed: If it would end too late, by what was measured before.
        """
        started = self._clock()
        if self._ends_at is not None and started + self._costs.predict(step, crops) > self._ends_at:
            raise DeadlineMissed(step)
        done = work()
        self._costs.record(step, crops, self._clock() - started)
        return done
