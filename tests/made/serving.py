"""A real HTTP server for a hospital in memory, on a port of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from made.hospital import Hospital


@contextmanager
def serving(hospital: Hospital) -> Iterator[str]:
    """Let a real server serve the hospital; gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(hospital.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
