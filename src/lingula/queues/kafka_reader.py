"""A Kafka topic read as a queue: each message leased by itself, though Kafka only knows how far a group has read.

The group hands every partition to one process. That process holds some messages in its hand, a queue in memory that
leases and delays them, and commits for each partition the offset before which everything is done. So a process that
dies, or loses a partition, leaves all that is not surely done to the next one: done twice now and then, never not.

References
----------
KIP-429, incremental cooperative rebalancing; KIP-62, the session timeout.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from lingula.queues.kafka_client import DriverSettings, KafkaCluster
from lingula.queues.queue import Note, WorkQueue, open_queue
from lingula.radiology.identifiers import InstanceId

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1  # between two looks at what was done meanwhile
_BATCH = 500
_SHORTEST_SESSION_SECONDS, _LONGEST_SESSION_SECONDS = 6.0, 45.0  # what brokers allow unless told otherwise
_CLOSE_SECONDS = 15.0


@dataclass
class Watermark:
    """What of one partition is in hand; before `floor`, everything is done.

    >>> mark = Watermark()
    >>> mark.begin(7, b"a"), mark.begin(8, b"b")
    (None, None)
    >>> mark.finish(8); mark.floor
    7
    >>> mark.finish(7); mark.floor
    9
    """

    next_offset: int = 0
    in_hand: dict[int, bytes] = field(default_factory=dict)  # by offset, in its order

    def begin(self, offset: int, data: bytes) -> None:
        """Take a message into the hand."""
        self.in_hand[offset] = data
        self.next_offset = offset + 1

    def finish(self, offset: int) -> None:
        """Let go of a message that is done; twice is no error."""
        self.in_hand.pop(offset, None)

    @property
    def floor(self) -> int:
        """The offset to commit: the oldest in hand, or else the next one."""
        return next(iter(self.in_hand), self.next_offset)


class KafkaReader:
    """Leases messages of one topic; its consumer lives in a thread of its own.

    Parameters
    ----------
    most_in_hand
        Messages in hand of this process, at most; beyond that nothing is fetched until half of them are done.
    """

    def __init__(
        self, cluster: KafkaCluster, told: DriverSettings, *, topic: str, lease_seconds: float, most_in_hand: int
    ) -> None:
        session = min(max(lease_seconds, _SHORTEST_SESSION_SECONDS), _LONGEST_SESSION_SECONDS)
        self._told: dict[str, str | int | float | bool | Callable[[KafkaError], None]] = {
            "session.timeout.ms": round(session * 1000),
            "heartbeat.interval.ms": 1000,  # also how soon a member hears that another has come or gone
            "topic.metadata.refresh.interval.ms": 10_000,
            "queued.max.messages.kbytes": 16_384,
            **told,  # what is below is no matter of taste
            "partition.assignment.strategy": "cooperative-sticky",
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,  # stored when done, and committed every second and on leaving
            "enable.auto.commit": True,
            "auto.commit.interval.ms": 1000,
            "error_cb": self._hear,
        }
        self._cluster = cluster
        self._topic = topic
        self._most = most_in_hand
        self._hand: WorkQueue = open_queue(f"memory://?lease_seconds={lease_seconds}")
        self._marks: dict[int, Watermark] = {}
        self._stored: dict[int, int] = {}
        self._lock = Lock()
        self._stop = Event()
        self._is_down = False
        self._is_paused = False
        self._thread: Thread | None = None

    def take(self, at_most: int, wait_seconds: float) -> Sequence[tuple[bytes, str]]:
        """Lease up to `at_most` messages and give their data and receipts; raises `BackendUnavailable`."""
        self._join_group()
        deadline = time.monotonic() + wait_seconds
        while True:
            if self._is_down and self._hand.depth() == 0:
                self._cluster.check()
                self._is_down = False
            notes = self._hand.take(at_most, max(0.0, deadline - time.monotonic()))
            taken = [
                (data, f"{note.instance}/{note.receipt}") for note in notes if (data := self._data(note)) is not None
            ]
            if taken or not notes:
                return taken

    def done(self, receipt: str) -> None:
        """Take a message away for good; nothing is sent before the next commit."""
        partition, offset, lease = receipt.split("/")
        with self._lock:
            if (mark := self._marks.get(int(partition))) is not None:
                mark.finish(int(offset))
        self._hand.done(Note(instance=InstanceId(f"{partition}/{offset}"), receipt=lease))

    def give_back(self, receipt: str, delay_seconds: float) -> None:
        """Hand a message to another thread after a delay; it stays in this process's hand."""
        place, _, lease = receipt.rpartition("/")
        self._hand.give_back(Note(instance=InstanceId(place), receipt=lease), delay_seconds)

    def depth(self) -> int:
        """Count what waits or is delayed, in hand and in the topic; raises `BackendUnavailable`."""
        with self._lock:
            positions = {number: mark.next_offset for number, mark in self._marks.items()}
            waiting = self._hand.depth()
        return waiting + self._cluster.unread(positions)

    def close(self) -> None:
        """Commit what is done and leave the group, so that others take over at once."""
        self._stop.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def _data(self, note: Note) -> bytes | None:
        """Give a message's data, or None if its partition went away or it was done under another lease."""
        partition, offset = map(int, note.instance.split("/"))
        with self._lock:
            mark = self._marks.get(partition)
            data = mark.in_hand.get(offset) if mark is not None else None
        if data is None:
            self._hand.done(note)
        return data

    def _join_group(self) -> None:
        with self._lock:
            if self._thread is not None or self._stop.is_set():
                return
            try:
                consumer = Consumer(self._told)
                consumer.subscribe([self._topic], on_revoke=self._let_go, on_lost=self._lose)
            except KafkaException as error:
                raise self._cluster.unavailable(error) from error
            self._thread = Thread(target=self._run, args=(consumer,), name="kafka", daemon=True)
            self._thread.start()

    def _run(self, consumer: Consumer) -> None:
        """Read until told to stop; if the driver gives up, the next `take` joins the group anew."""
        try:
            while not self._stop.is_set():
                first = consumer.poll(_POLL_SECONDS)  # back with the first message; consume() waits for all it may have
                if first is not None:
                    self._hold([first, *consumer.consume(_BATCH, timeout=0)])
                self._regulate(consumer)
                self._store(consumer)
            self._store(consumer)
        except KafkaException as error:
            _log.warning("a Kafka consumer ended and is made again", extra={"reason": str(error)})
        finally:
            consumer.close()
            with self._lock:
                self._thread = None
                self._marks.clear()
                self._stored.clear()

    def _regulate(self, consumer: Consumer) -> None:
        """Fetch nothing more while the hand is full."""
        with self._lock:
            count = sum(len(mark.in_hand) for mark in self._marks.values())
        if count >= self._most:
            consumer.pause(consumer.assignment())  # again each time: a partition may have come meanwhile
            self._is_paused = True
        elif self._is_paused and count <= self._most // 2:
            consumer.resume(consumer.assignment())
            self._is_paused = False

    def _hold(self, messages: Sequence[Message]) -> None:
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if message.error() is not None or partition is None or offset is None:
                continue  # errors come by _hear as well, and the driver goes on by itself
            with self._lock:
                self._marks.setdefault(partition, Watermark()).begin(offset, message.value() or b"")
                self._is_down = False
                self._hand.put(InstanceId(f"{partition}/{offset}"))

    def _store(self, consumer: Consumer) -> None:
        with self._lock:
            floors = {number: mark.floor for number, mark in self._marks.items()}
        changed = {number: floor for number, floor in floors.items() if self._stored.get(number) != floor}
        if not changed:
            return
        try:
            consumer.store_offsets(offsets=[TopicPartition(self._topic, *pair) for pair in changed.items()])
        except KafkaException:
            return  # a partition is leaving; whoever gets it does again what was not committed
        self._stored |= changed

    def _let_go(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._store(consumer)  # the driver commits what is stored before it gives the partitions away
        self._lose(consumer, partitions)

    def _lose(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._lock:
            for partition in partitions:
                self._marks.pop(partition.partition, None)
                self._stored.pop(partition.partition, None)

    def _hear(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - how the driver names its own errors
            self._is_down = True
