"""The other side of an association: one that asks for it, sends objects and lets it go.

`lingula send` speaks so to any DICOM receiver. Data sets go as the file has them, byte for byte.

References
----------
DICOM PS3.8 section 9.3.2 (A-ASSOCIATE-RQ), PS3.7 section 9.3.1 (C-STORE-RQ).
"""

import socket
import ssl
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lingula.doors.dicom.commands import Answer, CommandField, read_answer, write_request
from lingula.doors.dicom.pdus import (
    PDU_LIMIT_BYTES,
    Malformed,
    PduType,
    ProposedContext,
    read_acceptance,
    read_values,
    write_association_request,
    write_command,
    write_pdu,
)
from lingula.doors.dicom.wire import STALL_SECONDS, Gone, Pdu, Wire

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0  # a PACS that writes to tape may take its time

_LEAST_PDU_BYTES = 4096


class Rejected(Exception):
    """The receiver refused the association; the numbers are those of PS3.8 table 9-21."""

    def __init__(self, result: int, source: int, reason: int) -> None:
        super().__init__(f"association refused: result {result}, source {source}, reason {reason}")
        self.is_permanent = result == 1
        self.source = source
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Whom to call, and as whom."""

    host: str
    port: int
    called: str
    calling: str
    tls: ssl.SSLContext | None = None


class Requested:
    """An association we asked for; used by one thread at a time.

    Parameters
    ----------
    contexts
        What we want to send, with odd numbers.

    Raises
    ------
    Gone
        If nobody answers.
    Rejected
        If the receiver refuses.
    Malformed
        If what it says breaks the protocol.
    """

    def __init__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> None:
        self._wire = Wire(_connect(peer))
        self._message = 0
        try:
            self._wire.write(write_association_request(peer.called, peer.calling, contexts))
            self.accepted, self._max_length = _read_verdict(self._read())
        except (Gone, Malformed, Rejected):
            self._wire.close()
            raise

    accepted: Mapping[int, str]
    """The transfer syntax of each accepted context's number."""

    def echo(self, context: int) -> Answer:
        """Ask whether anybody is there; raises as `store`."""
        self._say(context, write_request(CommandField.C_ECHO, self._next(), "1.2.840.10008.1.1", None))
        return self._answer()

    def store(self, context: int, sop_class: str, sop_instance: str, data_set: memoryview) -> Answer:
        """Send one object.

        Raises
        ------
        Gone
            If the receiver has gone; nobody knows whether it kept the object.
        Malformed
            If what it says breaks the protocol.
        """
        self._say(context, write_request(CommandField.C_STORE, self._next(), sop_class, sop_instance))
        limit = min(self._max_length or PDU_LIMIT_BYTES, PDU_LIMIT_BYTES)
        room = max(_LEAST_PDU_BYTES, limit) - 6
        for at in range(0, len(data_set) or 1, room):
            piece = data_set[at : at + room]
            control = 2 if at + room >= len(data_set) else 0  # data set, last or not
            head = struct.pack(">IBB", len(piece) + 2, context, control)
            self._wire.write(write_pdu(PduType.P_DATA_TF, head + piece))
        return self._answer()

    def release(self) -> None:
        """End the association in good order."""
        try:
            self._wire.write(write_pdu(PduType.RELEASE_RQ, bytes(4)))
            self._read()
        except (Gone, Malformed):
            pass  # it has ended all the same
        finally:
            self._wire.close()

    def drop(self) -> None:
        """Let go of the connection after it has failed."""
        self._wire.close()

    def _next(self) -> int:
        self._message = self._message % 65535 + 1
        return self._message

    def _say(self, context: int, command: bytes) -> None:
        self._wire.write(write_command(context, command, self._max_length))

    def _answer(self) -> Answer:
        said = bytearray()
        while True:
            pdu = self._read()
            if pdu.kind != PduType.P_DATA_TF:
                raise Gone("the receiver broke the association off")
            for _, control, piece in read_values(pdu.body):
                said += piece
                if control & 2:
                    return read_answer(bytes(said))

    def _read(self) -> Pdu:
        begun_by = time.monotonic() + ANSWER_SECONDS
        pdu = self._wire.read(begun_by=begun_by, whole_by=begun_by + STALL_SECONDS)
        if pdu is None:
            raise Gone("the receiver said nothing")
        return pdu


def _read_verdict(pdu: Pdu) -> tuple[Mapping[int, str], int]:
    if pdu.kind == PduType.ASSOCIATE_RJ and len(pdu.body) >= 4:  # noqa: PLR2004 - its fixed length
        raise Rejected(pdu.body[1], pdu.body[2], pdu.body[3])
    if pdu.kind != PduType.ASSOCIATE_AC:
        raise Malformed("the receiver did not answer the request for an association")
    return read_acceptance(bytes(pdu.body))


def _connect(peer: Peer) -> socket.socket:
    try:
        connection = socket.create_connection((peer.host, peer.port), CONNECT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if peer.tls is None:
            return connection
        return peer.tls.wrap_socket(connection, server_hostname=peer.host)
    except OSError as error:
        raise Gone(str(getattr(error, "reason", None) or error.strerror or type(error).__name__)) from error
