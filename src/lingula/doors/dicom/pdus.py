"""The DICOM upper layer's messages, read from bytes that anybody may have sent, and written.

Only what a receiver needs: the request for an association is read, the answers to it are written. Every length is
checked against the bytes that are there before anything is done with it, so a malformed request costs nothing.

References
----------
DICOM PS3.8 section 9.3 (protocol data units) and Annex D (user information items).
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from lingula import __version__

PDU_LIMIT_BYTES = 131_072
"""Largest P-DATA-TF we ask for; DCMTK sends none larger, and larger ones gain nothing measurable."""

HEAD_BYTES = 6
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLEMENTATION_CLASS_UID = "2.25.329800735698586629295641978511506172918"  # a UUID of ours; PS3.5 B.2

_TITLES_BYTES = 68  # version, reserved, two AE titles, reserved
_ITEM_HEAD = struct.Struct(">BxH")
_APPLICATION, _PROPOSED, _ANSWERED, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
_MAX_LENGTH, _CLASS_UID, _VERSION_NAME = 0x51, 0x52, 0x55
_UID = re.compile(r"[0-9.]{1,64}")
_MOST_CONTEXTS = 128  # odd numbers of one byte


class PduType(IntEnum):
    """The first byte of each message."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class AbortReason(IntEnum):
    """Why the association is broken off by us; PS3.8 table 9-26."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class Malformed(Exception):
    """What came breaks the protocol; the association is broken off for this reason, nothing of it is kept."""

    def __init__(self, message: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class ProposedContext:
    """What the sender wants to send, and how it could be encoded."""

    number: int
    abstract_syntax: str
    transfer_syntaxes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class AssociationRequest:
    """An A-ASSOCIATE-RQ; `titles` are its fixed bytes, which the answer repeats."""

    speaks_version_1: bool
    called: str
    calling: str
    titles: bytes
    application_context: str
    contexts: Sequence[ProposedContext]
    max_length: int  # bytes of the largest P-DATA-TF the sender takes; 0 for any


def read_request(body: bytes) -> AssociationRequest:
    """Read an A-ASSOCIATE-RQ without its head.

    Raises
    ------
    Malformed
        If it contradicts itself.
    """
    if len(body) < _TITLES_BYTES:
        raise Malformed("the request for an association is too short")
    items = list(_items(body[_TITLES_BYTES:]))
    contexts = {one.number: one for kind, value in items if kind == _PROPOSED for one in [_context(value)]}
    if not contexts or len(contexts) > _MOST_CONTEXTS:
        raise Malformed("the request for an association proposes nothing")
    return AssociationRequest(
        speaks_version_1=bool(body[1] & 1),
        called=_title(body[4:20]),
        calling=_title(body[20:36]),
        titles=body[4:_TITLES_BYTES],
        application_context=next((_text(value) for kind, value in items if kind == _APPLICATION), ""),
        contexts=list(contexts.values()),
        max_length=_max_length(items),
    )


def write_acceptance(request: AssociationRequest, answers: Mapping[int, str | None]) -> bytes:
    """Write the A-ASSOCIATE-AC.

    Parameters
    ----------
    answers
        The transfer syntax chosen for each context's number; None where the context is refused.
    """
    proposed = {one.number: one for one in request.contexts}
    parts = [_item(_APPLICATION, APPLICATION_CONTEXT.encode())]
    for number, syntax in answers.items():
        shown = (syntax or proposed[number].transfer_syntaxes[0]).encode()
        result = 0 if syntax else 3  # 3: abstract syntax not supported; PS3.8 table 9-18
        parts.append(_item(_ANSWERED, bytes((number, 0, result, 0)) + _item(_TRANSFER, shown)))
    body = struct.pack(">HH", 1, 0) + request.titles + b"".join(parts) + _user_item()
    return write_pdu(PduType.ASSOCIATE_AC, body)


def write_association_request(called: str, calling: str, contexts: Sequence[ProposedContext]) -> bytes:
    """Write an A-ASSOCIATE-RQ."""
    titles = b"".join(title.encode("latin-1", "replace")[:16].ljust(16) for title in (called, calling))
    parts = [_item(_APPLICATION, APPLICATION_CONTEXT.encode())]
    for one in contexts:
        inner = _item(_ABSTRACT, one.abstract_syntax.encode())
        inner += b"".join(_item(_TRANSFER, syntax.encode()) for syntax in one.transfer_syntaxes)
        parts.append(_item(_PROPOSED, bytes((one.number, 0, 0, 0)) + inner))
    body = struct.pack(">HH", 1, 0) + titles + bytes(32) + b"".join(parts) + _user_item()
    return write_pdu(PduType.ASSOCIATE_RQ, body)


def read_acceptance(body: bytes) -> tuple[Mapping[int, str], int]:
    """Read an A-ASSOCIATE-AC: the transfer syntax of each accepted context, and the receiver's limit (0 for none).

    Raises
    ------
    Malformed
        If it contradicts itself.
    """
    items = list(_items(body[_TITLES_BYTES:]))
    accepted = {}
    for kind, value in items:
        if kind == _ANSWERED and len(value) > 4 and value[2] == 0:  # noqa: PLR2004 - number, result and reserved bytes
            syntaxes = [_uid(inner) for one, inner in _items(value[4:]) if one == _TRANSFER]
            accepted[value[0]] = syntaxes[0] if syntaxes else ""
    return accepted, _max_length(items)


def write_pdu(kind: PduType, body: bytes) -> bytes:
    """Write one message: its head and its body."""
    return struct.pack(">BxI", kind, len(body)) + body


def write_abort(reason: AbortReason) -> bytes:
    """Write an A-ABORT that says whose fault it is: the protocol's, or (not specified) nobody's."""
    source = 0 if reason is AbortReason.NOT_SPECIFIED else 2
    return write_pdu(PduType.ABORT, bytes((0, 0, source, reason)))


def write_command(context: int, command: bytes, max_length: int) -> bytes:
    """Write a command set as P-DATA-TF, in as many pieces as the peer's limit asks for."""
    room = max(64, max_length - HEAD_BYTES) if max_length else len(command)
    pieces = [command[at : at + room] for at in range(0, len(command), room)]
    written = []
    for number, piece in enumerate(pieces, start=1):
        control = 3 if number == len(pieces) else 1  # command, last or not; PS3.8 E.2
        value = struct.pack(">IBB", len(piece) + 2, context, control) + piece
        written.append(write_pdu(PduType.P_DATA_TF, value))
    return b"".join(written)


def read_values(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Give the values of a P-DATA-TF: context's number, control header, and a piece of a command or data set.

    Raises
    ------
    Malformed
        If a length does not fit the bytes.
    """
    at, end = 0, len(body)
    while at < end:
        if end - at < HEAD_BYTES:
            raise Malformed("a P-DATA-TF ends inside a value's head")
        length = int.from_bytes(body[at : at + 4], "big")
        if length < 2 or at + 4 + length > end:  # noqa: PLR2004 - context and control header
            raise Malformed("a value's length does not fit its P-DATA-TF")
        yield body[at + 4], body[at + 5], body[at + 6 : at + 4 + length]
        at += 4 + length


def _items(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        if len(body) - at < _ITEM_HEAD.size:
            raise Malformed("the request for an association ends inside an item's head")
        kind, length = _ITEM_HEAD.unpack_from(body, at)
        at += _ITEM_HEAD.size
        if at + length > len(body):
            raise Malformed("an item's length does not fit the request for an association")
        yield kind, body[at : at + length]
        at += length


def _context(value: bytes) -> ProposedContext:
    if len(value) < 4 or value[0] % 2 == 0:  # noqa: PLR2004 - number and three reserved bytes
        raise Malformed("a proposed context has no odd number")
    items = list(_items(value[4:]))
    abstract = [_uid(one) for kind, one in items if kind == _ABSTRACT]
    transfer = [_uid(one) for kind, one in items if kind == _TRANSFER]
    if len(abstract) != 1 or not transfer:
        raise Malformed("a proposed context names no SOP class or no transfer syntax")
    return ProposedContext(number=value[0], abstract_syntax=abstract[0], transfer_syntaxes=transfer)


def _max_length(items: Sequence[tuple[int, bytes]]) -> int:
    for kind, value in items:
        if kind == _USER:
            for inner, stated in _items(value):
                if inner == _MAX_LENGTH and len(stated) == 4:  # noqa: PLR2004 - an unsigned number of 32 bits
                    return int.from_bytes(stated, "big")
    return 0


def _user_item() -> bytes:
    user = _item(_MAX_LENGTH, struct.pack(">I", PDU_LIMIT_BYTES)) + _item(_CLASS_UID, IMPLEMENTATION_CLASS_UID.encode())
    return _item(_USER, user + _item(_VERSION_NAME, f"LINGULA_{__version__}"[:16].encode()))


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM_HEAD.pack(kind, len(value)) + value


def _title(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")


def _uid(value: bytes) -> str:
    text = _text(value)
    if not _UID.fullmatch(text):
        raise Malformed("a proposed context names something that is no UID")
    return text
