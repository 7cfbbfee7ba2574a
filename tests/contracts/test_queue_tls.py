"""Queues over TLS, against real brokers with certificates of a made authority: trusted if named, refused if not."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from servers.authority import Authority, Identity
from servers.nats import nats_server
from servers.process import free_port
from servers.redis import redis_server

from lingula.errors import BackendUnavailable, SettingsError
from lingula.queues.queue import open_queue
from lingula.radiology.identifiers import InstanceId

INSTANCE = InstanceId("iabc")

Running = Callable[[Path, Identity, Authority, bool], AbstractContextManager[str]]


@contextmanager
def nats(folder: Path, who: Identity, authority: Authority, asks: bool) -> Iterator[str]:  # noqa: FBT001 - called by table
    options = ["--tls", "--tlscert", str(who.certificate), "--tlskey", str(who.key)]
    options += ["--tlsverify", "--tlscacert", str(authority.certificate)] if asks else []
    with nats_server(folder, port := free_port(), *options):
        yield f"tls://127.0.0.1:{port}/NOTES?lease_seconds=30"


@contextmanager
def redis(folder: Path, who: Identity, authority: Authority, asks: bool) -> Iterator[str]:  # noqa: FBT001 - called by table
    options = ["--port", "0", "--tls-cert-file", str(who.certificate), "--tls-key-file", str(who.key)]
    options += ["--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "yes" if asks else "no"]
    port = free_port()
    with redis_server(folder, port, *options, "--tls-port", str(port)):
        yield f"rediss://127.0.0.1:{port}/0?lease_seconds=30"


BROKERS: dict[str, Running] = {"nats": nats, "redis": redis}


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Running:
    return BROKERS[request.param]


@pytest.fixture(scope="module")
def server(authority: Authority) -> Identity:
    return authority.identity("broker")


def works(url: str) -> None:
    with closing(open_queue(url)) as queue:
        queue.check()
        queue.put(INSTANCE)
        (note,) = queue.take(1, 10.0)
        assert note.instance == INSTANCE
        queue.done(note)
        assert queue.depth() == 0


def refusal(url: str) -> str:
    with closing(open_queue(url)) as queue, pytest.raises(BackendUnavailable) as refused:
        queue.put(INSTANCE)
    return str(refused.value)


def test_work_waits_behind_a_certificate_of_a_named_authority(
    broker: Running, server: Identity, authority: Authority, tmp_path: Path
) -> None:
    with broker(tmp_path, server, authority, False) as url:
        works(f"{url}&ca={authority.certificate}")


def test_a_broker_that_asks_for_a_certificate_is_shown_one(
    broker: Running, server: Identity, authority: Authority, tmp_path: Path
) -> None:
    ours = authority.identity("lingula")
    with broker(tmp_path, server, authority, True) as url:
        works(f"{url}&ca={authority.certificate}&certificate={ours.certificate}&key={ours.key}")
        said = refusal(f"{url}&ca={authority.certificate}")
    assert said.endswith("asks for a certificate: certificate=FILE and key=FILE in the URL")


def test_a_broker_of_an_unknown_authority_gets_no_note_and_the_error_says_what_to_do(
    broker: Running, server: Identity, authority: Authority, tmp_path: Path
) -> None:
    with broker(tmp_path, server, authority, False) as url:
        said = refusal(url)
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert said.endswith("name the authority that signed the broker's certificate: ca=FILE (PEM) in the URL")


def test_a_certificate_for_another_name_is_refused(broker: Running, authority: Authority, tmp_path: Path) -> None:
    other = authority.identity("elsewhere", address="DNS:elsewhere.example")
    with broker(tmp_path, other, authority, False) as url:
        said = refusal(f"{url}&ca={authority.certificate}")
    assert said.endswith("use the name that the broker's certificate states")


@pytest.mark.parametrize(("plain", "scheme"), [("nats_queue", "tls"), ("redis_queue", "rediss")])
def test_a_broker_without_tls_is_never_spoken_to_in_the_clear(
    request: pytest.FixtureRequest, authority: Authority, plain: str, scheme: str
) -> None:
    url: str = request.getfixturevalue(plain)
    said = refusal(f"{scheme}://{url.partition('://')[2]}ca={authority.certificate}")
    assert "the server offers no TLS, which tls:// asks for" in said or scheme == "rediss"
    with closing(open_queue(url)) as queue:
        assert queue.depth() == 0


class Eavesdropper(socketserver.BaseRequestHandler):
    """Greets as NATS does, without TLS, and keeps what it is told."""

    heard = bytearray()

    def handle(self) -> None:
        self.request.sendall(b'INFO {"server_id":"x","version":"2.9.10","headers":true,"max_payload":1048576}\r\n')
        while piece := self.request.recv(4096):
            self.heard.extend(piece)


def test_a_nats_server_without_tls_never_hears_the_password(authority: Authority) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Eavesdropper) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        said = refusal(f"tls://ann:secret@127.0.0.1:{server.server_address[1]}/NOTES?ca={authority.certificate}")
        server.shutdown()
        thread.join()
    assert "offers no TLS" in said
    assert Eavesdropper.heard == b""


def test_a_nats_server_that_wants_tls_is_not_trusted_more_under_its_plain_name(
    server: Identity, authority: Authority, tmp_path: Path
) -> None:
    with nats(tmp_path, server, authority, False) as url:
        said = refusal(url.replace("tls://", "nats://"))
    assert "CERTIFICATE_VERIFY_FAILED" in said, "the server asks for TLS, and its certificate is verified all the same"


def test_files_that_are_none_are_said_when_the_queue_is_opened(tmp_path: Path) -> None:
    (tmp_path / "odd.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"ca names '/nowhere\.pem', which is no file"):
        open_queue("tls://127.0.0.1:4222/NOTES?ca=/nowhere.pem")
    with pytest.raises(SettingsError, match="the certificates cannot be used"):
        open_queue(f"tls://127.0.0.1:4222/NOTES?ca={tmp_path}/odd.pem")
