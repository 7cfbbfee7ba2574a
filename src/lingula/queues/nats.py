"""A queue in NATS JetStream: our advice for more than one machine.

A stream with file storage and work-queue retention, and one durable pull consumer that all workers share: the server
keeps order, leases and delays, and forgets a note once it is done.
"""

from collections.abc import Sequence

from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from lingula.queues.address import TLS_OPTIONS, read_address
from lingula.queues.nats_link import NatsLink
from lingula.queues.nats_stream import NatsStream
from lingula.queues.notes import NoteReader, note_bytes
from lingula.queues.outage import Outage
from lingula.queues.queue import Note
from lingula.radiology.identifiers import InstanceId

_DURABLE = "workers"


class NatsQueue:
    """Notes as messages of a work queue.

    >>> queue = NatsQueue.from_url("nats://127.0.0.1:4222/LINGULA?lease_seconds=60&replicas=3")
    """

    def __init__(self, stream: NatsStream) -> None:
        self._stream = stream
        self._reader = NoteReader()
        self._outage = Outage()

    @classmethod
    def from_url(cls, url: str) -> "NatsQueue":
        """Open ``nats://[user:password@ | :token@]host:4222[,host...]/STREAM?lease_seconds=60``; ``tls://`` with TLS.

        Raises
        ------
        SettingsError
            If the URL is of another form.
        """
        options = ("lease_seconds", "replicas", *TLS_OPTIONS)
        address = read_address(url, setting="LINGULA_QUEUE_URL", port=4222, options=options)
        name = address.named(address.name or "LINGULA", "[A-Za-z0-9_-]{1,32}", "stream")
        stream = StreamConfig(
            name=name,
            subjects=[f"{name}.notes"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            num_replicas=address.whole("replicas", 1, 5),
        )
        consumer = ConsumerConfig(
            durable_name=_DURABLE,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=address.seconds("lease_seconds", 60.0),
            max_deliver=-1,  # who gives up, and when, is the worker's to say
            max_ack_pending=-1,
        )
        return cls(NatsStream(NatsLink(address), stream, consumer))

    def put(self, instance: InstanceId) -> None:
        """Add a note; raises `BackendUnavailable`."""
        with self._outage.watched():
            self._stream.put(note_bytes(instance))

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Note]:
        """Lease up to `at_most` notes; raises `BackendUnavailable`."""
        notes = []
        for data, receipt in self._stream.take(at_most, wait_seconds):
            instance = self._reader.read(data)
            if instance is None:
                self._stream.done(receipt)
            else:
                notes.append(Note(instance=instance, receipt=receipt))
        return notes

    def done(self, *notes: Note) -> None:
        """Take notes away for good, even those whose lease has ended; raises `BackendUnavailable`."""
        self._stream.done(*(note.receipt for note in notes))

    def give_back(self, note: Note, delay_seconds: float) -> None:
        """Let somebody try again after a delay; raises `BackendUnavailable`."""
        self._stream.give_back(note.receipt, delay_seconds)

    def depth(self) -> int:
        """Count what waits or is delayed, and also what other processes hold: the server does not tell them apart."""
        return self._stream.depth()

    def check(self) -> None:
        """Return if JetStream answers; raises `BackendUnavailable`."""
        self._stream.check()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
