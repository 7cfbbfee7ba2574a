"""One object arrives: its bytes are collected as they come, put behind a header, and kept exactly so.

The data set is never decoded and encoded again: what is stored is a preamble, the file meta information that the
association stands for, and the bytes as sent. The header says nothing of sender, program version or time, so the same
object sent twice is the same file.

References
----------
DICOM PS3.10 section 7.1 (file meta information).
"""

import struct

from lingula.doors.dicom.commands import Command
from lingula.doors.dicom.house import House
from lingula.doors.dicom.pdus import IMPLEMENTATION_CLASS_UID
from lingula.errors import BackendUnavailable, LingulaError, NotDicom, UnreadablePixels

_STEP_BYTES = 256 * 1024  # memory is asked for in steps, so that threads seldom meet at its lock
_PREAMBLE = bytes(128) + b"DICM"


class Arriving:
    """The bytes of one object until they are whole.

    Once it cannot be kept (too large, no memory free) the rest of it is let by, so that the sender can be told why.

    Parameters
    ----------
    header
        What the file begins with.
    house
        Whose limits hold.
    """

    def __init__(self, header: bytes, house: House) -> None:
        self._data = bytearray(header)
        self._header_bytes = len(header)
        self._house = house
        self._held_bytes = 0
        self._lost: LingulaError | None = None

    def add(self, piece: memoryview) -> None:
        """Take the next piece."""
        if self._lost is not None:
            return
        size = len(self._data) + len(piece)
        if size > self._house.limit_bytes:
            self._lose(UnreadablePixels(f"more than {self._house.limit_bytes:,} bytes: send single radiographs"))
        elif self._hold(size):
            self._data += piece
        else:
            self._lose(BackendUnavailable("too much is being received: send it again in a moment"))

    def whole(self) -> bytes:
        """Give the file; once.

        Raises
        ------
        NotDicom, UnreadablePixels
            If it is empty or too large.
        BackendUnavailable
            If there was no memory for it; the sender should try again.
        """
        if self._lost is not None:
            raise self._lost
        if len(self._data) == self._header_bytes:
            raise NotDicom("the data set is empty: send the radiograph itself")
        data = bytes(self._data)
        self._data = bytearray()  # twice in memory for a moment only
        return data

    def close(self) -> None:
        """Let go of the bytes."""
        self._data = bytearray()
        self._house.memory.give(self._held_bytes)
        self._held_bytes = 0

    def _hold(self, size: int) -> bool:
        if size <= self._held_bytes:
            return True
        step = max(_STEP_BYTES, size - self._held_bytes)
        if not self._house.memory.take(step, wait_seconds=self._house.deadlines.memory_seconds):
            return False
        self._held_bytes += step
        return True

    def _lose(self, error: LingulaError) -> None:
        self.close()
        self._lost = error


def write_header(command: Command, transfer_syntax: str) -> bytes:
    """Write preamble and file meta information for what a command announced."""
    elements = [_element(0x0001, b"OB", b"\0\1")]
    uids = {0x0002: command.sop_class_uid, 0x0003: command.sop_instance_uid}
    uids |= {0x0010: transfer_syntax, 0x0012: IMPLEMENTATION_CLASS_UID}
    for number, uid in uids.items():
        if uid:
            elements.append(_element(number, b"UI", uid.encode() + b"\0" * (len(uid) % 2)))
    body = b"".join(elements)
    return _PREAMBLE + _element(0x0000, b"UL", struct.pack("<I", len(body))) + body


def _element(number: int, vr: bytes, value: bytes) -> bytes:
    length = struct.pack("<HI", 0, len(value)) if vr == b"OB" else struct.pack("<H", len(value))
    return struct.pack("<HH", 0x0002, number) + vr + length + value
