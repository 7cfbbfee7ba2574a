"""A subject of NATS that others publish to, kept by JetStream.

A stream that holds the subject already, such as the one an object store publishes to with JetStream on, is read by a
durable consumer of ours; if there is none, one is made, and it catches plain publications as well.
"""

from collections.abc import Sequence

from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from lingula.queues.address import TLS_OPTIONS, read_address
from lingula.queues.nats_link import NatsLink
from lingula.queues.nats_stream import NatsStream
from lingula.queues.topic import DEFAULT_NAME, SETTING, Message


class NatsTopic:
    """Messages of one subject.

    >>> topic = NatsTopic.from_url("nats://127.0.0.1:4222/xray-images?lease_seconds=60")
    """

    def __init__(self, stream: NatsStream) -> None:
        self._stream = stream

    @classmethod
    def from_url(cls, url: str) -> "NatsTopic":
        """Open ``nats://[user:password@ | :token@]host:4222/SUBJECT?durable=lingula&lease_seconds=60``; or ``tls://``.

        Raises
        ------
        SettingsError
            If the URL is of another form.
        """
        options = ("lease_seconds", "durable", "replicas", *TLS_OPTIONS)
        address = read_address(url, setting=SETTING, port=4222, options=options)
        word = "[A-Za-z0-9_-]+"
        subject = address.named(address.name or DEFAULT_NAME, rf"(?=.{{1,200}}$){word}(\.{word})*", "subject")
        stream = StreamConfig(
            name=subject.replace(".", "-"),
            subjects=[subject],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            num_replicas=address.whole("replicas", 1, 5),
        )
        consumer = ConsumerConfig(
            durable_name=address.named(address.options.get("durable", "lingula"), "[A-Za-z0-9_-]{1,64}", "consumer"),
            filter_subject=subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=address.seconds("lease_seconds", 60.0),
            max_deliver=-1,
            max_ack_pending=-1,
        )
        return cls(NatsStream(NatsLink(address), stream, consumer))

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Message]:
        """Lease up to `at_most` messages; raises `BackendUnavailable`."""
        taken = self._stream.take(at_most, wait_seconds)
        return [Message(data=data, receipt=receipt) for data, receipt in taken]

    def done(self, message: Message) -> None:
        """Acknowledge a message; raises `BackendUnavailable`."""
        self._stream.done(message.receipt)

    def check(self) -> None:
        """Return if JetStream answers; raises `BackendUnavailable`."""
        self._stream.check()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
