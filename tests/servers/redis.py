"""A Redis server for tests; with `keeps` it writes every command down and keeps its data over a restart."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers.process import free_port, listens, program, running

PROGRAM, PACKAGE = "redis-server", "redis-server"


@contextmanager
def redis_server(folder: Path, port: int, *options: str, keeps: bool = False) -> Iterator[str]:
    """Run it until the block ends, and give ``redis://host:port``."""
    durable = ["--appendonly", "yes", "--appendfsync", "always"] if keeps else ["--appendonly", "no"]
    command = [program(PROGRAM, package=PACKAGE), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", *durable, *options]
    with running(command, is_ready=lambda: listens(port), log=folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server that all tests share; each takes streams of its own."""
    with redis_server(tmp_path_factory.mktemp("redis"), free_port()) as url:
        yield url


@pytest.fixture
def redis_queue(redis_url: str) -> str:
    """An empty queue, to which options may be added."""
    return f"{redis_url}/0?stream={uuid.uuid4().hex}&"
