"""A store that forgets: for tests and trials.

It keeps the same promises as the others while the program runs, but the power cut.
"""

from collections.abc import Iterator
from threading import Lock

from lingula.errors import NotFound
from lingula.stores.keys import check_key, check_prefix


class MemoryStore:
    """Bytes by key in this process's memory.

    >>> store = MemoryStore()
    >>> store.put("north/one", b"pixels")
    >>> store.get("north/one"), list(store.keys("north/"))
    (b'pixels', ['north/one'])
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`."""
        check_key(key)
        with self._lock:
            self._kept[key] = bytes(data)

    def get(self, key: str) -> bytes:
        """Give the bytes under `key`; raises `NotFound`."""
        check_key(key)
        with self._lock:
            if key not in self._kept:
                raise NotFound(f"nothing is stored under {key}")
            return self._kept[key]

    def delete(self, key: str) -> None:
        """Forget `key`."""
        check_key(key)
        with self._lock:
            self._kept.pop(key, None)

    def keys(self, prefix: str) -> Iterator[str]:
        """Give every key that begins with `prefix`, in order."""
        check_prefix(prefix)
        with self._lock:
            found = sorted(key for key in self._kept if key.startswith(prefix))
        return iter(found)

    def check(self) -> None:
        """Return: memory always answers."""

    def close(self) -> None:
        """Return: there is nothing to let go of."""
