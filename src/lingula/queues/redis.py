"""A queue in a Redis stream: for whom Redis runs anyway.

Needs Redis 6.2 or newer. What Redis forgets in a power cut (see docs/how-to/choose-a-queue.md) upkeep writes again.
"""

from collections.abc import Sequence

from lingula.queues.notes import NoteReader, note_bytes
from lingula.queues.outage import Outage
from lingula.queues.queue import Note
from lingula.queues.redis_stream import RedisStream, open_redis
from lingula.radiology.identifiers import InstanceId


class RedisQueue:
    """Notes as entries of a stream.

    >>> queue = RedisQueue.from_url("redis://127.0.0.1:6379/0?lease_seconds=60")
    """

    def __init__(self, stream: RedisStream) -> None:
        self._stream = stream
        self._reader = NoteReader()
        self._outage = Outage()

    @classmethod
    def from_url(cls, url: str) -> "RedisQueue":
        """Open ``redis://[user:password@]host:6379/0?stream=lingula&lease_seconds=60``; raises `SettingsError`."""
        address, client = open_redis(url, "LINGULA_QUEUE_URL")
        key = address.named(address.options.get("stream", "lingula"), "[A-Za-z0-9:._-]{1,200}", "stream")
        return cls(RedisStream(client, address, key=key, lease_seconds=address.seconds("lease_seconds", 60.0)))

    def put(self, instance: InstanceId) -> None:
        """Add a note; raises `BackendUnavailable`."""
        with self._outage.watched():
            self._stream.put(note_bytes(instance))

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Note]:
        """Lease up to `at_most` notes; raises `BackendUnavailable`."""
        notes = []
        for entry in self._stream.take(at_most, wait_seconds):
            instance = self._reader.read(entry.fields.get("data", b""))
            if instance is None:
                self._stream.done(entry.receipt)
            else:
                notes.append(Note(instance=instance, receipt=entry.receipt))
        return notes

    def done(self, *notes: Note) -> None:
        """Take notes away for good, even those whose lease has ended; raises `BackendUnavailable`."""
        for note in notes:
            self._stream.done(note.receipt)

    def give_back(self, note: Note, delay_seconds: float) -> None:
        """Let somebody try again after a delay; raises `BackendUnavailable`."""
        self._stream.give_back(note.receipt, delay_seconds)

    def depth(self) -> int:
        """Count what waits or is delayed; a lease that has ended counts once somebody asks for notes again."""
        return self._stream.depth()

    def check(self) -> None:
        """Return if Redis answers; raises `BackendUnavailable`."""
        self._stream.check()

    def close(self) -> None:
        """Let go of all connections."""
        self._stream.close()
