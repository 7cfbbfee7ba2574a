"""Posts radiographs over raw sockets from a process of its own, so cheaply that the server is what is measured.

``python -m benchmarks.generator`` reads an `Order` as JSON and prints a `Sent` as JSON. It shares the cores with the
server, so it does little: one thread waits on all connections, the head of a request and a comment that makes the
radiograph new are written, and the rest of the file goes to the socket inside the kernel. No byte of a radiograph
passes through Python; what it costs all the same is told in `Sent.processor_seconds`.
"""

import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from pathlib import Path

_OK = b"200"
_STALLED_SECONDS = 60.0  # without any news on any connection
_JPEG_START = b"\xff\xd8"
_COMMENT = b"\xff\xfe\x00\x12"  # marker, and the length of itself and the sixteen that follow
_TOKEN_BYTES = 8
_BOUNDARY = "radiograph-of-the-generator"
_MORE_FOLLOWS = getattr(socket, "MSG_MORE", 0)  # Linux: wait for the file before a packet leaves
_ANSWER_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a service wants a radiograph.

    Parameters
    ----------
    part
        Its name in a multipart form; empty where the body is the file.
    refused
        Words in an answer 200 that make it a failure all the same.
    """

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to send, where, and over how many connections at once."""

    folder: str
    port: int
    connections: int
    count: int
    form: Form


@dataclass(kw_only=True)
class Sent:
    """What was measured; `milliseconds` from the first byte sent to the last byte of the answer.

    Parameters
    ----------
    ends
        Seconds from the start to each answer, in the order of `milliseconds`.
    processor_seconds
        Of the generator itself.
    """

    seconds: float = 0.0
    processor_seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Request:
    """An upload around a JPEG that stays on the disk; `file` is open, `size` is what follows its first two bytes."""

    before: bytes
    file: int
    size: int
    after: bytes

    def head(self, token: bytes) -> bytes:
        """Give everything up to the file's third byte, with a comment of its own in the JPEG."""
        return self.before + _JPEG_START + _COMMENT + token


def lay(path: Path, form: Form) -> Request:
    """Write the request for one file, but for the token that makes it new."""
    opening, closing, kind = b"", b"", "image/jpeg"
    if form.part:
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        disposition = f'form-data; name="{form.part}"; filename="{path.name}"'
        opening = f"--{_BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
        closing = f"\r\n--{_BOUNDARY}--\r\n".encode()
    file = os.open(path, os.O_RDONLY)
    size = os.fstat(file).st_size
    length = len(opening) + size + len(_COMMENT) + 2 * _TOKEN_BYTES + len(closing)
    headers = {"Host": "127.0.0.1", "Content-Type": kind, "Content-Length": str(length), **form.headers}
    lines = [f"POST {form.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    before = "\r\n".join(lines).encode() + opening
    return Request(before=before, file=file, size=size - len(_JPEG_START), after=closing)


class Connection:
    """One connection, kept busy until the requests are used up; one that breaks is a failure, and opened again."""

    def __init__(self, order: Order, requests: Iterator[Request], sent: Sent, selector: selectors.BaseSelector) -> None:
        self._order, self._requests, self._sent, self._selector = order, requests, sent, selector
        self._wanted = selectors.EVENT_READ
        self._socket = self._connect()

    def begin(self) -> bool:
        """Start to send the next one; whether there was one."""
        for request in self._requests:
            self._request, self._at, self._after, self._answer = request, 0, request.after, b""
            self._started = time.perf_counter()
            try:
                self._socket.sendall(request.head(os.urandom(_TOKEN_BYTES).hex().encode()), _MORE_FOLLOWS)
                self._send_some()
            except OSError as error:
                self._break(repr(error))
            else:
                return True
        self._hang_up()
        return False

    def go_on(self, event: int) -> bool:
        """Send what goes or read what there is; whether this connection is still in use."""
        try:
            is_answered = self._hear() if event & selectors.EVENT_READ else self._send_some()
        except OSError as error:
            self._break(repr(error))
            return self.begin()
        return self.begin() if is_answered else True

    def give_up(self) -> None:
        """Count the one that is under way as failed."""
        self._note(f"no answer for {_STALLED_SECONDS:.0f} s")
        self._hang_up()

    def _send_some(self) -> bool:
        """Send as much as goes now, and wait for room or for the answer; never answered yet."""
        request, wanted = self._request, selectors.EVENT_READ
        try:
            while self._at < request.size:
                start = len(_JPEG_START) + self._at
                self._at += os.sendfile(self._socket.fileno(), request.file, start, request.size - self._at)
            while self._after:
                self._after = self._after[self._socket.send(self._after) :]
        except BlockingIOError:
            wanted = selectors.EVENT_WRITE
        if wanted != self._wanted:
            self._selector.modify(self._socket, wanted, self)
            self._wanted = wanted
        return False

    def _hear(self) -> bool:
        """Read what there is of the answer; whether it is whole."""
        heard = self._socket.recv(_ANSWER_BYTES)
        if not heard:
            raise ConnectionError("the server hung up")
        self._answer += heard
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end:
            return False
        fields = head.lower()
        _, said, rest = fields.partition(b"\r\ncontent-length:")
        if not said:
            raise ConnectionError(f"no Content-Length in {head!r}")
        if len(body) < int(rest.split(b"\r\n")[0]):
            return False
        refused = self._order.form.refused.encode()
        is_good = head.split(b" ", 2)[1] == _OK and not (refused and refused in body)
        self._note("" if is_good else f"{head.splitlines()[0]!r} {body[:200]!r}")
        if b"\r\nconnection: close" in fields:
            self._hang_up()
            self._socket = self._connect()
        return True

    def _break(self, reason: str) -> None:
        self._note(reason)
        self._hang_up()
        self._socket = self._connect()

    def _note(self, failure: str) -> None:
        now = time.perf_counter()
        self._sent.milliseconds.append((now - self._started) * 1000)
        self._sent.ends.append(now)
        if failure:
            self._sent.failures.append(failure)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._order.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self._wanted = selectors.EVENT_READ
        self._selector.register(connection, self._wanted, self)
        return connection

    def _hang_up(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()


def post(order: Order) -> Sent:
    """Send everything and wait for every answer."""
    originals = [lay(path, order.form) for path in sorted(Path(order.folder).rglob("*.jp*g"))]
    requests = islice(cycle(originals), order.count)
    sent = Sent()
    selector = selectors.DefaultSelector()
    used, started = time.process_time(), time.perf_counter()
    connections = [Connection(order, requests, sent, selector) for _ in range(order.connections)]
    busy = {one for one in connections if one.begin()}
    while busy:
        news = selector.select(_STALLED_SECONDS)
        if not news:
            for one in busy:
                one.give_up()
            break
        for key, event in news:
            if not key.data.go_on(event):
                busy.discard(key.data)
    sent.seconds = time.perf_counter() - started
    sent.processor_seconds = time.process_time() - used
    sent.ends = [end - started for end in sent.ends]
    return sent


def main() -> None:
    """Do what standard input says."""
    told = json.load(sys.stdin)
    order = Order(**{**told, "form": Form(**told["form"])})
    print(json.dumps(asdict(post(order))))


if __name__ == "__main__":
    main()
