"""A NATS server with JetStream for tests; it keeps its data over a restart in the same folder."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers.process import free_port, listens, program, running

PROGRAM, PACKAGE = "nats-server", "nats-server"


@contextmanager
def nats_server(folder: Path, port: int, *options: str) -> Iterator[str]:
    """Run it until the block ends, and give ``nats://host:port``."""
    command = [
        program(PROGRAM, package=PACKAGE),
        "-a",
        "127.0.0.1",
        "-p",
        str(port),
        "-js",
        "-sd",
        str(folder),
        *options,
    ]
    with running(command, is_ready=lambda: listens(port), log=folder / "nats.log"):
        yield f"nats://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server that all tests share; each takes streams of its own."""
    with nats_server(tmp_path_factory.mktemp("nats"), free_port()) as url:
        yield url


@pytest.fixture
def nats_queue(nats_url: str) -> str:
    """An empty queue, to which options may be added."""
    return f"{nats_url}/{uuid.uuid4().hex}?"
