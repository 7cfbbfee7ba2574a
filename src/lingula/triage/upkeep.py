"""What was lost is found again: notes that never reached the queue, originals that never reached the record.

The record is the truth; the queue only says when to look. Upkeep compares them at the start and every few seconds, so
a radiograph may be late, never lost. Nothing expires here, and no original that a record points to is ever deleted.

Every process that works runs it. They need not agree on who does: a note is written again only while the queue has
fewer than the record has radiographs waiting, no more than are missing, the oldest first.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lingula.errors import BackendUnavailable, Conflict, NotAccepted, NotFound
from lingula.queues.queue import WorkQueue
from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.records.records import Records
from lingula.stores.store import ObjectStore
from lingula.triage.events import Clock, InstanceReplayed
from lingula.triage.originals import Original, month_prefixes, read_original_key
from lingula.triage.prepared import Timer
from lingula.triage.receive import Receiver

_log = logging.getLogger(__name__)

_MOST_NOTES = 10_000  # written by one look; the next one finds more
_AGAIN_SECONDS = 60.0  # no note is written more often by one process; a worker may have it under way
_EVER = timedelta(days=36500)  # whatever this machine's or another's clock said when it arrived
_SETTLED = timedelta(hours=1)  # no arrival takes that long between store and record
_SWEEP_EVERY = timedelta(hours=1)
_LOOK_BACK = timedelta(days=2)  # before the program started: what a power cut left behind


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one look found and mended."""

    requeued: int = 0
    adopted: int = 0


@dataclass(kw_only=True)
class Upkeep:
    """Looks after queue, record and store; one is enough, several do no harm. One thread calls it.

    >>> upkeep.rebuild_queue()  # doctest: +SKIP
    >>> repeat(upkeep.run_once, stop, every_seconds=10)  # doctest: +SKIP

    Parameters
    ----------
    unassessed_after_seconds
        An instance still not assessed after this long gets its note written again, if notes are missing.
    timer
        Seconds of a clock that never goes back; injected for tests. What waits is found overdue by this one too, so
        that a clock set back does not hide it.
    """

    records: Records
    queue: WorkQueue
    store: ObjectStore
    receiver: Receiver
    clock: Clock
    unassessed_after_seconds: float = 30.0
    timer: Timer = time.monotonic
    _swept_until: datetime | None = field(default=None, init=False, repr=False)
    _seen: dict[InstanceId, float] = field(default_factory=dict, init=False, repr=False)  # waiting, since when
    _noted: dict[InstanceId, float] = field(default_factory=dict, init=False, repr=False)  # and noted again, when

    def rebuild_queue(self) -> int:
        """Write a note for all that is recorded but not assessed: a queue in memory forgets them when it stops."""
        return self._write_missing(lambda waiting: waiting)

    def run_once(self) -> Found:
        """Look once: write lost notes again and, once an hour, see to originals that never reached the record.

        Raises
        ------
        BackendUnavailable
            If a place does not answer; the next look makes up for it.
        """
        now = self.clock()
        requeued = self._write_missing(self._overdue)
        if self._swept_until is not None and self._swept_until > now:
            self._swept_until = None  # the clock was set back
        since, until = self._swept_until or now - _LOOK_BACK, now - _SETTLED
        if until - since < _SWEEP_EVERY:
            return Found(requeued=requeued)
        adopted = self.adopt_originals(since, until)
        self._swept_until = until
        return Found(requeued=requeued, adopted=adopted)

    def adopt_originals(self, since: datetime, until: datetime) -> int:
        """Record the originals that were stored in this time but never recorded, and say how many.

        A power cut between store and record leaves one; records restored from an older backup leave many. Their
        senders may have been told that all is well, so nothing is thrown away.
        """
        adopted = 0
        for prefix in month_prefixes(since, until):
            for key in self.store.keys(prefix):
                original = read_original_key(key)
                if original is not None and since <= original.received_at < until and not self._is_recorded(original):
                    adopted += self._adopt(original)
        return adopted

    def replay(self, instance: InstanceId, asked_by: str = "an engineer") -> None:
        """Try a parked instance again from the beginning, and let the timeline tell who asked.

        Raises
        ------
        NotFound
            If there is no such instance.
        Conflict
            If it has not failed.
        BackendUnavailable
            If the record does not answer.
        """
        new = self.records.instance(instance).new
        self.records.reopen(instance)
        self.receiver.notify(
            InstanceReplayed(at=self.clock(), site=new.site, study=new.study, instance=instance, asked_by=asked_by)
        )
        try:
            self.queue.put(instance)
        except BackendUnavailable as error:
            _log.warning(
                "the queue is down; the next look writes the note", extra={"instance": instance, "reason": str(error)}
            )

    def replay_parked(self, sites: Collection[SiteName] | None, asked_by: str, at_most: int) -> int:
        """Try the newest parked instances of these sites again and say how many; None means all sites.

        One that somebody else replays at the same moment is left to them.

        Raises
        ------
        BackendUnavailable
            If the record does not answer; what was replayed before stays so.
        """
        count = 0
        for parked in self.records.parked(sites, at_most):
            try:
                self.replay(parked.new.id, asked_by)
            except Conflict:
                continue
            count += 1
        return count

    def _write_missing(self, choose: Callable[[Sequence[InstanceId]], Sequence[InstanceId]]) -> int:
        """Write notes again for those chosen of all that wait, but no more than the queue lacks.

        What a worker has under way is on no queue either, so it may be noted once more: one more look at the record.
        """
        waiting = self.records.unassessed(self.clock() + _EVER, _MOST_NOTES)
        chosen = choose(waiting)
        missing = len(waiting) - self.queue.depth() if chosen else 0
        for instance in chosen[: max(0, missing)]:
            self.queue.put(instance)
            self._noted[instance] = self.timer()
        return min(len(chosen), max(0, missing))

    def _overdue(self, waiting: Sequence[InstanceId]) -> Sequence[InstanceId]:
        """Choose those that have waited too long by either clock and were not noted again just now."""
        now = self.timer()
        self._seen = {instance: self._seen.get(instance, now) for instance in waiting}
        self._noted = {one: at for one, at in self._noted.items() if one in self._seen and now - at < _AGAIN_SECONDS}
        if not waiting:
            return []
        after = self.unassessed_after_seconds
        old = set(self.records.unassessed(self.clock() - timedelta(seconds=after), _MOST_NOTES))
        return [
            instance
            for instance in waiting
            if instance not in self._noted and (instance in old or now - self._seen[instance] >= after)
        ]

    def _is_recorded(self, original: Original) -> bool:
        try:
            return self.records.instance(original.instance).new.store_key == original.key
        except NotFound:
            return False

    def _adopt(self, original: Original) -> bool:
        try:
            return self.receiver.adopt(original)
        except (NotAccepted, NotFound) as error:
            _log.warning(
                "an original that was never recorded cannot be read",
                extra={"reason": str(error), "site": original.site},
            )
            return False
