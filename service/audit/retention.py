"""Rows of searches are kept for some days, and no longer."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import structlog

from service.audit.search_store import SearchStore

EVERY_S = 3600.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Retention:
    """Prunes rows older than ``days`` now and each hour; a context manager. None keeps all."""

    def __init__(
        self,
        store: SearchStore,
        days: int | None,
        every_s: float = EVERY_S,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._days = days
        self._every_s = every_s
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def _run(self) -> None:
        while True:
            self._prune()
            if self._stopping.wait(self._every_s):
                return

    def _prune(self) -> None:
        if self._days is None:
            return
        try:
            pruned = self._store.prune(self._clock() - timedelta(days=self._days))
        except Exception as error:  # noqa: BLE001 - tried again at the next turn
            log.error("audit_not_pruned", error=type(error).__name__)  # noqa: TRY400 - may quote a row
            return
        if pruned:
            log.info("audit_pruned", rows=pruned, days=self._days)

    def __enter__(self) -> Self:
        if self._days is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
