"""One connection, read in large gulps and never without a deadline.

A thread waits in the kernel, without holding the interpreter, until the sender has sent something; a message is handed
out as a view into the buffer, so its bytes are copied once, to where they are collected.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from lingula.doors.dicom.pdus import HEAD_BYTES, PDU_LIMIT_BYTES, AbortReason, Malformed, PduType

STALL_SECONDS = 30.0
"""A sender who falls silent inside a message for so long has gone."""

_LOOK_SECONDS = 0.5  # between two looks whether the program is to stop
_LINGER_SECONDS = 2.0  # for the last words to reach the sender before the connection is closed
_BUFFER_BYTES = 2 * PDU_LIMIT_BYTES
_KINDS = frozenset(int(kind) for kind in PduType)
_REMARKS = {
    0x16: "TLS came where none is spoken; see LINGULA_DICOM_CERTIFICATE",
    ord("G"): "HTTP came to the DICOM port",
    ord("P"): "HTTP came to the DICOM port",
}
_TOLERATED_BYTES = 1024  # some senders do not count heads into the limit they were told


class Gone(Exception):
    """The sender has closed the connection or fallen silent."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """One message; `body` is valid until the next one is read."""

    kind: int
    body: memoryview


class Wire:
    """Reads and writes one connection; used by one thread.

    Parameters
    ----------
    connection
        A connected socket, with or without TLS.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._start = self._end = 0
        self._quick_ack: int | None = getattr(socket, "TCP_QUICKACK", None)

    def read(self, *, begun_by: float, whole_by: float, is_over: Callable[[], bool] = lambda: False) -> Pdu | None:
        """Read one message.

        Parameters
        ----------
        begun_by, whole_by
            Until when it must have begun and be whole, on the monotonic clock.
        is_over
            Asked while nothing has begun; None is given once it says so.

        Raises
        ------
        Gone
            If the sender has gone, or is too late.
        Malformed
            If the message is longer than any that was agreed on.
        """
        while self._start == self._end:
            if is_over():
                return None
            self._gulp(begun_by, slice_seconds=_LOOK_SECONDS)
        self._fill(HEAD_BYTES, whole_by)
        head = self._buffer[self._start : self._start + HEAD_BYTES]
        kind, length = head[0], int.from_bytes(head[2:], "big")
        if kind not in _KINDS:
            raise Malformed(_REMARKS.get(kind, "a message of no known type came"), AbortReason.UNRECOGNIZED_PDU)
        if length > PDU_LIMIT_BYTES + _TOLERATED_BYTES:
            raise Malformed("a message is longer than was agreed on")
        self._fill(HEAD_BYTES + length, whole_by)
        body = self._buffer[self._start + HEAD_BYTES : self._start + HEAD_BYTES + length]
        self._start += HEAD_BYTES + length
        return Pdu(kind, body)

    def write(self, data: bytes) -> None:
        """Send bytes; raises `Gone` if the sender takes none."""
        try:
            self._connection.settimeout(STALL_SECONDS)
            self._connection.sendall(data)
        except OSError as error:
            raise Gone("the sender takes no answers") from error

    def close(self) -> None:
        """Close once the sender has had the time to read the last words."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + _LINGER_SECONDS
            while (left := deadline - time.monotonic()) > 0:
                self._connection.settimeout(left)
                if not self._connection.recv_into(self._buffer):
                    break
        except (OSError, ValueError):
            pass  # it has gone first
        finally:
            self._connection.close()

    def _fill(self, size: int, deadline: float) -> None:
        """Have so many bytes of the message under way in the buffer."""
        if self._start + size > _BUFFER_BYTES:
            rest = bytes(self._buffer[self._start : self._end])
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        while self._end - self._start < size:
            self._gulp(min(deadline, time.monotonic() + STALL_SECONDS))

    def _gulp(self, deadline: float, slice_seconds: float = STALL_SECONDS) -> None:
        """Read what is there; without a byte within the slice, give up only when the deadline has passed."""
        if self._start == self._end:
            self._start = self._end = 0
        left = deadline - time.monotonic()
        if left <= 0:
            raise Gone("the sender is too late")
        try:
            self._connection.settimeout(min(left, slice_seconds))
            count = self._connection.recv_into(self._buffer[self._end :])
            if self._quick_ack is not None:  # a sender with Nagle's algorithm would wait 40 ms for it, twice per object
                self._connection.setsockopt(socket.IPPROTO_TCP, self._quick_ack, 1)
        except TimeoutError:
            return
        except OSError as error:
            raise Gone("the connection is broken") from error
        if not count:
            raise Gone("the sender has closed the connection")
        self._end += count
