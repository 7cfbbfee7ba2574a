"""Where events go: who waits for one radiograph hears at once, everybody else a moment later and many at a time.

`notify` is called on the hot path, so it only wakes the waiting senders and puts the event aside. One thread then
takes all events that gathered, gives them to the log and the metrics, writes them to the timeline in one transaction
and tells the listening pages that something changed. A verdict is written before `notify` returns.

What other processes did comes from the timeline they share; see `lingula.wiring.follower`.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields

from lingula.errors import BackendUnavailable
from lingula.log import action_name, action_of
from lingula.radiology.identifiers import InstanceId
from lingula.records.records import StoredInstance, TimelineEntry
from lingula.triage.events import AssessmentFailed, Event, InstanceAssessed, InstanceNotEligible, StudyReviewed
from lingula.wiring.follower import Elsewhere, Follower

GATHER_SECONDS = 0.1  # events of this long go into one transaction; a page that follows them is that late
RETRY_SECONDS = 1.0
REMEMBERED = 4096  # instances finished lately, for senders who ask a moment after
MOST_PENDING = 50_000  # events kept while the records do not answer
MOST_AT_ONCE = 1000  # rows of one transaction
LOOK_SECONDS = 2.0  # who waits for work done elsewhere is never longer without a look at the record itself
FINISHING = frozenset({action_name(InstanceAssessed), action_name(InstanceNotEligible)})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What whoever waits for an instance is told: that it has left `received`, and its record if it came along."""

    stored: StoredInstance | None = None


class EventHub:
    """Fans each event out; `notify` may be called from any thread.

    Parameters
    ----------
    add_timeline
        Writes rows of the timeline; `Records.add_timeline`.
    followers
        Called with every event in order, in the hub's own thread: the log and the metrics.
    elsewhere
        How to learn what other processes did; None if there is no other.
    """

    def __init__(
        self,
        add_timeline: Callable[[Sequence[TimelineEntry]], None],
        followers: Sequence[Callable[[Event], None]],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._add_timeline = add_timeline
        self._followers = followers
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._pending: deque[Event] = deque()
        self._unwritten: list[TimelineEntry] = []
        self._something = threading.Event()
        self._stopping = threading.Event()
        self._finished: dict[InstanceId, None] = {}  # in the order they finished
        self._waiting: dict[InstanceId, list[_Waiter]] = {}
        self._listening: set[Signal] = set()
        self._thread = threading.Thread(target=self._run, name="lingula-events", daemon=True)
        self._elsewhere = elsewhere
        self._follower = Follower(elsewhere.timeline, self._hear) if elsewhere else None

    def start(self) -> None:
        """Begin to fan out."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is pending and end."""
        if self._follower is not None:
            self._follower.stop()
        self._stopping.set()
        self._something.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def notify(self, event: Event) -> None:
        """Take an event; returns at once, but for a verdict, which is written first."""
        waiters: Sequence[_Waiter] = ()
        with self._lock:
            self._pending.append(event)
            if (instance := _finished_instance(event)) is not None:
                self._remember(instance)
                waiters = self._waiting.pop(instance, ())
        for waiter in waiters:
            waiter.give()
        self._something.set()
        if isinstance(event, StudyReviewed):
            self.flush()

    def hand_over(self, stored: StoredInstance) -> None:
        """Lay down what has just been recorded for whoever waits for it here, and will hear of it by the event."""
        with self._lock:
            for waiter in self._waiting.get(stored.new.id, ()):
                waiter.stored = stored

    async def wait_for(self, instance: InstanceId, seconds: float) -> Finished | None:
        """Wait until the instance has left `received`; None if it has not within `seconds`.

        An instance that finished just before the call counts, until `forget`.
        """
        waiter = _Waiter()
        with self._lock:
            if instance in self._finished:
                return Finished()
            self._waiting.setdefault(instance, []).append(waiter)
        try:
            with self._followed():
                is_finished = await self._wait(waiter, instance, seconds)
                return Finished(stored=waiter.stored) if is_finished else None
        finally:
            with self._lock:
                others = [one for one in self._waiting.pop(instance, ()) if one is not waiter]
                if others:
                    self._waiting[instance] = others

    def forget(self, instance: InstanceId) -> None:
        """Take an instance for unfinished again: it was replayed, here or by a process that nobody hears."""
        with self._lock:
            self._finished.pop(instance, None)

    @contextmanager
    def listen(self) -> Iterator["Signal"]:
        """Give a signal that says when the timeline has grown; several changes between two looks count as one."""
        signal = Signal()
        with self._lock:
            self._listening.add(signal)
        try:
            with self._followed():
                yield signal
        finally:
            with self._lock:
                self._listening.discard(signal)

    def flush(self) -> None:
        """Give everything pending to the followers and the timeline now."""
        with self._writing:
            with self._lock:
                events = list(self._pending)
                self._pending.clear()
            for event in events:
                for follow in self._followers:
                    follow(event)
                self._unwritten.append(_entry(event))
            self._write()

    def _write(self) -> None:
        if len(self._unwritten) > MOST_PENDING:
            dropped = len(self._unwritten) - MOST_PENDING
            del self._unwritten[:dropped]
            _log.error("the timeline lost its oldest entries, the records do not answer", extra={"count": dropped})
        wrote = False
        while self._unwritten:
            some = self._unwritten[:MOST_AT_ONCE]
            try:
                self._add_timeline(some)
            except BackendUnavailable as error:
                _log.warning("the timeline cannot be written, trying again", extra={"reason": str(error)})
                break
            del self._unwritten[: len(some)]
            wrote = True
        if wrote:
            self._tell_listeners()

    def _tell_listeners(self) -> None:
        with self._lock:
            listening = list(self._listening)
        for one in listening:
            one.give()

    def _followed(self) -> AbstractContextManager[None]:
        return self._follower.followed() if self._follower else nullcontext()

    def _hear(self, entries: Sequence[TimelineEntry]) -> None:
        """Take what the timeline says, whoever wrote it."""
        waiters: list[_Waiter] = []
        with self._lock:
            for instance in filter(None, map(_finished_in, entries)):
                self._remember(instance)
                waiters += self._waiting.pop(instance, ())
        for waiter in waiters:
            waiter.give()
        self._tell_listeners()

    async def _wait(self, waiter: "_Waiter", instance: InstanceId, seconds: float) -> bool:
        """Wait for the signal; where others work too, also look at the record now and then."""
        if self._elsewhere is None:
            return await waiter.changed(seconds)
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if await waiter.changed(max(0.0, min(left, LOOK_SECONDS))):
                return True
            if await asyncio.to_thread(self._elsewhere.is_finished, instance):
                return True
            if left <= LOOK_SECONDS:
                return False

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._something.wait(RETRY_SECONDS if self._unwritten else None)
            self._something.clear()
            time.sleep(GATHER_SECONDS)
            self.flush()

    def _remember(self, instance: InstanceId) -> None:
        self._finished[instance] = None
        if len(self._finished) > REMEMBERED:
            del self._finished[next(iter(self._finished))]


class Signal:
    """A flag raised from any thread and awaited in the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._flag = asyncio.Event()

    def give(self) -> None:
        """Raise the flag; without effect once the loop has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._flag.set)

    async def changed(self, seconds: float) -> bool:
        """Wait for the flag and lower it; False if it was not raised within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._flag.wait()
        except TimeoutError:
            return False
        self._flag.clear()
        return True


class _Waiter(Signal):
    """Who waits for one instance, and what was recorded of it if that is known when the flag is raised."""

    stored: StoredInstance | None = None


def _finished_instance(event: Event) -> InstanceId | None:
    match event:
        case InstanceAssessed() | InstanceNotEligible():
            return event.instance
        case AssessmentFailed(is_parked=True):
            return event.instance
        case _:
            return None


def _finished_in(entry: TimelineEntry) -> InstanceId | None:
    """Say the same of an entry of the timeline as `_finished_instance` of the event behind it."""
    is_finished = entry.action in FINISHING or (
        entry.action == action_name(AssessmentFailed) and bool(entry.detail.get("is_parked"))
    )
    return entry.instance if is_finished else None


def _entry(event: Event) -> TimelineEntry:
    standing = {"at", "site", "study", "instance"}
    detail = {one.name: getattr(event, one.name) for one in fields(event) if one.name not in standing}
    return TimelineEntry(
        action=action_of(event),
        at=event.at,
        site=event.site,
        study=event.study,
        instance=getattr(event, "instance", None),
        detail=detail,
    )
