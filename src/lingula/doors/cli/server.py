"""Runs the HTTP door until it is told to stop, and leaves nothing half-done behind."""

import asyncio
import errno
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import uvicorn

from lingula.doors.cli.output import say
from lingula.errors import LingulaError, SettingsError

if TYPE_CHECKING:
    from lingula.doors.standing import OpenDoors
    from lingula.wiring import System

_NEXT_PORTS = 20
_BACKLOG = 256  # connections waiting to be taken
_STOP_SECONDS = 3  # open pages that follow events are let go after this long


def bind(host: str, port: int, *, or_next: bool = False) -> socket.socket:
    """Take the port before anything slow begins.

    Parameters
    ----------
    or_next
        Take one of the next ports if this one is taken.

    Raises
    ------
    SettingsError
        If the port is taken or may not be used; the message says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + _NEXT_PORTS, 65535) + 1 if or_next and port else port + 1):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
        except OSError as error:
            listening.close()
            if error.errno == errno.EADDRINUSE and candidate < port + _NEXT_PORTS and or_next:
                continue
            raise SettingsError(
                f"cannot listen on {host} port {candidate}: {os.strerror(error.errno or 0)}; stop what uses it, or "
                "choose another with --port or LINGULA_HTTP_PORT"
            ) from error
        return listening
    raise SettingsError(f"ports {port} to {port + _NEXT_PORTS} are all taken; choose another with --port")


def address_of(listening: socket.socket) -> str:
    """Give the URL of a bound socket as a browser on this machine writes it."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - read, not bound
    return f"http://{shown}:{port}"


def serve_http(
    system: "System", listening: socket.socket, announce: Callable[[], None], *, must_open: bool = True
) -> None:
    """Start the system, answer requests until a signal comes, and stop the system whatever happens.

    The doors that stand open by themselves open right after HTTP answers, and close before the system stops.

    Parameters
    ----------
    announce
        Called once requests are answered.
    must_open
        Whether the program ends if one of those doors cannot be opened; if not, it is only said.

    Raises
    ------
    SettingsError, BackendUnavailable
        If a door cannot be opened, once everything is stopped.
    """
    from lingula.doors.http.app import create_app
    from lingula.doors.standing import OpenDoors

    app = create_app(system)
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",  # a second Ctrl-C would break it off with a trace; the door is closed below in any case
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    signal.signal(signal.SIGTERM, _end)
    doors = OpenDoors(system)
    server = _Server(config, announce, doors, must_open=must_open)
    try:
        gc.collect()
        gc.freeze()  # what is loaded by now stays; looking through it again and again would make answers wait
        system.start()
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        doors.close()
        app.state.door.close()
        system.stop()
    if server.error is not None:
        raise server.error


class _Server(uvicorn.Server):
    """Says when it is ready, then opens the other doors; closes them while it closes itself."""

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], None], doors: "OpenDoors", *, must_open: bool
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._doors = doors
        self._must_open = must_open
        self.error: LingulaError | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        self._announce()
        threading.Thread(target=self._open_doors, name="lingula-doors", daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nothing new in through any door, and finish what is begun."""
        closing = asyncio.get_running_loop().run_in_executor(None, self._doors.close)
        await super().shutdown(sockets)
        await closing

    def _open_doors(self) -> None:
        try:
            self._doors.open()
        except LingulaError as error:
            if self._must_open:
                self.error = error
                self.should_exit = True  # said by whoever runs the program, once everything is stopped
            else:
                say(f"a door stays closed: {error}")


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signature of a signal's function
    """Leave through every `finally`, which a plain SIGTERM would not."""
    sys.exit(0)
