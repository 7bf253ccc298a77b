"""The keys a running service knows: read again every second, so that no request waits for them."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

import structlog

from service.access.key_store import KeyStore
from service.access.keys import StoredKey, id_in, is_key

REFRESH_S = 1.0
STALE_S = 60.0  # keys that could not be read again for so long may have been revoked meanwhile

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class KeysUnknown(RuntimeError):
    """The keys could not be read for too long, so that none can be trusted."""


class Keys(Protocol):
    """What the gate asks."""

    def any_made(self) -> bool:
        """Tell whether there is any key, revoked and expired ones included."""
        ...

    def find(self, given: str) -> StoredKey | None:
        """Return the key that was given, if it is one and holds."""
        ...


class NoKeys:
    """Where there is no database, there is no key."""

    def any_made(self) -> bool:
        """Return False."""
        return False

    def find(self, given: str) -> StoredKey | None:  # noqa: ARG002 - part of the protocol
        """Return None."""
        return None


class KeyRing:
    """All keys in memory; as a context manager it reads them again every second.

    A key that is made or revoked by another process is known a second later. When keys were used
    is written down at the same times.
    """

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._keys: dict[str, StoredKey] = {}
        self._uses: dict[str, datetime] = {}
        self._read_at = clock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self.refresh()

    def refresh(self) -> None:
        """Read the keys again, and write down the latest uses."""
        self._keys = {key.id: key for key in self._store.all()}
        self._read_at = self._clock()
        latest, self._uses = self._uses, {}
        if latest:
            self._store.note_uses(dict(latest))  # a copy: a request may still add to it

    def any_made(self) -> bool:
        """Tell whether there is any key, revoked and expired ones included.

        Raises:
            KeysUnknown: If the keys could not be read for a minute.
        """
        return bool(self._known())

    def find(self, given: str) -> StoredKey | None:
        """Return the key that was given, if it is one and holds.

        Raises:
            KeysUnknown: If the keys could not be read for a minute.
        """
        key = self._known().get(id_in(given))
        now = datetime.now(UTC)
        if not is_key(given, key) or key is None or not key.holds(now):
            return None
        self._uses[key.id] = now
        return key

    def _known(self) -> dict[str, StoredKey]:
        age = self._clock() - self._read_at
        if age > STALE_S:
            raise KeysUnknown(f"the keys were read {age:.0f} s ago and cannot be read again")
        return self._keys

    def _run(self) -> None:
        while not self._stopping.wait(REFRESH_S):
            self._try_refresh()

    def _try_refresh(self) -> None:
        try:
            self.refresh()
        except Exception as error:  # noqa: BLE001 - tried again; keys that are too old open nothing
            log.error("keys_not_read", error=type(error).__name__)  # noqa: TRY400 - not each second

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._try_refresh()
