"""Place 1: bytes by key.

A store keeps originals as they were sent. Keys are built only from checked ids, never from a sender's words.
"""

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit

from lingula.errors import SettingsError


class ObjectStore(Protocol):
    """A place that keeps bytes under a key."""

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, whole or not at all; when it returns, the bytes survive a power cut.

        Raises
        ------
        BackendUnavailable
            If the place does not answer or is full.
        """

    def get(self, key: str) -> bytes:
        """Give the bytes under `key`; raises `NotFound` or `BackendUnavailable`."""

    def delete(self, key: str) -> None:
        """Forget `key`; forgetting what is not there is no error. Raises `BackendUnavailable`."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Give every key that begins with `prefix`, in order. Raises `BackendUnavailable`."""

    def check(self) -> None:
        """Return if the place can be read and written now; raises `BackendUnavailable` if not."""

    def close(self) -> None:
        """Let go of connections; the last call of all, and calling it twice is no error."""


def open_store(url: str, *, reads_again: bool = False) -> ObjectStore:
    """Open the store a URL names: ``file:///path``, ``s3://bucket/prefix?endpoint=https://host:9000`` or ``memory://``.

    Parameters
    ----------
    reads_again
        Whether this process soon reads what it puts; a store over the network then has it at hand, within a bound.
    """
    match urlsplit(url).scheme:
        case "file":
            from lingula.stores.folder import FolderStore

            return FolderStore.from_url(url)
        case "s3":
            from lingula.stores.on_the_way import OnTheWay
            from lingula.stores.s3 import S3Store

            return OnTheWay(S3Store.from_url(url)) if reads_again else S3Store.from_url(url)
        case "memory":
            from lingula.stores.memory import MemoryStore

            return MemoryStore()
        case scheme:
            raise SettingsError(f"LINGULA_STORE_URL: no store for scheme {scheme!r}; use file://, s3:// or memory://")
