"""Looks into bound buckets: for those that send no events, and for events that were lost.

A look lists everything below the binding and reads what was not taken before. After one that found nothing new, the
pause is ten times as long as the look, so that looking takes a tenth of the time, but ten minutes at most. A bucket
that has sent an event within the last hour is looked into every ten minutes only.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from lingula.doors.bucket.arrivals import Arrivals, Outcome, longest
from lingula.doors.bucket.notifications import ObjectPut
from lingula.errors import BackendUnavailable
from lingula.records.accounts import Binding

LONGEST_PAUSE_SECONDS = 600.0
SHARE = 10  # pauses are this many times as long as looks

_EVENTS_LATELY_SECONDS = 3600.0
_AT_ONCE = 64  # objects read side by side before the list goes on

_log = logging.getLogger(__name__)


class BucketLooks:
    """Looks into every bound bucket when its time has come.

    Parameters
    ----------
    every_seconds
        Between two looks into one bucket, at least.
    pool
        Threads that read several objects at a time.
    """

    def __init__(self, arrivals: Arrivals, every_seconds: float, pool: ThreadPoolExecutor) -> None:
        self._arrivals = arrivals
        self._every_seconds = every_seconds
        self._pool = pool
        self._due_at: dict[str, float] = {}
        self._down: set[str] = set()

    def look(self, stop: threading.Event) -> None:
        """Look wherever it is time; raises `BackendUnavailable` if the records do not answer."""
        bindings, timer = self._arrivals.bindings(), self._arrivals.timer
        for binding in bindings:
            began = timer()
            if stop.is_set() or began < self._due_at.get(binding.value, began):
                continue
            has_new = False
            try:
                has_new = self._look_into(binding, bindings, stop)
                self._down.discard(binding.value)
            except BackendUnavailable as error:
                if binding.value not in self._down:
                    _log.warning(
                        "a bucket cannot be looked into; it is tried again",
                        extra={"site": binding.site, "reason": str(error)},
                    )
                self._down.add(binding.value)
            took = 0.0 if has_new else timer() - began
            self._due_at[binding.value] = timer() + self._pause_seconds(binding, took)

    def _look_into(self, binding: Binding, bindings: Sequence[Binding], stop: threading.Event) -> bool:
        """Take what is new; True if there was anything."""
        parts = urlsplit(binding.value)
        folder = parts.path.strip("/")
        taken = self._arrivals.taken(binding)
        taken.refresh()
        present: set[bytes] = set()
        new: list[ObjectPut] = []
        has_new = False
        for put in self._arrivals.objects.listed(parts.netloc, f"{folder}/" if folder else ""):
            if longest(bindings, put.address) != binding:
                continue
            mark = self._arrivals.mark(binding, put)
            present.add(mark)
            if not taken.has(mark):
                new.append(put)
                has_new = True
            if len(new) == _AT_ONCE:
                self._take(new, binding)
                new = []
            if stop.is_set():
                break
        self._take(new, binding)
        taken.flush()
        if not stop.is_set():  # only a whole look knows what is gone
            taken.tidy(present)
        return has_new

    def _take(self, puts: Sequence[ObjectPut], binding: Binding) -> None:
        taken = self._arrivals.taken(binding)
        outcomes = self._pool.map(lambda put: self._arrivals.take(put, [binding]), puts)
        for put, outcome in zip(puts, outcomes, strict=True):
            if outcome is not Outcome.MISSING:
                taken.add(self._arrivals.mark(binding, put))  # under the name that the list has for it

    def _pause_seconds(self, binding: Binding, took_seconds: float) -> float:
        told_at = self._arrivals.told_at.get(urlsplit(binding.value).netloc, float("-inf"))
        has_events = self._arrivals.timer() - told_at < _EVENTS_LATELY_SECONDS
        wanted = LONGEST_PAUSE_SECONDS if has_events else min(SHARE * took_seconds, LONGEST_PAUSE_SECONDS)
        return max(self._every_seconds, wanted)
