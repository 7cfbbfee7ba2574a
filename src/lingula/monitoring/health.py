"""Is the program alive, and can it take and assess radiographs now? For probes, load balancers and people.

Alive means that this process answers; restarting it helps if not. Ready means that every part it needs answers too;
sending elsewhere helps if not. A part that hangs is as bad as one that fails, so each is asked in its own thread and
given a limited time; one that still hangs is not asked a second time.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from lingula.errors import LingulaError

Check = Callable[[], None]
"""Returns if a part is well; raises with the reason if not."""

_Answer = tuple[float, Exception | None]  # seconds, what was raised


@dataclass(frozen=True, kw_only=True)
class PartHealth:
    """One part's answer; `reason` is None if it is well."""

    name: str
    is_well: bool
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class HealthReport:
    """Every part's answer; ready if all are well."""

    is_ready: bool
    parts: Sequence[PartHealth]


class Health:
    """Asks all parts, remembering the answer for a moment so that many probes cost one look.

    >>> Health({"store": lambda: None}).report().is_ready
    True

    Parameters
    ----------
    checks
        By the part's name, for example ``store``, ``queue``, ``records``, ``model``.
    limit_seconds
        How long one part may take; all are asked at the same time.
    remember_seconds
        For how long an answer holds.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        limit_seconds: float = 2.0,
        remember_seconds: float = 1.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = dict(checks)
        self._limit_seconds = limit_seconds
        self._remember_seconds = remember_seconds
        self._timer = timer
        self._lock = threading.Lock()
        self._asked: dict[str, Future[_Answer]] = {}
        self._last: HealthReport | None = None
        self._last_at = float("-inf")

    def add(self, name: str, check: Check) -> None:
        """Ask one more part from the next look on; a part of that name is asked in this way instead."""
        with self._lock:
            self._checks[name] = check
            self._last = None

    def is_alive(self) -> bool:
        """Return True: whoever gets this answer has reached a process that works."""
        return True

    def report(self) -> HealthReport:
        """Ask every part, or give the answer of a moment ago."""
        with self._lock:
            if self._last is None or self._timer() - self._last_at >= self._remember_seconds:
                self._last = self._look()
                self._last_at = self._timer()
            return self._last

    def _look(self) -> HealthReport:
        for name, check in self._checks.items():
            if name not in self._asked:
                self._asked[name] = self._ask(name, check)
        wait(self._asked.values(), timeout=self._limit_seconds)
        parts = [self._answer(name) for name in self._checks]
        return HealthReport(is_ready=all(part.is_well for part in parts), parts=parts)

    def _ask(self, name: str, check: Check) -> Future[_Answer]:
        asked: Future[_Answer] = Future()

        def run() -> None:
            started = self._timer()
            error: Exception | None = None
            try:
                check()
            except Exception as raised:  # noqa: BLE001 - a part may fail in any way, and every way means not ready
                error = raised
            asked.set_result((self._timer() - started, error))

        threading.Thread(target=run, name=f"lingula-health-{name}", daemon=True).start()
        return asked

    def _answer(self, name: str) -> PartHealth:
        if not self._asked[name].done():  # it stays asked, so that hanging threads do not pile up
            late = f"no answer within {self._limit_seconds:g} seconds"
            return PartHealth(name=name, is_well=False, seconds=self._limit_seconds, reason=late)
        seconds, error = self._asked.pop(name).result()
        # Only Lingula's own messages are known to carry no identity or password.
        reason = None if error is None else str(error) if isinstance(error, LingulaError) else type(error).__name__
        return PartHealth(name=name, is_well=error is None, seconds=seconds, reason=reason)
