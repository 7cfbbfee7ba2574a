"""A TCP proxy between a program and a server, which can cut, stall and mend the line."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65536


class Proxy:
    """Carries bytes both ways between its own port and a server's.

    Parameters
    ----------
    target
        The server's port on this machine.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listening.getsockname()[1])
        self._flows = threading.Event()
        self._flows.set()
        self._is_cut = self._is_closed = False
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End every connection at once, and every new one as soon as it comes."""
        with self._guard:
            self._is_cut = True
            cut, self._open = self._open, set()
        for one in cut:
            _drop(one)
        self._flows.set()

    def stall(self) -> None:
        """Carry nothing any more, but keep the connections open: the worst a network does."""
        self._flows.clear()

    def mend(self) -> None:
        """Carry everything again; what was cut stays cut, new connections come through."""
        with self._guard:
            self._is_cut = False
        self._flows.set()

    def close(self) -> None:
        """Be no more."""
        self._is_closed = True
        self.cut()
        _drop(self._listening)
        self._thread.join(10)

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                _drop(near)
                continue
            far.settimeout(None)
            with self._guard:
                is_cut = self._is_cut
                if not is_cut:
                    self._open |= {near, far}
            if is_cut:
                _drop(near)
                _drop(far)
                continue
            for source, goal in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, goal), daemon=True).start()

    def _carry(self, source: socket.socket, goal: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flows.wait()
                goal.sendall(data)
        with self._guard:
            self._open -= {source, goal}
        _drop(source)
        _drop(goal)


def _drop(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """Run a proxy to a port of this machine until the block ends."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
