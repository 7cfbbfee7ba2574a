"""A sender over TLS trusts only whom its machine trusts, and says what to do where it does not."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from servers.process import program

from lingula.doors.sending.patience import Patience
from lingula.doors.sending.sender import Outcome, open_sender
from lingula.errors import BackendUnavailable


class Keeping(BaseHTTPRequestHandler):
    """Keeps whatever it is sent."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(HTTPServer):
    """Lets who does not trust it go without a word."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The certificate of 127.0.0.1, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "made.pem", folder / "made.key"
    words = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=here")
    files = ("-keyout", str(key), "-out", str(made), "-addext", "subjectAltName=IP:127.0.0.1")
    command = (program("openssl", package="openssl"), "req", "-x509", *words, *files)
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made, key


@pytest.fixture
def port(certificate: tuple[Path, Path], request: pytest.FixtureRequest) -> Iterator[int]:
    server = Quiet(("127.0.0.1", 0), Keeping)
    if getattr(request, "param", "tls") == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def told(port: int) -> str:
    """Send once in vain, and give what was said."""
    sender = open_sender(f"https://127.0.0.1:{port}", None, Patience(attempts=1))
    with pytest.raises(BackendUnavailable) as caught:
        sender.send(b"x")
    sender.close()
    return str(caught.value)


def test_an_authority_that_is_not_known_is_told_with_where_to_name_it(port: int) -> None:
    assert "SSL_CERT_FILE" in told(port)


@pytest.mark.parametrize("port", ["plain"], indirect=True)
def test_a_server_without_tls_is_told_from_one_that_is_away(port: int) -> None:
    assert "it speaks no TLS there" in told(port)


def test_the_authority_that_is_named_is_trusted(
    port: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    sender = open_sender(f"https://127.0.0.1:{port}", None, Patience(attempts=1))
    assert sender.send(b"x").outcome is Outcome.RECEIVED
    sender.close()
