"""The bounded line of requests, which many coroutines join and one thread takes batches from."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from service.encoding.answers import EncodingOverloaded, EncodingStopped
from service.encoding.events import EncodingEvents, Kind

Asked = TypeVar("Asked")


class Lane(Protocol[Asked]):
    """Requests of one kind, which are answered together."""

    @property
    def kind(self) -> Kind:
        """What waits here."""
        ...

    @property
    def capacity(self) -> int:
        """How much weight may wait."""
        ...

    @property
    def batch_limit(self) -> int:
        """How many are answered together at most."""
        ...

    def answer(self, jobs: "Sequence[Job[Asked]]") -> list[object]:
        """Return the answer to each, an Exception where there is none."""
        ...


@dataclass(frozen=True, eq=False)
class Job(Generic[Asked]):
    """One request: what was asked, who awaits the answer, since when.

    ``weight`` is its share of the lane's capacity. An ``urgent`` one goes before all others and
    joins a full line too.
    """

    lane: Lane[Asked]
    asked: Asked
    future: "asyncio.Future[Any]"
    arrived_s: float
    weight: int = 1
    urgent: bool = False


class WaitingLine:
    """Jobs by lane, in the order in which they came."""

    def __init__(self, events: EncodingEvents) -> None:
        self._events = events
        self._changed = threading.Condition()
        self._lanes: dict[Kind, deque[Job[Any]]] = {}
        self._weights: dict[Kind, int] = {}
        self._seconds_per_job: dict[Kind, float] = {}
        self._closed: str | None = None

    def join(self, job: Job[Any]) -> None:
        """Add a job.

        Raises:
            EncodingOverloaded: If its lane is full.
            EncodingStopped: If the line is closed.
        """
        kind = job.lane.kind
        with self._changed:
            if self._closed is not None:
                raise EncodingStopped(self._closed)
            jobs = self._lanes.setdefault(kind, deque())
            weight = self._weights.get(kind, 0) + job.weight
            # One job heavier than the lane is let into an empty one, or it never could be.
            if weight > job.lane.capacity and jobs and not job.urgent:
                self._events.refused(kind)
                raise EncodingOverloaded(kind, len(jobs), self._clears_in_s(kind))
            self._weights[kind] = weight
            (jobs.appendleft if job.urgent else jobs.append)(job)
            self._events.waiting(kind, len(jobs))
            self._changed.notify()

    def take(self) -> list[Job[Any]] | None:
        """Wait for a job, and return those to be answered together; None once it has closed.

        They come from the lane whose first job has waited longest. Cancelled jobs are dropped.
        """
        with self._changed:
            while True:
                waiting = [jobs for jobs in self._lanes.values() if jobs]
                if waiting:
                    batch = self._take_from(min(waiting, key=_turn))
                    if batch:
                        return batch
                elif self._closed is not None:
                    return None
                else:
                    self._changed.wait()

    def _take_from(self, jobs: deque[Job[Any]]) -> list[Job[Any]]:
        lane = jobs[0].lane
        batch: list[Job[Any]] = []
        while jobs and len(batch) < lane.batch_limit:
            job = jobs.popleft()
            self._weights[lane.kind] -= job.weight
            if job.future.cancelled():
                self._events.skipped(lane.kind)
            else:
                batch.append(job)
        self._events.waiting(lane.kind, len(jobs))
        return batch

    def took(self, kind: Kind, jobs: int, seconds: float) -> None:
        """Remember how fast a lane moves; the latest batches count most."""
        latest = seconds / jobs
        with self._changed:
            before = self._seconds_per_job.get(kind, latest)
            self._seconds_per_job[kind] = 0.8 * before + 0.2 * latest

    def _clears_in_s(self, kind: Kind) -> int:
        seconds = len(self._lanes[kind]) * self._seconds_per_job.get(kind, 0.0)
        return 1 + int(seconds)

    def close(self, reason: str) -> None:
        """Let nobody in any more; those in line are still taken."""
        with self._changed:
            self._closed = self._closed or reason
            self._changed.notify_all()

    def abandon(self, reason: str) -> list[Job[Any]]:
        """Close the line and return everybody who is still in it."""
        self.close(reason)
        with self._changed:
            left = [job for jobs in self._lanes.values() for job in jobs]
            for kind, jobs in self._lanes.items():
                jobs.clear()
                self._weights[kind] = 0
                self._events.waiting(kind, 0)
            return left


def _turn(jobs: deque[Job[Any]]) -> tuple[bool, float]:
    return (not jobs[0].urgent, jobs[0].arrived_s)
