"""How a sender waits: as long as it is told to, else longer each time, and never in step with other senders."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lingula.errors import BackendUnavailable

ATTEMPTS = 8
LONGEST_WAIT_SECONDS = 30.0
NOT_SAID = 0.0  # a `BackendUnavailable` with this pause leaves its length to the sender

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Asks again while nobody answers; safe to use from several threads.

    >>> Patience(wait=print).until_answered(lambda: "kept")
    'kept'

    Parameters
    ----------
    wait
        Called with the seconds to pause between two attempts; injected for tests.
    attempts
        How often one radiograph is tried.
    """

    wait: Callable[[float], object] = time.sleep
    attempts: int = ATTEMPTS
    _again: list[None] = field(default_factory=list, repr=False)  # one for each; appending needs no lock

    @property
    def again(self) -> int:
        """How often something was tried again so far."""
        return len(self._again)

    def until_answered(self, ask: Callable[[], T]) -> T:
        """Give what `ask` gives, asking again each time it raises `BackendUnavailable`.

        Raises
        ------
        BackendUnavailable
            The last one, when all attempts are used up.
        """
        for attempt in range(self.attempts - 1):
            try:
                return ask()
            except BackendUnavailable as error:
                said = error.retry_after_seconds
            self._again.append(None)
            self.wait(min(LONGEST_WAIT_SECONDS, said) if said > NOT_SAID else growing_seconds(attempt))
        return ask()


def growing_seconds(attempt: int) -> float:
    """Give the pause after an attempt, counted from 0: a quarter of a second at first, then twice as long each time."""
    return float(min(LONGEST_WAIT_SECONDS, 0.25 * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
