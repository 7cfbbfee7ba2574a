"""What other processes did, read from the timeline: so that who waits here hears of work done elsewhere.

One thread looks at the record a few times a second, and only while somebody waits or listens; nobody waiting costs
nothing. The record numbers its timeline, so a look asks only for what is new.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from lingula.errors import BackendUnavailable, NotFound
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Status
from lingula.records.records import Records, TimelineEntry

EVERY_SECONDS = 0.1
RETRY_SECONDS = 1.0  # while the records do not answer
LINGER_SECONDS = 2.0  # who waits often need not begin anew each time
AT_ONCE = 1000  # entries of one look
OVERLAP = 200  # entries looked at once more in the beginning: what happened while somebody was about to wait

_NEWEST = -1
_log = logging.getLogger(__name__)


class ReadTimeline(Protocol):
    """`Records.timeline`."""

    def __call__(self, after: int, sites: None, at_most: int) -> Sequence[TimelineEntry]:
        """Give entries with a greater number, oldest first; `after=-1` gives the newest entry only."""
        ...


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """How this process learns what others did."""

    timeline: ReadTimeline
    is_finished: Callable[[InstanceId], bool]

    @classmethod
    def of(cls, records: Records) -> "Elsewhere":
        """Ask the records; those that do not answer know of nothing finished."""

        def is_finished(instance: InstanceId) -> bool:
            try:
                return records.instance(instance).status is not Status.RECEIVED
            except (BackendUnavailable, NotFound):
                return False

        return cls(timeline=records.timeline, is_finished=is_finished)


class Follower:
    """Tells of new entries of the timeline, whoever wrote them, while it is asked to.

    Parameters
    ----------
    tell
        Called with entries in order, in the follower's own thread; some may be told twice.
    """

    def __init__(self, timeline: ReadTimeline, tell: Callable[[Sequence[TimelineEntry]], None]) -> None:
        self._timeline, self._tell = timeline, tell
        self._changed = threading.Condition()
        self._asking = 0
        self._wanted_until = 0.0
        self._is_stopping = False
        self._after: int | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow while the block lasts; several may ask at the same time."""
        with self._changed:
            self._asking += 1
            if self._thread is None and not self._is_stopping:
                self._thread = threading.Thread(target=self._run, name="lingula-follower", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._asking -= 1
                self._wanted_until = time.monotonic() + LINGER_SECONDS

    def stop(self) -> None:
        """Look no more."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        is_answering = True
        while self._is_wanted():
            try:
                self._look()
            except BackendUnavailable as error:
                if is_answering:
                    _log.warning("the timeline cannot be followed, trying again", extra={"reason": str(error)})
                is_answering = False
            else:
                is_answering = True
            self._pause(EVERY_SECONDS if is_answering else RETRY_SECONDS)

    def _is_wanted(self) -> bool:
        """Wait until somebody asks; False once all is to end."""
        with self._changed:
            while not self._is_stopping and self._asking == 0 and time.monotonic() >= self._wanted_until:
                self._after = None
                self._changed.wait()
            return not self._is_stopping

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while not self._is_stopping and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def _look(self) -> None:
        if self._after is None:
            newest = self._timeline(_NEWEST, None, 1)
            self._after = max(0, newest[-1].number - OVERLAP) if newest else 0
        if entries := self._timeline(self._after, None, AT_ONCE):
            self._after = entries[-1].number
            self._tell(entries)
