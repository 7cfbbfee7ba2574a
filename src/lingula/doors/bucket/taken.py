"""Remembers what was taken, so that a look over a hundred thousand objects reads the new ones only.

A mark is a keyed digest of 16 bytes, of an object's address and version or a file's path, size and time: nobody without
the installation's key can tell what it stands for. Marks lie in the store that all receiving processes share, some
hundred to a piece; pieces only appear and are merged, so processes need not agree on anything. Forgetting one is no
harm: the object is read once more, and receiving twice is the same as receiving once.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress

from lingula.errors import BackendUnavailable, NotFound
from lingula.stores.store import ObjectStore

MARK_BYTES = 16
_MOST_PENDING = 256
_OLDEST_SECONDS = 10.0  # of a mark not yet written
_MOST_PIECES = 32
_SLACK = 1000  # marks of what is gone from the bucket that are not worth a merge

Timer = Callable[[], float]


class Taken:
    """The marks of one bound bucket or folder; safe to use from several threads.

    Parameters
    ----------
    store
        Where marks are kept.
    place
        What is bound; only its keyed digest goes into keys.
    secret
        The installation's key.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    def __init__(self, store: ObjectStore, place: str, secret: bytes, timer: Timer = time.monotonic) -> None:
        self._store = store
        self._secret = secret
        self._timer = timer
        self._folder = f"taken/{self.mark(place).hex()}/"
        self._guard = threading.RLock()
        self._marks: set[bytes] = set()
        self._pieces: set[str] = set()
        self._pending: list[bytes] = []
        self._pending_since = 0.0

    def mark(self, *said: str) -> bytes:
        """Give the mark of what is said of an object; equal words give equal marks."""
        digest = hashlib.blake2b(key=self._secret[:64], digest_size=MARK_BYTES)
        for one in said:
            encoded = one.encode(errors="surrogateescape")
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return digest.digest()

    def has(self, mark: bytes) -> bool:
        """Tell whether it was taken, as far as `refresh` has seen."""
        return mark in self._marks

    def add(self, mark: bytes) -> None:
        """Remember it, for good within seconds; never raises, because forgetting does no harm."""
        with self._guard:
            if mark in self._marks:
                return
            self._marks.add(mark)
            if not self._pending:
                self._pending_since = self._timer()
            self._pending.append(mark)
            is_due = self._timer() - self._pending_since >= _OLDEST_SECONDS
            if len(self._pending) >= _MOST_PENDING or is_due:
                with suppress(BackendUnavailable):
                    self.flush()

    def refresh(self) -> None:
        """Read what other processes, or this one before its last start, have written; raises `BackendUnavailable`."""
        with self._guard:
            for key in list(self._store.keys(self._folder)):
                if key not in self._pieces:
                    with suppress(NotFound):  # merged into another piece this very moment
                        self._learn(key, self._store.get(key))

    def flush(self) -> None:
        """Write what is not yet written; raises `BackendUnavailable`."""
        with self._guard:
            if self._pending:
                self._write(self._pending)
                self._pending = []

    def tidy(self, present: AbstractSet[bytes]) -> None:
        """Merge many pieces into one and forget what is not `present` any more; raises `BackendUnavailable`."""
        with self._guard:
            is_stale = len(self._marks) > 2 * len(present) + _SLACK
            if len(self._pieces) <= _MOST_PIECES and not is_stale:
                return
            merged, self._pieces = self._pieces, set()
            self._marks &= present
            self._pending = []
            self._write(sorted(self._marks))
            for key in merged:
                self._store.delete(key)

    def _write(self, marks: list[bytes]) -> None:
        key = f"{self._folder}{secrets.token_hex(8)}"
        self._store.put(key, b"".join(marks))
        self._pieces.add(key)

    def _learn(self, key: str, data: bytes) -> None:
        self._marks.update(data[at : at + MARK_BYTES] for at in range(0, len(data), MARK_BYTES))
        self._pieces.add(key)
