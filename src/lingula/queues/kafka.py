"""A queue in a Kafka topic: for whom Kafka runs anyway, and nothing else may.

Order holds within a partition; a note that is delayed or leased stays in the process that took it, see `kafka_reader`
and docs/decisions/0024.
"""

from collections.abc import Sequence
from threading import Event, Lock, Thread

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from lingula.queues.kafka_client import ANSWER_SECONDS, DriverSettings, KafkaCluster, read_kafka_url
from lingula.queues.kafka_reader import KafkaReader
from lingula.queues.notes import NoteReader, note_bytes
from lingula.queues.outage import Outage
from lingula.queues.queue import Note
from lingula.radiology.identifiers import InstanceId

_MOST_IN_HAND = 1000  # per process: seconds of work, and what is done again if the process dies
_WRITE_SECONDS = 3.0  # a door waits that long; what is not written then, upkeep writes
_POLL_SECONDS = 0.1


class KafkaQueue:
    """Notes as messages of a topic, each keyed by its instance.

    >>> queue = KafkaQueue.from_url("kafka://127.0.0.1:9092/xray-images-work?group=lingula")  # doctest: +SKIP
    """

    def __init__(self, cluster: KafkaCluster, reader: KafkaReader, writer: "_Writer") -> None:
        self._cluster = cluster
        self._reader = reader
        self._writer = writer
        self._notes = NoteReader()
        self._outage = Outage()

    @classmethod
    def from_url(cls, url: str) -> "KafkaQueue":
        """Open ``kafka://[user:password@]host:9092[,host...]/TOPIC?group=lingula&partitions=12&lease_seconds=60``.

        Raises
        ------
        SettingsError
            If the URL is of another form, or the driver refuses what it says.
        """
        address, told = read_kafka_url(url, "LINGULA_QUEUE_URL")
        topic = address.named(address.name or "xray-images-work", "[A-Za-z0-9._-]{1,249}", "topic")
        group = address.named(address.options.get("group", "lingula"), "[A-Za-z0-9._-]{1,249}", "group")
        lease_seconds = address.seconds("lease_seconds", 60.0)
        partitions = address.whole("partitions", 12, 1000)
        cluster = KafkaCluster(address, told, topic=topic, group=group, partitions=partitions)
        reader = KafkaReader(
            cluster,
            {**told, "group.id": group},
            topic=topic,
            lease_seconds=lease_seconds,
            most_in_hand=_MOST_IN_HAND,
        )
        return cls(cluster, reader, _Writer(cluster, told, topic))

    def put(self, instance: InstanceId) -> None:
        """Add a note; raises `BackendUnavailable`."""
        with self._outage.watched():
            self._cluster.ensure_topic()
            self._writer.write(note_bytes(instance))

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Note]:
        """Lease up to `at_most` notes; raises `BackendUnavailable`."""
        self._cluster.ensure_topic()
        notes = []
        for data, receipt in self._reader.take(at_most, wait_seconds):
            instance = self._notes.read(data)
            if instance is None:
                self._reader.done(receipt)
            else:
                notes.append(Note(instance=instance, receipt=receipt))
        return notes

    def done(self, *notes: Note) -> None:
        """Take notes away for good, even those whose lease has ended."""
        for note in notes:
            self._reader.done(note.receipt)

    def give_back(self, note: Note, delay_seconds: float) -> None:
        """Let another thread try again after a delay."""
        self._reader.give_back(note.receipt, delay_seconds)

    def depth(self) -> int:
        """Count what waits or is delayed; of what other processes hold, all that they have not committed is counted."""
        return self._reader.depth()

    def check(self) -> None:
        """Return if Kafka answers; raises `BackendUnavailable`."""
        self._cluster.check()

    def close(self) -> None:
        """Commit what is done, leave the group and let go of all connections."""
        self._reader.close()
        self._writer.close()
        self._cluster.close()


class _Writer:
    """Writes notes, each until all replicas have it; a thread of its own hears what became of them."""

    def __init__(self, cluster: KafkaCluster, told: DriverSettings, topic: str) -> None:
        self._cluster = cluster
        self._told = {
            **told,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            "message.timeout.ms": round(_WRITE_SECONDS * 1000),
        }
        self._topic = topic
        self._lock = Lock()
        self._stop = Event()
        self._producer: Producer | None = None
        self._thread: Thread | None = None

    def write(self, data: bytes) -> None:
        answered = Event()
        errors: list[KafkaError] = []

        def hear(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                errors.append(error)
            answered.set()

        try:
            self._opened().produce(self._topic, value=data, key=data, on_delivery=hear)
        except (KafkaException, BufferError) as error:
            self._renew_after(error.args[0] if error.args else None)
            raise self._cluster.unavailable(error) from error
        if not answered.wait(_WRITE_SECONDS + 1):
            raise self._cluster.unavailable("a note was not acknowledged in time")
        if errors:
            self._renew_after(errors[0])
            raise self._cluster.unavailable(errors[0])

    def _renew_after(self, error: object) -> None:
        """Let the next note have a new producer: an idempotent one that has lost its place never finds it again."""
        if isinstance(error, KafkaError) and error.fatal():
            with self._lock:
                self._producer = None

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(ANSWER_SECONDS)

    def _opened(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(self._told)
                # The thread before it, if any, ends by itself.
                self._thread = Thread(target=self._listen, args=(self._producer,), name="kafka-writer", daemon=True)
                self._thread.start()
            return self._producer

    def _listen(self, producer: Producer) -> None:
        while not self._stop.is_set() and producer is self._producer:
            producer.poll(_POLL_SECONDS)
        producer.flush(1.0)
