"""Place 2: work waiting. The record is the truth; the queue only says when to look.

At least once: a note taken is leased, and comes back if it is neither done nor given back in time. A lost note costs
time, never a radiograph: `upkeep` writes it again from the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lingula.errors import SettingsError
from lingula.queues.address import scheme_of
from lingula.radiology.identifiers import InstanceId


@dataclass(frozen=True, kw_only=True)
class Note:
    """One instance to look at; `receipt` is the queue's own name for this handing-out."""

    instance: InstanceId
    receipt: str


class WorkQueue(Protocol):
    """Notes waiting for a worker, oldest first."""

    def put(self, instance: InstanceId) -> None:
        """Add a note; an instance already waiting may be added again. Raises `BackendUnavailable`."""

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Note]:
        """Lease up to `at_most` notes, waiting up to `wait_seconds` for the first. Raises `BackendUnavailable`."""

    def done(self, *notes: Note) -> None:
        """Take notes away for good; doing so twice is no error. Raises `BackendUnavailable`."""

    def give_back(self, note: Note, delay_seconds: float) -> None:
        """Let somebody try again after a delay. Raises `BackendUnavailable`."""

    def depth(self) -> int:
        """Count the notes waiting or delayed, leased ones not included. Raises `BackendUnavailable`."""

    def check(self) -> None:
        """Return if the place answers; raises `BackendUnavailable` if not."""

    def close(self) -> None:
        """Let go of connections; the last call of all, and calling it twice is no error."""


def open_queue(url: str) -> WorkQueue:
    """Open the queue a URL names: ``memory://``, ``nats://``, ``redis://`` or ``kafka://``; it connects later.

    Raises
    ------
    SettingsError
        If there is no such queue, its driver is not installed, or the URL is not of that queue's form.
    """
    try:
        return _opened(url)
    except ModuleNotFoundError as error:
        scheme = scheme_of(url)
        raise SettingsError(
            f"LINGULA_QUEUE_URL: {scheme}:// needs the driver {error.name!r}: pip install 'lingula[scale]'"
        ) from error


def _opened(url: str) -> WorkQueue:
    match scheme_of(url):
        case "memory":
            from lingula.queues.memory import MemoryQueue

            return MemoryQueue.from_url(url)
        case "nats" | "tls":
            from lingula.queues.nats import NatsQueue

            return NatsQueue.from_url(url)
        case "redis" | "rediss":
            from lingula.queues.redis import RedisQueue

            return RedisQueue.from_url(url)
        case "kafka":
            from lingula.queues.kafka import KafkaQueue

            return KafkaQueue.from_url(url)
        case scheme:
            raise SettingsError(
                f"LINGULA_QUEUE_URL: no queue for scheme {scheme!r}; use memory://, nats://, redis:// or kafka://"
            )
