"""How many bytes all associations together may hold in memory."""

import threading
import time


class Memory:
    """A bounded amount of bytes shared by threads; who finds none free waits a while and then goes without.

    Waiting is back-pressure: an association that does not read lets the network slow its sender down.

    >>> memory = Memory(100)
    >>> memory.take(60, wait_seconds=0), memory.take(60, wait_seconds=0)
    (True, False)
    >>> memory.give(60)
    >>> memory.free
    100
    """

    def __init__(self, at_most: int) -> None:
        self.free = at_most
        self._given = threading.Condition()

    def take(self, amount: int, *, wait_seconds: float) -> bool:
        """Take an amount; False if it did not become free within `wait_seconds`."""
        deadline = time.monotonic() + wait_seconds
        with self._given:
            while amount > self.free:
                if not self._given.wait(deadline - time.monotonic()):
                    return False
            self.free -= amount
        return True

    def give(self, amount: int) -> None:
        """Give an amount back."""
        with self._given:
            self.free += amount
            self._given.notify_all()
