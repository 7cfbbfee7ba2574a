"""Slows down who guesses passwords: the more failures, the longer the wait, per account and per address.

The delay grows to a minute and no further: a guesser gets some seventy tries an hour (ASVS allows a hundred), while a
doctor whose name somebody else is guessing waits a minute at most and is never locked out. Kept in this process's
memory only, bounded, oldest forgotten first.

References
----------
OWASP ASVS 4.0 V2.2.1; NIST SP 800-63B 5.2.2 on rate limiting.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FREE_TRIES_ACCOUNT = 5
FREE_TRIES_ADDRESS = 30  # a whole hospital may come from one address
LONGEST_DELAY_SECONDS = 60.0
FORGET_AFTER = timedelta(hours=1)
_AT_MOST = 10_000  # accounts and addresses remembered


@dataclass(frozen=True)
class _Failures:
    count: int
    last_at: datetime


class Throttle:
    """Counts tries to log in that have not succeeded.

    >>> from datetime import UTC
    >>> throttle, now = Throttle(), datetime(2026, 1, 1, tzinfo=UTC)
    >>> for _ in range(7):
    ...     throttle.note_try("ada", "10.0.0.7", now)
    >>> throttle.wait_seconds("ada", "10.0.0.8", now)
    4.0
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, account: str, address: str, now: datetime) -> float:
        """Give how long this account or address must still wait before its next try; 0 if it may try now."""
        with self._lock:
            return max(
                self._wait(f"account {account}", FREE_TRIES_ACCOUNT, now),
                self._wait(f"address {address}", FREE_TRIES_ADDRESS, now),
            )

    def note_try(self, account: str, address: str, now: datetime) -> None:
        """Count one try before its outcome is known, so that tries at the same time count too."""
        with self._lock:
            for key in (f"account {account}", f"address {address}"):
                before = self._failures.pop(key, None)
                count = before.count if before and now - before.last_at < FORGET_AFTER else 0
                self._failures[key] = _Failures(count + 1, now)
            while len(self._failures) > _AT_MOST:
                self._failures.popitem(last=False)

    def note_success(self, account: str, address: str) -> None:
        """Forget an account's failures, but of its address only this try: one good account must not unlock guessing."""
        with self._lock:
            self._failures.pop(f"account {account}", None)
            before = self._failures.pop(f"address {address}", None)
            if before and before.count > 1:
                self._failures[f"address {address}"] = replace(before, count=before.count - 1)

    def _wait(self, key: str, free_tries: int, now: datetime) -> float:
        failures = self._failures.get(key)
        if failures is None or failures.count < free_tries or now - failures.last_at >= FORGET_AFTER:
            return 0.0
        exponent = min(failures.count - free_tries, 10)
        delay = min(float(2**exponent), LONGEST_DELAY_SECONDS)
        return max(0.0, delay - (now - failures.last_at).total_seconds())
