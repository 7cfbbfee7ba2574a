"""The threads of a running system: workers that assess, and what is done again and again beside them."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lingula.errors import BackendUnavailable
from lingula.triage.worker import Worker, repeat

LONGEST_STOP_SECONDS = 20.0  # what is under way is finished first; orchestrators kill after 30

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Round:
    """Something that is done again and again in a thread of its own."""

    name: str
    work: Callable[[], object]
    every_seconds: float

    def run(self, stop: threading.Event) -> None:
        """Do it until `stop` is set."""
        repeat(self.work, stop, self.every_seconds)


class Crew:
    """Workers and rounds, started and stopped together; a process that only receives or shows has none.

    Parameters
    ----------
    workers
        One thread each.
    rounds
        What is done again and again, one thread each: upkeep, following the shelf, a candidate in shadow.
    """

    def __init__(self, workers: Sequence[Worker] = (), rounds: Sequence[Round] = ()) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=worker.run, args=(self._stop,), name=f"lingula-worker-{number}", daemon=True)
            for number, worker in enumerate(workers)
        ]
        self._threads += [
            threading.Thread(target=one.run, args=(self._stop,), name=f"lingula-{one.name}", daemon=True)
            for one in rounds
        ]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every thread finish what it has begun, and wait for it; whoever hangs in a place is left behind."""
        self._stop.set()
        deadline = time.monotonic() + LONGEST_STOP_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        if late := sum(thread.is_alive() for thread in self._threads):
            _log.warning(
                "threads did not finish in time; what they hold comes back by its lease", extra={"count": late}
            )

    def check(self) -> None:
        """Return if all threads are at work; raises `BackendUnavailable` if one ended."""
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        if ended:
            raise BackendUnavailable(f"{ended[0]} has ended; the log says why, start Lingula again")
