"""While a broker does not answer, a door must not wait for it again and again: the note can be written later."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lingula.errors import BackendUnavailable

_SECONDS = 2.0
_SLOW_SECONDS = 0.5  # a refusal that came quicker costs nobody anything


class Outage:
    """After a call that failed slowly, fails the calls of the next two seconds at once.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._reason = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Let a call be made, or raise `BackendUnavailable` at once; remembers how it ended."""
        begun = self._clock()
        if begun < self._until:
            raise BackendUnavailable(self._reason)
        try:
            yield
        except BackendUnavailable as error:
            if self._clock() - begun >= _SLOW_SECONDS:
                self._reason, self._until = str(error), self._clock() + _SECONDS
            raise
