"""The threads of a running system: workers that assess, one that looks after what was lost, and what runs beside."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lingula.errors import BackendUnavailable
from lingula.triage.upkeep import Upkeep
from lingula.triage.worker import Worker, repeat

_LONGEST_STOP_SECONDS = 30.0  # what is under way is finished first


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
    """Workers and upkeep, started and stopped together.

    Parameters
    ----------
    workers
        One thread each.
    upkeep
        Looks once at the start, then every `upkeep_every_seconds`.
    rounds
        What else is done again and again.
    """

    def __init__(
        self, workers: Sequence[Worker], upkeep: Upkeep, upkeep_every_seconds: float, rounds: Sequence[Round] = ()
    ) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=worker.run, args=(self._stop,), name=f"lingula-worker-{number}", daemon=True)
            for number, worker in enumerate(workers)
        ]
        self._upkeep = upkeep
        self._is_rebuilt = False
        looking = Round(name="upkeep", work=self._look, every_seconds=upkeep_every_seconds)
        self._threads += [
            threading.Thread(target=one.run, args=(self._stop,), name=f"lingula-{one.name}", daemon=True)
            for one in (looking, *rounds)
        ]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every thread finish what it has begun, and wait for it."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_LONGEST_STOP_SECONDS)

    def check(self) -> None:
        """Return if all threads are at work; raises `BackendUnavailable` if one ended."""
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        if ended:
            raise BackendUnavailable(f"{ended[0]} has ended; the log says why, start Lingula again")

    def _look(self) -> None:
        """Mend what was left behind first, then look for what was lost."""
        if not self._is_rebuilt:
            self._upkeep.rebuild_queue()
            self._is_rebuilt = True
        self._upkeep.run_once()
