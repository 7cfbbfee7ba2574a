"""The generator of `make bench`: what it sends is whole and new each time, and what goes wrong is counted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from made.pictures import as_jpeg, made_pixels

from benchmarks.generator import Form, Order, post
from lingula.radiology.reading import read_radiograph

PIXELS = made_pixels(400, 500)


class Receiver(ThreadingHTTPServer):
    """Takes uploads and answers as it is told; keeps each request's kind and body."""

    daemon_threads = True

    def __init__(self, answer: bytes, status: int, hangs_up_every: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answer, self.status, self.hangs_up_every = answer, status, hangs_up_every
        self.received: list[tuple[str, str, bytes]] = []

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, _, body in self.received]


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, self.headers["Content-Type"], body))
        if self.server.hangs_up_every and len(self.server.received) % self.server.hangs_up_every == 0:
            self.close_connection = True
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def receiver(answer: bytes = b"{}", status: int = 200, hangs_up_every: int = 0) -> Iterator[Receiver]:
    with Receiver(answer, status, hangs_up_every) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def order(folder: Path, server: Receiver, form: Form, *, connections: int = 3, count: int = 10) -> Order:
    (folder / "chest.jpeg").write_bytes(as_jpeg(PIXELS))
    port = int(server.server_address[1])
    return Order(folder=str(folder), port=port, connections=connections, count=count, form=form)


def test_every_radiograph_is_new_and_shows_the_same(tmp_path: Path) -> None:
    with receiver() as server:
        sent = post(order(tmp_path, server, Form(path="/here")))
    assert [path for path, _, _ in server.received] == ["/here"] * 10
    assert len(set(server.bodies)) == 10
    original = read_radiograph(as_jpeg(PIXELS)).pixels
    assert all(np.array_equal(read_radiograph(body).pixels, original) for body in server.bodies)
    assert len(sent.milliseconds) == len(sent.ends) == 10
    assert sent.failures == []
    assert max(sent.ends) <= sent.seconds


def test_a_form_carries_the_same_bytes(tmp_path: Path) -> None:
    with receiver() as server:
        post(order(tmp_path, server, Form(path="/", part="file"), count=1))
    ((_, kind, body),) = server.received
    (part,) = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).iter_parts()
    assert part["content-disposition"].params["name"] == "file"
    assert np.array_equal(read_radiograph(part.get_content()).pixels, read_radiograph(as_jpeg(PIXELS)).pixels)


@pytest.mark.parametrize(("answer", "status"), [(b'{"status":"received"}', 200), (b"{}", 503)])
def test_an_answer_that_says_no_assessment_is_a_failure(tmp_path: Path, answer: bytes, status: int) -> None:
    with receiver(answer, status) as server:
        sent = post(order(tmp_path, server, Form(path="/", refused='"status":"received"')))
    assert len(sent.failures) == len(sent.milliseconds) == 10
    assert str(status) in sent.failures[0]


def test_a_connection_that_breaks_is_one_failure_and_opened_again(tmp_path: Path) -> None:
    with receiver(hangs_up_every=5) as server:
        sent = post(order(tmp_path, server, Form(path="/"), connections=1))
    assert len(sent.milliseconds) == 10
    assert len(sent.failures) == 2
    assert len(server.received) == 10
