"""Requests that break HTTP itself are turned away by the real server, which goes on serving."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from made.hospital import KEYS, Hospital
from made.serving import serving
from made.triage import NORTH

HOST = b"Host: 127.0.0.1\r\n"
KEY = f"Authorization: Bearer {KEYS[NORTH]}\r\n".encode()
UPLOAD = b"POST /api/v1/instances HTTP/1.1\r\n" + HOST + KEY


@pytest.fixture
def address(hospital: Hospital) -> Iterator[str]:
    with serving(hospital) as url:
        yield url


def answered(address: str, request: bytes) -> int:
    """Send bytes as they are and give the status; 0 if the line was cut without an answer."""
    parts = urlsplit(address)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=10) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        said = line.recv(4096)
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/") else 0


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"hello\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 20_000 + b"\r\n",
        UPLOAD + b"Content-Length: 12a\r\n\r\nx",
        UPLOAD + b"Content-Length: -1\r\n\r\nx",
        UPLOAD + b"Content-Length: 99999999999999999999\r\n\r\nx",
        UPLOAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        UPLOAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        UPLOAD + b"Content-Length: 1000\r\n\r\nshort",
        b"POST /dicomweb/studies HTTP/1.1\r\n" + HOST + KEY + b"Content-Length: 9\r\n\r\n--x\r\n\r\n--",
        b"GET /static/../../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /static/%2e%2e/%2e%2e/app.py HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /api/v1/instances/..%2f..%2fetc HTTP/1.1\r\n" + HOST + KEY + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)
def test_a_broken_request_is_turned_away_and_the_next_one_served(address: str, request_bytes: bytes) -> None:
    status = answered(address, request_bytes)

    assert status == 0 or 300 <= status < 500
    assert httpx.get(f"{address}/health/live").status_code == 200


def test_nothing_of_a_broken_request_is_kept(hospital: Hospital, address: str) -> None:
    answered(address, UPLOAD + b"Content-Length: 1000\r\n\r\n\xff\xd8\xff")

    assert hospital.system.records.summary(None).unreviewed == 0
