"""Writes rows of searches behind the back of the searches: one queue, one thread."""

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from service.audit.search_store import SearchStore
from service.audit.searches import SearchRow
from service.problems import AUDIT_FAILED, ProblemRaised

QUEUE_LENGTH = 10_000
ROWS_AT_ONCE = 500
WAIT_S = 5.0  # for a row that must be written before its search is answered
LINGER_S = 0.05  # a transaction a row would cost ten times as much, at the expense of searches
STOP_S = 10.0
QUIET_S = 1.0  # between two log lines that say the same

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AuditRules:
    """What an operator has set: whether a row, and a purpose, are conditions of an answer."""

    required: bool = False
    purpose_required: bool = False


class NotRunning(RuntimeError):
    """The thread that writes has not been started, or has been stopped."""


@dataclass(frozen=True)
class _Waiting:
    row: SearchRow
    written: Future[None] = field(default_factory=Future)


class Auditor:
    """Takes rows and writes them together; used as a context manager, at whose end all are written.

    A row that cannot be written is counted and logged, and where rows are required its search is
    refused.
    """

    def __init__(
        self,
        store: SearchStore,
        rules: AuditRules | None = None,
        queue_length: int = QUEUE_LENGTH,
        wait_s: float = WAIT_S,
    ) -> None:
        self._store = store
        self._rules = rules or AuditRules()
        self._wait_s = wait_s
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(queue_length)
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._counts = {"written": 0, "lost": 0}
        self._lock = threading.Lock()
        self._told_at = float("-inf")

    @property
    def purpose_required(self) -> bool:
        """Whether a search must say what it is for."""
        return self._rules.purpose_required

    @property
    def waits(self) -> bool:
        """Whether ``record`` may take as long as the database does."""
        return self._rules.required

    def record(self, row: SearchRow) -> None:
        """Hand a row to the thread; where rows are required, wait until it is written.

        Raises:
            ProblemRaised: If it is required, and cannot be written within 5 seconds.
        """
        waiting = _Waiting(row)
        try:
            self._enqueue(waiting)
            if self._rules.required:
                waiting.written.result(self._wait_s)
        except Exception as error:
            if self._rules.required:
                raise ProblemRaised(
                    AUDIT_FAILED,
                    "searches must be written down here, and this one could not be; try again "
                    "later",
                    headers={"retry-after": "5"},
                ) from error

    def _enqueue(self, waiting: _Waiting) -> None:
        """Put a row into the queue.

        Raises:
            Full: If too many wait already.
            NotRunning: If nothing takes it out again.
        """
        try:
            self._queue.put_nowait(waiting)
        except queue.Full as error:
            self._count_lost(1, error)
            raise
        if not self._thread.is_alive():
            stopped = NotRunning("rows are taken, but nothing writes them")
            self._count_lost(1, stopped)
            raise stopped

    def collect(self) -> Iterator[Metric]:
        """Give the metrics: rows written and lost, and how many wait."""
        rows = CounterMetricFamily(
            "descry_audit_rows", "Rows of searches, written or lost", labels=["outcome"]
        )
        for outcome, count in self._counts.items():
            rows.add_metric([outcome], count)
        yield rows
        yield GaugeMetricFamily(
            "descry_audit_queue_rows", "Rows that wait to be written", self._queue.qsize()
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Let the metrics be read."""
        registry.register(self)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            taken = [self._queue.get()]
            if taken[0] is not None and not self._rules.required:
                time.sleep(LINGER_S)
            while len(taken) < ROWS_AT_ONCE:
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            stopping = None in taken
            batch = [each for each in taken if each is not None]
            if batch and not self._write(batch):
                for each in batch if len(batch) > 1 else ():  # one of them may be to blame
                    self._write([each])

    def _write(self, batch: list[_Waiting]) -> bool:
        """Write some rows; tell whether they are done with: a single one always is."""
        try:
            self._store.write([each.row for each in batch])
        except Exception as error:  # noqa: BLE001 - the thread must live; who waits is told
            if len(batch) > 1:
                return False
            self._count_lost(1, error)
            batch[0].written.set_exception(error)
            return True
        with self._lock:
            self._counts["written"] += len(batch)
        for each in batch:
            each.written.set_result(None)
        return True

    def _count_lost(self, count: int, error: Exception) -> None:
        with self._lock:
            self._counts["lost"] += count
            now = time.monotonic()
            if now - self._told_at < QUIET_S:
                return
            self._told_at = now
            lost = self._counts["lost"]
        log.error("audit_rows_lost", error=type(error).__name__, lost_since_start=lost)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(queue.Full):  # told below, as rows that are left
            self._queue.put(None, timeout=STOP_S)
        self._thread.join(STOP_S)
        left = self._queue.qsize()
        if self._thread.is_alive() or left:
            self._count_lost(left, TimeoutError("the database is too slow to stop"))
