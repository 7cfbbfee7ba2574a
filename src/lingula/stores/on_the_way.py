"""Bytes on their way through one process: sent to a store over the network, wanted again a moment later.

A process that both receives and assesses would fetch from the store what it has just sent there: a third of what a
radiograph costs in the store. Only what the store has acknowledged is remembered, each until it is read once, for half
a minute, and within a bound; whatever is not remembered is fetched. So nothing depends on it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock

from lingula.stores.store import ObjectStore

MOST_BYTES = 32 * 1024 * 1024
MOST_SECONDS = 30.0  # what another process read, or nobody yet, makes room


class OnTheWay:
    """A store whose newest bytes are given back from memory, once.

    >>> store = OnTheWay(MemoryStore())  # doctest: +SKIP

    Parameters
    ----------
    store
        Where everything is kept.
    most_bytes
        What does not fit beside what waits already is not remembered: the oldest are read first.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    def __init__(
        self, store: ObjectStore, *, most_bytes: int = MOST_BYTES, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self._timer = timer
        self._lock = Lock()
        self._remembered: OrderedDict[str, tuple[float, bytes]] = OrderedDict()  # until when, oldest first
        self._bytes = 0

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`; raises `BackendUnavailable`."""
        self._forget(key)
        self._store.put(key, data)
        now = self._timer()
        with self._lock:
            self._drop_old(now)
            if self._bytes + len(data) <= self._most_bytes and key not in self._remembered:
                self._remembered[key] = now + MOST_SECONDS, data
                self._bytes += len(data)

    def get(self, key: str) -> bytes:
        """Give the bytes under `key`; raises `NotFound` or `BackendUnavailable`."""
        data = self._forget(key)
        return self._store.get(key) if data is None else data

    def delete(self, key: str) -> None:
        """Forget `key`; raises `BackendUnavailable`."""
        self._forget(key)
        self._store.delete(key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Give every key that begins with `prefix`, in order; raises `BackendUnavailable`."""
        return self._store.keys(prefix)

    def check(self) -> None:
        """Return if the place can be read and written now; raises `BackendUnavailable` if not."""
        self._store.check()

    def close(self) -> None:
        """Let go of connections."""
        self._store.close()

    def _forget(self, key: str) -> bytes | None:
        with self._lock:
            _, data = self._remembered.pop(key, (0.0, None))
            self._bytes -= len(data or b"")
            return data

    def _drop_old(self, now: float) -> None:
        while self._remembered:
            key, (until, data) = next(iter(self._remembered.items()))
            if until > now:
                return
            del self._remembered[key]
            self._bytes -= len(data)
