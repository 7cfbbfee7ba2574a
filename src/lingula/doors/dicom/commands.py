"""DIMSE command sets: what the sender asks for, and what it is answered.

References
----------
DICOM PS3.7 section 6.3 (command set: implicit little endian), 9.3 and Annex E (its elements).
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from lingula.doors.dicom.pdus import Malformed

COMMAND_LIMIT_BYTES = 16_384
"""A command set has a few hundred bytes."""

NO_DATA_SET = 0x0101

_HEAD = struct.Struct("<HHI")
_UID = re.compile(r"[0-9.]{1,64}")
_CLASS, _REQUESTED_CLASS, _FIELD, _MESSAGE, _RESPONDED = 0x0002, 0x0003, 0x0100, 0x0110, 0x0120
_PRIORITY, _DATA_SET, _STATUS, _COMMENT, _INSTANCE, _REQUESTED_INSTANCE = 0x0700, 0x0800, 0x0900, 0x0902, 0x1000, 0x1001
_ANSWER = 0x8000
_COMMENT_CHARACTERS = 64  # LO


class CommandField(IntEnum):
    """The operations this door knows; PS3.7 table E.1-1."""

    C_STORE = 0x0001
    C_ECHO = 0x0030
    C_CANCEL = 0x0FFF
    N_ACTION = 0x0130


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a sender asks for."""

    field: int
    message: int
    has_data_set: bool
    sop_class_uid: str | None
    sop_instance_uid: str | None

    @property
    def is_answer(self) -> bool:
        """Whether it answers something, which this door never asks."""
        return bool(self.field & _ANSWER)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a receiver says became of what was asked."""

    status: int
    comment: str


def read_command(data: bytes) -> Command:
    """Read a command set.

    Raises
    ------
    Malformed
        If it breaks off, or has no operation or message number.
    """
    values = _values(data)
    return Command(
        field=_number(values, _FIELD),
        message=_number(values, _MESSAGE if _MESSAGE in values else _RESPONDED),
        has_data_set=_number(values, _DATA_SET) != NO_DATA_SET,
        sop_class_uid=_uid(values, _CLASS) or _uid(values, _REQUESTED_CLASS),
        sop_instance_uid=_uid(values, _INSTANCE) or _uid(values, _REQUESTED_INSTANCE),
    )


def read_answer(data: bytes) -> Answer:
    """Read the command set that answers one of ours; raises as `read_command`."""
    values = _values(data)
    comment = values.get(_COMMENT, b"").decode("latin-1").strip(" \0")
    return Answer(status=_number(values, _STATUS), comment=comment)


def write_request(field: CommandField, message: int, sop_class: str, sop_instance: str | None) -> bytes:
    """Write the command set of a C-ECHO, or of a C-STORE whose data set follows."""
    parts = [_uid_element(_CLASS, sop_class), _number_element(_FIELD, field), _number_element(_MESSAGE, message)]
    if sop_instance is not None:
        parts.append(_number_element(_PRIORITY, 0))
    parts.append(_number_element(_DATA_SET, NO_DATA_SET if sop_instance is None else 1))
    parts.append(_uid_element(_INSTANCE, sop_instance))
    return _framed(parts)


def _values(data: bytes) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise Malformed("a command set ends inside an element's head")
        group, element, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if group != 0 or at + length > len(data):
            raise Malformed("a command set's element does not fit")
        values[element] = data[at : at + length]
        at += length
    return values


def write_answer(command: Command, status: int, comment: str = "") -> bytes:
    """Write the answer to a command.

    Parameters
    ----------
    comment
        Says to a person at the sender what was wrong; cut to the 64 characters the standard has room for.
    """
    parts = [_uid_element(_CLASS, command.sop_class_uid)]
    parts.append(_number_element(_FIELD, command.field | _ANSWER))
    parts.append(_number_element(_RESPONDED, command.message))
    parts.append(_number_element(_DATA_SET, NO_DATA_SET))
    parts.append(_number_element(_STATUS, status))
    if comment:
        text = comment.encode("ascii", "replace")[:_COMMENT_CHARACTERS].replace(b"\\", b"/")
        parts.append(_element(_COMMENT, text + b" " * (len(text) % 2)))
    parts.append(_uid_element(_INSTANCE, command.sop_instance_uid))
    return _framed(parts)


def _framed(parts: Sequence[bytes]) -> bytes:
    body = b"".join(parts)
    return _element(0x0000, struct.pack("<I", len(body))) + body


def _number(values: dict[int, bytes], element: int) -> int:
    value = values.get(element, b"")
    if len(value) != 2:  # noqa: PLR2004 - US
        raise Malformed(f"a command set has no sound element 0000,{element:04X}")
    return int.from_bytes(value, "little")


def _uid(values: dict[int, bytes], element: int) -> str | None:
    text = values.get(element, b"").decode("latin-1").strip(" \0")
    return text if _UID.fullmatch(text) else None


def _element(element: int, value: bytes) -> bytes:
    return _HEAD.pack(0, element, len(value)) + value


def _number_element(element: int, value: int) -> bytes:
    return _element(element, struct.pack("<H", value))


def _uid_element(element: int, uid: str | None) -> bytes:
    if uid is None:
        return b""
    return _element(element, uid.encode() + b"\0" * (len(uid) % 2))
