"""A sender is patient with a server that is not ready, and final with a file that is none."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from lingula.doors.sending.patience import ATTEMPTS, Patience
from lingula.doors.sending.sender import Outcome, Sender, open_sender
from lingula.errors import BackendUnavailable, NotAllowed, NotFound, SettingsError

Answer = tuple[int, dict[str, str], dict[str, object]]  # status, headers, body
CREATED: Answer = (201, {}, {"instance": "i1", "study": "s1", "is_new": True})


@dataclass
class Scripted:
    """A server that gives prepared answers and remembers what it was asked."""

    answers: list[Answer]
    asked: list[tuple[str, str | None, bytes]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted(answers=[])

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            script.asked.append((self.path, self.headers.get("Authorization"), body))
            status, headers, answer = script.answers.pop(0)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    script.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def sender(scripted: Scripted, waits: list[float]) -> Iterator[Sender]:
    made = open_sender(scripted.address + "/", SecretStr("the-key"), Patience(wait=waits.append))
    yield made
    made.close()


def test_a_radiograph_is_posted_with_the_site_s_key_and_without_its_file_s_name(
    scripted: Scripted, sender: Sender
) -> None:
    scripted.answers = [CREATED]
    sent = sender.send(b"the bytes")
    assert (sent.outcome, sent.instance, sent.study) == (Outcome.RECEIVED, "i1", "s1")
    path, key, body = scripted.asked[0]
    assert (path, key) == ("/api/v1/instances", "Bearer the-key")
    assert b"the bytes" in body
    assert b'filename="radiograph"' in body


def test_what_was_known_already_is_told_apart(scripted: Scripted, sender: Sender) -> None:
    scripted.answers = [(201, {}, {"instance": "i1", "study": "s1", "is_new": False})]
    assert sender.send(b"x").outcome is Outcome.KNOWN


def test_retry_after_is_obeyed_but_never_for_ever(scripted: Scripted, sender: Sender, waits: list[float]) -> None:
    scripted.answers = [(503, {"Retry-After": "7"}, {}), (429, {"Retry-After": "9999"}, {}), CREATED]
    assert sender.send(b"x").outcome is Outcome.RECEIVED
    assert waits == [7.0, 30.0]


def test_a_server_that_never_takes_it_is_given_up_after_growing_waits(
    scripted: Scripted, sender: Sender, waits: list[float]
) -> None:
    scripted.answers = [(503, {}, {})] * ATTEMPTS
    with pytest.raises(BackendUnavailable, match="HTTP 503"):
        sender.send(b"x")
    assert len(waits) == ATTEMPTS - 1
    assert all(0.125 * 2**number <= wait <= 30.0 for number, wait in enumerate(waits[:6]))


def test_nobody_at_the_address_is_tried_again(waits: list[float]) -> None:
    sender = open_sender(
        "http://127.0.0.1:9", None, Patience(wait=waits.append)
    )  # the discard port: nothing listens there
    with pytest.raises(BackendUnavailable, match="nobody listens there"):
        sender.send(b"x")
    sender.close()
    assert len(waits) == ATTEMPTS - 1


def test_a_refused_file_is_final_and_says_why(scripted: Scripted, sender: Sender, waits: list[float]) -> None:
    scripted.answers = [(422, {}, {"title": "This is no format Lingula reads", "detail": "the bytes are plain text"})]
    sent = sender.send(b"x")
    assert (sent.outcome, sent.reason) == (Outcome.REFUSED, "the bytes are plain text")
    assert waits == []


@pytest.mark.parametrize(("status", "error"), [(401, NotAllowed), (403, NotAllowed), (404, NotFound)])
def test_a_wrong_key_or_address_stops_everything(
    scripted: Scripted, sender: Sender, status: int, error: type[Exception]
) -> None:
    scripted.answers = [(status, {}, {})]
    with pytest.raises(error):
        sender.send(b"x")


def test_an_unknown_way_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"'ftp'.*http://"):
        open_sender("ftp://somewhere")
