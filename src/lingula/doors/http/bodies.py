"""Reading what is sent, bounded while it streams: how large, how long, how much at once, and what a form's part holds.

An upload is at most tens of megabytes and a radiograph is read whole anyway, so a body is gathered in memory and a
multipart form is taken apart with a few searches, without a temporary file. What all uploads under way may hold
together is bounded too: beyond it the sender is asked to come again, before its bytes are read.

References
----------
RFC 9112 on Content-Length and chunked bodies; RFC 7578 and RFC 2046 5.1.1 on multipart/form-data.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from lingula.doors.http.budget import Share
from lingula.doors.http.problems import Refused

READ_WITHIN_SECONDS = 60.0  # a body that takes longer is a stuck or hostile sender
MOST_PARTS = 20
_OPTION = re.compile(r'([A-Za-z0-9*_-]+)\s*=\s*(?:"([^"]*)"|([^;\s"]*))')  # browsers write a quote in a name as %22


@dataclass(frozen=True, kw_only=True)
class SentFile:
    """One file of an upload: its bytes, and the name it had at the sender if it was told."""

    data: bytes
    name: str | None


def announced_bytes(request: Request, limit_bytes: int) -> int:
    """Give how many bytes a request says it will send; 0 if it does not say.

    Raises
    ------
    Refused
        413 if it says more than the limit; 400 if what it says is no number.
    """
    said = request.headers.get("content-length")
    if said is None:
        return 0
    if not (said.isascii() and said.isdigit()):
        raise Refused(HTTPStatus.BAD_REQUEST, "Bad request", "Content-Length is no number")
    if len(said) > len(str(limit_bytes)) or int(said) > limit_bytes:
        raise too_large(limit_bytes)
    return int(said)


def too_large(limit_bytes: int) -> Refused:
    """Say that a body is larger than allowed."""
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "Too large",
        f"at most {limit_bytes} bytes are accepted in one request; send one radiograph at a time, or ask an engineer "
        "to raise LINGULA_UPLOAD_LIMIT_BYTES",
    )


async def read_body(request: Request, limit_bytes: int, share: Share) -> bytes:
    """Gather a body; `share` grows with it, if its size was not announced.

    Raises
    ------
    Refused
        413 once more than the limit has arrived; 503 if memory does not suffice; 408 if it does not arrive in time; 400
        if the sender goes away.
    """
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(READ_WITHIN_SECONDS):
            async for chunk in request.stream():
                size_bytes += len(chunk)
                if size_bytes > limit_bytes:
                    raise too_large(limit_bytes)
                share.grow_to(size_bytes)
                chunks.append(chunk)
    except TimeoutError as error:
        raise too_slow() from error
    except ClientDisconnect as error:
        raise cut_short() from error
    return b"".join(chunks)


async def next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """Give the next bytes of a body that is taken apart while it streams; None at its end.

    Raises
    ------
    Refused
        408 if they do not arrive in time; 400 if the sender goes away.
    """
    try:
        async with asyncio.timeout(READ_WITHIN_SECONDS):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise too_slow() from error
    except ClientDisconnect as error:
        raise cut_short() from error


def too_slow() -> Refused:
    """Say that a body takes too long."""
    detail = f"the body did not arrive within {READ_WITHIN_SECONDS:.0f} seconds; send it again"
    return Refused(HTTPStatus.REQUEST_TIMEOUT, "Too slow", detail)


def cut_short() -> Refused:
    """Say that a body never became whole."""
    return Refused(HTTPStatus.BAD_REQUEST, "Cut short", "the sender went away before the body was whole")


def sent_file(content_type: str, body: bytes) -> SentFile:
    """Give the one file of a request: the part named `file` of a form, or the body itself.

    Raises
    ------
    Refused
        400 if the form is damaged, has no part named `file` or several.
    """
    media_type, options = parse_header(content_type)
    if media_type != "multipart/form-data":
        return SentFile(data=body, name=None)
    files = [part for part in form_parts(body, options.get("boundary", "")) if part.field == "file"]
    if len(files) != 1:
        raise _bad_form(f"the form has {len(files)} parts named 'file'; send exactly one radiograph in a request")
    return SentFile(data=files[0].data, name=files[0].filename)


@dataclass(frozen=True, kw_only=True)
class FormPart:
    """One part of a multipart form."""

    field: str
    filename: str | None
    data: bytes


def form_parts(body: bytes, boundary: str) -> list[FormPart]:
    """Take a multipart form apart; raises `Refused` (400) if it is damaged."""
    try:
        delimiter = b"--" + boundary.encode("ascii")
    except UnicodeEncodeError as error:
        raise _bad_form("the boundary has other than ASCII characters") from error
    if not boundary or not body.startswith(delimiter):
        raise _bad_form("the body does not begin with the boundary that Content-Type names")
    parts: list[FormPart] = []
    at = len(delimiter)
    while body[at : at + 2] == b"\r\n":
        end = body.find(b"\r\n" + delimiter, at)
        head_end = body.find(b"\r\n\r\n", at)
        if end < 0 or not at <= head_end < end + 2:
            raise _bad_form("a part is cut short; send the form again")
        if len(parts) == MOST_PARTS:
            raise _bad_form(f"more than {MOST_PARTS} parts; send one radiograph in a request")
        parts.append(form_part(body[at + 2 : head_end + 2].decode("utf-8", "replace"), body[head_end + 4 : end]))
        at = end + 2 + len(delimiter)
    if body[at : at + 2] != b"--":
        raise _bad_form("the closing boundary is missing; the form was cut short, send it again")
    return parts


def parse_header(value: str) -> tuple[str, dict[str, str]]:
    """Split a header such as ``form-data; name="file"`` into its value and its options, both lower case in their keys.

    >>> parse_header('multipart/form-data; boundary="a;b"')
    ('multipart/form-data', {'boundary': 'a;b'})
    """
    first, _, rest = value.partition(";")
    options = {name.lower(): quoted or plain for name, quoted, plain in _OPTION.findall(rest)}
    return first.strip().lower(), options


def form_part(head: str, data: bytes) -> FormPart:
    """Give a form's part by its header; raises `Refused` (400) if it has no name."""
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            kind, options = parse_header(value)
            if kind == "form-data" and "name" in options:
                return FormPart(field=options["name"], filename=options.get("filename"), data=data)
    raise _bad_form("a part has no Content-Disposition with a name")


def _bad_form(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "The form is damaged", detail)
