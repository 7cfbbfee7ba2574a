"""A multipart body taken apart while it streams: one part in memory at a time, whatever comes.

STOW-RS sends whole studies in one body and people choose many files at once, so it is never gathered: bytes are looked
at once as they arrive, and each part is given away as soon as its end is seen. How large a part may be, how long its
header, how many parts: all bounded.

References
----------
RFC 2046 5.1 (multipart), RFC 2387 (multipart/related), DICOM PS3.18 8.6 (media types of DICOMweb).
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.requests import Request

from lingula.doors.http.bodies import next_chunk, parse_header, too_large
from lingula.doors.http.budget import Share
from lingula.doors.http.problems import Refused

MOST_PARTS = 2000  # instances of one study, and more than any radiography sends
MOST_HEAD_BYTES = 8 * 1024
MOST_PREAMBLE_BYTES = 8 * 1024
MOST_PADDING_BYTES = 256
LONGEST_BOUNDARY = 200  # RFC 2046 says 70; some archives send 73
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class RelatedPart:
    """One part: its media type, lower case and empty if it states none, its header, and its bytes."""

    media_type: str
    data: bytes
    head: str = field(default="", repr=False)


class RelatedParts:
    r"""Takes chunks in and gives whole parts out.

    >>> parts = RelatedParts("b", limit_bytes=100)
    >>> list(parts.feed(b"--b\r\nContent-Type: application/dicom\r\n\r\nDIC"))
    []
    >>> list(parts.feed(b"OM\r\n--b--"))
    [RelatedPart(media_type='application/dicom', data=b'DICOM')]
    >>> parts.end()

    Parameters
    ----------
    boundary
        As Content-Type names it.
    limit_bytes
        A larger part is refused.
    """

    def __init__(self, boundary: str, limit_bytes: int) -> None:
        if not (0 < len(boundary) <= LONGEST_BOUNDARY and boundary.isascii() and boundary.isprintable()):
            raise _damaged(f"Content-Type names no boundary of 1 to {LONGEST_BOUNDARY} plain characters")
        self._delimiter = b"\r\n--" + boundary.encode()
        self._limit_bytes = limit_bytes
        self._buffer = bytearray(b"\r\n")  # so that a body that begins with its boundary needs no rule of its own
        self._searched = 0
        self._head: str | None = None  # of the part whose bytes are being gathered
        self._is_preamble, self._is_closed = True, False
        self._count = 0

    @property
    def held_bytes(self) -> int:
        """How much of the body is in memory now."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Iterator[RelatedPart]:
        """Take the next bytes and give the parts that are whole now.

        Raises
        ------
        Refused
            400 if the body is damaged; 413 if a part is larger than allowed.
        """
        if self._is_closed:
            return  # an epilogue says nothing
        self._buffer += chunk
        while self._begin_part() and (data := self._end_part()) is not None:
            if not self._is_preamble:
                head = self._head or ""
                yield RelatedPart(media_type=_media_type(head), data=data, head=head)
            self._head, self._is_preamble = None, False

    def end(self) -> None:
        """Say that no more bytes come; raises `Refused` (400) if the closing boundary is missing."""
        if not self._is_closed:
            raise _damaged("the closing boundary is missing; the body was cut short, send it again")

    def _begin_part(self) -> bool:
        """Read the delimiter's line and the part's header, once they are there; True while bytes are gathered."""
        if self._is_closed:
            return False
        if self._is_preamble or self._head is not None:
            return True
        start = self._delimiter_ends()
        if start is None or self._is_closed:
            return False
        at = self._buffer.find(_END_OF_HEAD, start - 2)  # a part without any header begins with an empty line
        if at < 0 or at - start > MOST_HEAD_BYTES:
            if len(self._buffer) - start > MOST_HEAD_BYTES:
                raise _damaged(f"a part's header is longer than {MOST_HEAD_BYTES} bytes")
            return False
        self._head = self._buffer[start:at].decode("utf-8", "replace")
        self._forget(at + len(_END_OF_HEAD))
        return True

    def _delimiter_ends(self) -> int | None:
        """Give where the line of the delimiter at the buffer's start ends; None if that has not arrived yet."""
        at = len(self._delimiter)
        if self._buffer[at : at + 2] == b"--":
            self._is_closed = True
            self._buffer.clear()
            return at
        end = self._buffer.find(b"\r\n", at, at + MOST_PADDING_BYTES)
        padding = self._buffer[at : end if end >= 0 else at + MOST_PADDING_BYTES]
        if padding.strip(b" \t\r-") or len(padding) == MOST_PADDING_BYTES or (end >= 0 and padding.strip(b" \t")):
            raise _damaged("a boundary is followed by other than a line's end")
        return end + 2 if end >= 0 else None

    def _end_part(self) -> bytes | None:
        """Give the bytes before the next delimiter, which then stands at the buffer's start; None if it is not seen."""
        at = self._buffer.find(self._delimiter, self._searched)
        self._searched = max(0, len(self._buffer) - len(self._delimiter)) if at < 0 else at
        limit_bytes = MOST_PREAMBLE_BYTES if self._is_preamble else self._limit_bytes
        if (at if at >= 0 else self._searched) > limit_bytes:
            raise _damaged("the body does not begin with its boundary") if self._is_preamble else too_large(limit_bytes)
        if at < 0:
            return None
        self._count += not self._is_preamble
        if self._count > MOST_PARTS:
            raise _damaged(f"more than {MOST_PARTS} parts; send fewer instances in one request")
        data = bytes(memoryview(self._buffer)[:at])
        self._forget(at)
        return data

    def _forget(self, size_bytes: int) -> None:
        del self._buffer[:size_bytes]
        self._searched = 0


async def parts_of(request: Request, boundary: str, limit_bytes: int, share: Share) -> AsyncIterator[RelatedPart]:
    """Give a body's parts one after the other, reading no further than the one asked for.

    Parameters
    ----------
    share
        Grows with what is in memory at one time.

    Raises
    ------
    Refused
        As `RelatedParts`; 408 if the body is too slow, 503 if memory does not suffice.
    """
    parts = RelatedParts(boundary, limit_bytes)
    chunks = request.stream()
    while (chunk := await next_chunk(chunks)) is not None:
        for part in parts.feed(chunk):
            share.grow_to(len(part.data))
            yield part
        share.grow_to(parts.held_bytes)
    parts.end()


def _media_type(head: str) -> str:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return parse_header(value)[0]
    return ""


def _damaged(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "The body is damaged", detail)
