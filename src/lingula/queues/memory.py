"""A queue in this process's memory: the embedded default.

It forgets when the program stops; that costs nothing but a moment, because `upkeep` writes the notes again from the
record when the program starts.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Lock
from urllib.parse import parse_qs, urlsplit

from lingula.errors import SettingsError
from lingula.queues.queue import Note
from lingula.radiology.identifiers import InstanceId

DEFAULT_LEASE_SECONDS = 60.0  # far longer than an assessment takes, short enough for a dead worker's notes


@dataclass(frozen=True, kw_only=True)
class _Lease:
    instance: InstanceId
    until: float  # seconds of the clock


class MemoryQueue:
    """Notes in the order they were put; threads that wait are woken at once.

    >>> queue = MemoryQueue()
    >>> queue.put(InstanceId("i1"))
    >>> note, = queue.take(at_most=4, wait_seconds=0)
    >>> queue.done(note)
    >>> queue.depth()
    0
    """

    def __init__(
        self, *, lease_seconds: float = DEFAULT_LEASE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._changed = Condition(Lock())
        self._number = count(1)
        # What waits, oldest first, with the receipt of the lease it fell back from ("" if none).
        self._waiting: OrderedDict[InstanceId, str] = OrderedDict()
        self._delayed: list[tuple[float, int, InstanceId]] = []  # a heap by when it is due
        self._delayed_instances: set[InstanceId] = set()
        self._leases: OrderedDict[str, _Lease] = OrderedDict()  # all last equally long: the first ends first

    @classmethod
    def from_url(cls, url: str) -> "MemoryQueue":
        """Open ``memory://`` or ``memory://?lease_seconds=60``; raises `SettingsError` for anything else."""
        try:
            asked = parse_qs(urlsplit(url).query, strict_parsing=bool(urlsplit(url).query))
            lease_seconds = float(asked.pop("lease_seconds", [str(DEFAULT_LEASE_SECONDS)])[-1])
        except ValueError as error:
            raise SettingsError(f"LINGULA_QUEUE_URL: {url!r} is not of the form memory://?lease_seconds=60") from error
        if asked or not 0 < lease_seconds < float("inf"):
            raise SettingsError(f"LINGULA_QUEUE_URL: {url!r}: only lease_seconds, greater than 0, may be given")
        return cls(lease_seconds=lease_seconds)

    def put(self, instance: InstanceId) -> None:
        """Add a note, unless the instance waits already."""
        with self._changed:
            if instance not in self._waiting and instance not in self._delayed_instances:
                self._waiting[instance] = ""
                self._changed.notify()

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Note]:
        """Lease up to `at_most` notes, waiting up to `wait_seconds` for the first."""
        deadline = self._clock() + wait_seconds
        with self._changed:
            while True:
                now = self._clock()
                self._return_what_is_due(now)
                if self._waiting:
                    return self._lease(at_most, now)
                if now >= deadline:
                    return []
                # A lease begun by another while we wait is seen at the latest when one could have ended.
                self._changed.wait(min(deadline, self._next_due(), now + self._lease_seconds) - now)

    def done(self, *notes: Note) -> None:
        """Take notes away for good, even those whose lease has ended meanwhile."""
        with self._changed:
            for note in notes:
                if self._leases.pop(note.receipt, None) is None and self._waiting.get(note.instance) == note.receipt:
                    del self._waiting[note.instance]

    def give_back(self, note: Note, delay_seconds: float) -> None:
        """Let somebody try again after a delay."""
        with self._changed:
            lease = self._leases.pop(note.receipt, None)
            is_there = note.instance in self._waiting or note.instance in self._delayed_instances
            if lease is None or is_there:
                return
            heappush(self._delayed, (self._clock() + delay_seconds, next(self._number), note.instance))
            self._delayed_instances.add(note.instance)
            self._changed.notify()

    def depth(self) -> int:
        """Count the notes waiting or delayed, leased ones not included."""
        with self._changed:
            self._return_what_is_due(self._clock())
            return len(self._waiting) + len(self._delayed)

    def check(self) -> None:
        """Return: memory always answers."""

    def close(self) -> None:
        """Return: memory holds no connection."""

    def _lease(self, at_most: int, now: float) -> list[Note]:
        notes: list[Note] = []
        while self._waiting and len(notes) < at_most:
            instance, _ = self._waiting.popitem(last=False)
            note = Note(instance=instance, receipt=str(next(self._number)))
            self._leases[note.receipt] = _Lease(instance=instance, until=now + self._lease_seconds)
            notes.append(note)
        return notes

    def _return_what_is_due(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            _, _, instance = heappop(self._delayed)
            self._delayed_instances.discard(instance)
            self._waiting.setdefault(instance, "")
        while self._leases and next(iter(self._leases.values())).until <= now:
            receipt, lease = self._leases.popitem(last=False)
            if lease.instance not in self._waiting and lease.instance not in self._delayed_instances:
                self._waiting[lease.instance] = receipt
                self._waiting.move_to_end(lease.instance, last=False)  # it has waited longest

    def _next_due(self) -> float:
        due = [self._delayed[0][0]] if self._delayed else []
        due += [next(iter(self._leases.values())).until] if self._leases else []
        return min(due, default=float("inf"))
