"""A bounded amount of something that requests share: bytes in memory, listeners on the line."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from lingula.doors.http.problems import Refused


class Budget:
    """How much may be in use at once; belongs to the event loop, so it needs no lock.

    >>> budget = Budget(100, "too much is being received; send it again in a moment")
    >>> with budget.reserve(60) as share:
    ...     share.grow_to(70)
    ...     budget.free
    30
    >>> budget.free
    100
    """

    def __init__(self, at_most: int, advice: str) -> None:
        self.free = at_most
        self._advice = advice

    def check(self, amount: int) -> None:
        """Raise `Refused` (503, with Retry-After) when there is not enough left."""
        if amount > self.free:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too much at once", self._advice, retry_after_seconds=1.0)

    def take(self, amount: int) -> None:
        """Take some away; raises as `check`."""
        self.check(amount)
        self.free -= amount

    @contextmanager
    def reserve(self, amount: int) -> Iterator["Share"]:
        """Hold a share for a while; raises as `check`."""
        share = Share(self)
        share.grow_to(amount)
        try:
            yield share
        finally:
            self.free += share.amount


class Share:
    """What one request holds of a budget; it may grow while the request is read."""

    def __init__(self, budget: Budget) -> None:
        self.amount = 0
        self._budget = budget

    def grow_to(self, amount: int) -> None:
        """Hold at least so much; raises as `Budget.check`."""
        if amount > self.amount:
            self._budget.take(amount - self.amount)
            self.amount = amount
