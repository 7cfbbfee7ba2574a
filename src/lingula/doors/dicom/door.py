"""The DICOM door: listens, hands each connection to an association in a thread of its own, and closes in good order."""

import contextlib
import errno
import logging
import os
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

from lingula.doors.dicom.association import Association
from lingula.doors.dicom.house import Deadlines, House
from lingula.doors.dicom.memory import Memory
from lingula.doors.dicom.security import tls_context
from lingula.doors.dicom.wire import Wire
from lingula.errors import BackendUnavailable, SettingsError
from lingula.radiology.identifiers import SiteName

if TYPE_CHECKING:
    from lingula.wiring import System

_BACKLOG = 128
_LOOK_SECONDS = 0.5  # between two looks whether the door is to close
_CLOSE_SECONDS = 20.0  # an object under way may need so long to be whole
_SPARE_CONNECTIONS = 16  # those who only knock must not keep out those who send, and who is too many is told so

_log = logging.getLogger(__name__)


class DicomDoor:
    """C-ECHO and C-STORE for modalities, PACS and routers; a standing door.

    `port` is where, once it is open; `memory` is what all associations may hold.

    >>> door = DicomDoor(system)  # doctest: +SKIP
    >>> door.open()  # doctest: +SKIP
    >>> door.close()  # doctest: +SKIP
    """

    name = "dicom"

    def __init__(self, system: "System", deadlines: Deadlines | None = None) -> None:
        settings = system.settings
        self._host, self.port = settings.dicom_host, settings.dicom_port
        self._closing = threading.Event()
        self._tls = tls_context(settings)
        self._most_connections = 2 * settings.dicom_associations + _SPARE_CONNECTIONS
        self.memory = Memory(max(settings.uploads_in_flight_bytes, settings.upload_limit_bytes))
        self._house = House(
            ae_title=settings.dicom_ae_title,
            default_site=SiteName(settings.dicom_default_site) if settings.dicom_default_site else None,
            receiver=system.receiver,
            accounts=system.accounts,
            memory=self.memory,
            limit_bytes=settings.upload_limit_bytes,
            places=threading.BoundedSemaphore(settings.dicom_associations),
            idle_seconds=settings.dicom_idle_seconds,
            deadlines=deadlines or Deadlines(),
            is_closing=self._closing.is_set,
        )
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._listening: socket.socket | None = None
        self._accepting: threading.Thread | None = None

    def open(self) -> None:
        """Begin to listen.

        Raises
        ------
        SettingsError
            If the port is taken or may not be used.
        """
        self._listening = _listen(self._host, self.port)
        self.port = int(self._listening.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, name="lingula-dicom", daemon=True)
        self._accepting.start()
        _log.info(
            "the DICOM door is open",
            extra={"action": "door_opened", "door": self.name, "address": f"{self._host}:{self.port}"},
        )

    def close(self) -> None:
        """Take in nothing new, let what is under way become whole, and end."""
        self._closing.set()
        if self._listening is not None:
            with contextlib.suppress(OSError):  # wakes who accepts, where the system can; the others look soon
                self._listening.shutdown(socket.SHUT_RDWR)
        if self._accepting is not None:
            self._accepting.join()
        if self._listening is not None:
            self._listening.close()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._all():
            thread.join(max(0.0, deadline - time.monotonic()))
        left = len([thread for thread in self._all() if thread.is_alive()])
        if left:
            _log.warning("DICOM associations are broken off at the end", extra={"count": left})

    def check(self) -> None:
        """Return if it listens; raises `BackendUnavailable` if it has ended."""
        if self._accepting is None or not self._accepting.is_alive():
            raise BackendUnavailable("the DICOM door has ended; the log says why, start Lingula again")

    def _all(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._threads)

    def _accept(self) -> None:
        listening = self._listening
        while listening is not None and not self._closing.is_set():
            try:
                connection, address = listening.accept()
            except TimeoutError:
                continue
            except OSError as error:  # it is closing, no descriptors left, or the sender went before it was taken
                if not self._closing.is_set():
                    _log.warning("a DICOM connection was not taken", extra={"reason": os.strerror(error.errno or 0)})
                    time.sleep(_LOOK_SECONDS if error.errno in (errno.EMFILE, errno.ENFILE) else 0)
                continue
            self._begin(connection, str(address[0]))

    def _begin(self, connection: socket.socket, address: str) -> None:
        with self._lock:
            if len(self._threads) >= self._most_connections:
                connection.close()
                return
            thread = threading.Thread(
                target=self._run, args=(connection, address), name="lingula-dicom-sender", daemon=True
            )
            self._threads.add(thread)
        thread.start()

    def _run(self, connection: socket.socket, address: str) -> None:
        try:
            if self._tls is not None:
                connection.settimeout(self._house.deadlines.request_seconds)
                connection = self._tls.wrap_socket(connection, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Association(Wire(connection), self._house, address).run()
        except (OSError, ssl.SSLError) as error:
            connection.close()
            reason = getattr(error, "reason", None) or type(error).__name__
            _log.warning("a DICOM connection failed", extra={"reason": str(reason), "address": address})
        except Exception:  # noqa: BLE001 - the outermost layer of this door; the log has the trace
            connection.close()
            _log.exception("a DICOM association failed", extra={"address": address})
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.settimeout(_LOOK_SECONDS)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"the DICOM door cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}; stop what uses it, "
            "or set LINGULA_DICOM_PORT (0 takes any)"
        ) from error
    return listening
