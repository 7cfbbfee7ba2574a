"""Messages that other programs publish, such as the notifications an object store sends when a radiograph is put there.

At least once: a message taken comes back if it is not done in time. Nothing is ever published here; the queue of
`lingula.queues.queue` carries Lingula's own notes, a topic what others say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lingula.errors import SettingsError
from lingula.queues.address import scheme_of

SETTING = "LINGULA_NOTIFICATIONS_URL"
DEFAULT_NAME = "xray-images"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What was published, as it is; `receipt` is the topic's own name for this handing-out."""

    data: bytes
    receipt: str


class Topic(Protocol):
    """Messages published by others, oldest first as far as the broker keeps an order."""

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Message]:
        """Lease up to `at_most` messages, waiting up to `wait_seconds` for the first. Raises `BackendUnavailable`."""

    def done(self, message: Message) -> None:
        """Take a message away for good; doing so twice is no error. Raises `BackendUnavailable`."""

    def check(self) -> None:
        """Return if the topic answers; raises `BackendUnavailable` if not."""

    def close(self) -> None:
        """Let go of connections; the last call of all, and calling it twice is no error."""


def open_topic(url: str) -> Topic:
    """Open the topic a URL names: ``nats://``, ``kafka://`` or ``redis://``; it connects later.

    Raises
    ------
    SettingsError
        If there is no such topic, its driver is not installed, or the URL is not of that topic's form.
    """
    try:
        return _opened(url)
    except ModuleNotFoundError as error:
        scheme = scheme_of(url)
        raise SettingsError(
            f"{SETTING}: {scheme}:// needs the driver {error.name!r}: pip install 'lingula[scale]'"
        ) from error


def _opened(url: str) -> Topic:
    match scheme_of(url):
        case "nats" | "tls":
            from lingula.queues.nats_topic import NatsTopic

            return NatsTopic.from_url(url)
        case "redis" | "rediss":
            from lingula.queues.redis_topic import RedisTopic

            return RedisTopic.from_url(url)
        case "kafka":
            from lingula.queues.kafka_topic import KafkaTopic

            return KafkaTopic.from_url(url)
        case scheme:
            raise SettingsError(f"{SETTING}: no topic for scheme {scheme!r}; use nats://, kafka:// or redis://")
