"""A worker takes notes from the queue, a few at a time, and lets the assessor do the rest.

It takes what waits and never waits to fill a batch. This is the only place where a broad `except` stands: whatever a
radiograph sets off is logged with its trace, counted, and in the end recorded as a failure that a person sees.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from lingula.errors import BackendUnavailable, LingulaError
from lingula.queues.queue import Note, WorkQueue
from lingula.triage.assess import Assessor

_log = logging.getLogger(__name__)

_WAIT_SECONDS = 0.5  # how long one look at an empty queue lasts, and so how soon a worker notices that it should stop
_SHORTEST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.1, 15.0  # between two looks at a place that does not answer


def repeat(work: Callable[[], object], stop: Event, every_seconds: float) -> None:
    """Do something at once and then every few seconds until `stop` is set, whatever it meets; upkeep runs in this."""
    while not stop.is_set():
        try:
            work()
        except BackendUnavailable as error:
            _log.warning("a place does not answer", extra={"reason": str(error), "seconds": every_seconds})
        except Exception:  # noqa: BLE001 - what keeps the house must outlive whatever it met
            _log.exception("a round stopped unforeseen; the next one follows", extra={"seconds": every_seconds})
        stop.wait(every_seconds)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Works until it is told to stop; several may run in one process or in many.

    >>> threading.Thread(target=worker.run, args=(stop,)).start()  # doctest: +SKIP

    Parameters
    ----------
    batch_size
        The most instances assessed together.
    retry_delay_seconds
        The wait before a failed attempt is tried again; during an outage it doubles with every try, up to 15 seconds.
    """

    queue: WorkQueue
    assessor: Assessor
    batch_size: int = 4
    retry_delay_seconds: float = 5.0

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; what is under way is finished first."""
        outages = 0
        while not stop.is_set():
            try:
                self.work_once(_WAIT_SECONDS)
            except BackendUnavailable as error:
                delay = self.delay_after(outages)
                _log.warning("a place does not answer", extra={"reason": str(error), "seconds": delay})
            except Exception:  # noqa: BLE001 - a worker thread must outlive whatever it met
                delay = self.delay_after(outages)
                _log.exception("a worker stopped unforeseen and goes on", extra={"seconds": delay})
            else:
                outages = 0
                continue
            outages += 1
            stop.wait(delay)

    def work_once(self, wait_seconds: float = 0.0) -> int:
        """Take what waits, up to one batch, assess it, and say how many notes that were.

        Raises
        ------
        BackendUnavailable
            If a place does not answer; the notes are given back, or come back by themselves when their lease ends.
        """
        notes = self.queue.take(self.batch_size, wait_seconds)
        try:
            self.assess(notes)
        except BackendUnavailable as error:
            for note in notes:
                self.queue.give_back(note, max(self.retry_delay_seconds, error.retry_after_seconds))
            raise
        return len(notes)

    def assess(self, notes: Sequence[Note]) -> None:
        """Assess notes together; if one of them fails unforeseen, each alone, so that it fails alone.

        Raises
        ------
        BackendUnavailable
            If a place does not answer; the notes not yet done are still leased.
        """
        if not notes:
            return
        try:
            left = self.assessor.assess_untried(notes)
        except BackendUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one radiograph's mishap must not stop the others
            _log.exception("an assessment stopped unforeseen", extra={"count": len(notes)})
            if len(notes) == 1:
                self._fail(notes[0], error)
                return
            left = notes
        for note in left:
            self._assess_alone(note)

    def _assess_alone(self, note: Note) -> None:
        try:
            self.assessor.assess_alone(note)
        except BackendUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the same
            _log.exception("an assessment stopped unforeseen", extra={"count": 1})
            self._fail(note, error)

    def _fail(self, note: Note, error: Exception) -> None:
        # Only Lingula's own messages are known to carry no identity; of others the type alone is repeated.
        reason = str(error) if isinstance(error, LingulaError) else type(error).__name__
        if self.assessor.park(note.instance, reason):
            self.queue.done(note)
        else:
            self.queue.give_back(note, self.retry_delay_seconds)

    def delay_after(self, outages: int) -> float:
        """Give the seconds to wait after so many outages in a row."""
        first = max(_SHORTEST_DELAY_SECONDS, self.retry_delay_seconds)
        return min(_LONGEST_DELAY_SECONDS, first * 2.0 ** min(outages, 10))
