"""SIGTERM is Ctrl-C for commands that tell at their end what became of everything: so `docker stop` hears the tally."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def stopped_in_order() -> Iterator[None]:
    """Let SIGTERM leave through every ``finally``, as Ctrl-C does, until the block ends."""
    if threading.current_thread() is not threading.main_thread():  # where Python sets no signals
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
