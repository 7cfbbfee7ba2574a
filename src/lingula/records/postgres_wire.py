"""What travels between us and PostgreSQL: statements with their values as bytes, and answers back into rows.

pg8000 ends every message with a request to flush, so that one statement costs the server three packets and both sides
as many turns. Here any number of statements goes out in one write, and their answers are read as they come.

References
----------
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from struct import Struct
from types import NoneType

from pg8000.converters import PY_TYPES, make_param, string_in, timestamptz_in
from pg8000.core import Context
from pg8000.exceptions import DatabaseError, InterfaceError

SYNC = b"S\x00\x00\x00\x04"
DATA_ROW, COMMAND_COMPLETE, READY_FOR_QUERY, ERROR_RESPONSE, BIND_COMPLETE = b"D", b"C", b"Z", b"E", b"2"
_EXECUTE = b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00"  # of the portal just bound, all its rows
_AT_ONCE_BYTES = 65_536
_TEXT_BOTH_WAYS = b"\x00\x00"  # no formats named: everything is text
_NULL = b"\xff\xff\xff\xff"

_length = Struct("!i")
_count = Struct("!H")
_header = Struct("!ci")

_Decoder = Callable[[str], object]


class Question(Context):  # type: ignore[misc]  # pg8000 says nothing of its types
    """A statement on its way, and its answers once they are there.

    Parameters
    ----------
    executions
        How often it is executed, each with values of its own; `row_count` adds up.
    """

    def __init__(
        self, operation: str, columns: Sequence[object] | None, decoders: Sequence[_Decoder], executions: int
    ) -> None:
        super().__init__(operation, columns=columns, input_funcs=decoders)
        self.open = executions
        self.row_count = -1
        self.error: Exception | None = None
        self._decoders = [None if decoder is string_in else decoder for decoder in decoders]

    def add_row(self, body: bytes) -> None:
        """Take in one row."""
        at = 2
        row: list[object] = []
        for decoder in self._decoders:
            (size,) = _length.unpack_from(body, at)
            at += 4
            if size < 0:
                row.append(None)
                continue
            text = body[at : at + size].decode()
            row.append(text if decoder is None else decoder(text))
            at += size
        self.rows.append(row)

    def complete(self, tag: bytes) -> Exception | None:
        """Take in that one execution has ended, for example with `INSERT 0 1`; gives what is wrong with that."""
        self.open -= 1
        number = tag[:-1].rpartition(b" ")[2]
        if number.isdigit():
            self.row_count = max(0, self.row_count) + int(number)
        elif tag == b"ROLLBACK\x00" and self.statement == "commit":
            failed: Exception = DatabaseError({"C": "25P02", "M": "rolled back: an earlier statement had failed"})
            return failed
        return None


def bound(name: bytes, values: Sequence[bytes | None]) -> bytes:
    """Give the bytes that run a prepared statement with these values."""
    parts = [b"\x00", name, _TEXT_BOTH_WAYS, _count.pack(len(values))]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (_length.pack(len(value)), value)
    parts.append(_TEXT_BOTH_WAYS)
    body = b"".join(parts)
    return b"B" + _length.pack(len(body) + 4) + body + _EXECUTE


def encoded(value: object) -> bytes | None:
    """Give a value as PostgreSQL reads it; what has no way of its own goes pg8000's."""
    encode = _ENCODERS.get(type(value))
    if encode is not None:
        return encode(value)
    text = make_param(PY_TYPES, value)
    return None if text is None else _storable(text)


def messages(receive: Callable[[int], bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Give the kind and body of each message as it comes; `receive` gives some bytes, none once the server is gone."""
    buffer, at = b"", 0
    while True:
        have = len(buffer) - at
        if have >= _header.size:
            kind, size = _header.unpack_from(buffer, at)
            end = at + 1 + size
            if end <= len(buffer):
                yield kind, buffer[at + _header.size : end]
                at = end
                continue
        more = receive(_AT_ONCE_BYTES)
        if not more:
            raise InterfaceError("network error")
        buffer, at = buffer[at:] + more, 0


def moment(text: str) -> object:
    """Read a time with its zone; a few that no `datetime` holds stay as pg8000 gives them."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return timestamptz_in(text)


def _storable(text: str) -> bytes:
    """Replace what PostgreSQL's text cannot hold: senders pad names with NUL, file names may be no Unicode."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace")


_ENCODERS: dict[type, Callable[..., bytes | None]] = {
    NoneType: lambda _: None,
    str: _storable,
    int: lambda value: str(value).encode(),
    float: lambda value: repr(value).encode(),
    bool: lambda value: b"true" if value else b"false",
    bytes: lambda value: b"\\x" + value.hex().encode(),
    datetime: lambda value: value.isoformat().encode(),
}
