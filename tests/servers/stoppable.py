"""A server that a test stops and starts again at the same place, with what it kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack


class Stoppable:
    """A server's life after life.

    Parameters
    ----------
    start
        Gives a life: the server runs while its block lasts.
    """

    def __init__(self, start: Callable[[], AbstractContextManager[object]]) -> None:
        self._start = start
        self._running = ExitStack()

    def start(self) -> None:
        """Let it run."""
        self._running.enter_context(self._start())

    def stop(self) -> None:
        """Let it end."""
        self._running.close()
