"""Servers that a test may stop, and an installation beside them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.packages import made_package
from made.parts import PATIENCE_SECONDS, Installation, installed
from servers.nats import nats_server
from servers.postgres import PostgresServer
from servers.process import free_port
from servers.redis import redis_server
from servers.s3 import S3Server, new_name, rclone
from servers.stoppable import Stoppable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test longer the more radiographs it sends."""
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.timeout(4 * PATIENCE_SECONDS))


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[tuple[Stoppable, str]]:
    """A NATS server of the test's own, and the URL of a queue in it whose leases last 2 seconds."""
    (tmp_path / "nats").mkdir()
    port = free_port()
    server = Stoppable(lambda: nats_server(tmp_path / "nats", port))
    server.start()
    yield server, f"nats://127.0.0.1:{port}/LINGULA?lease_seconds=2"
    server.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[Stoppable, str]]:
    """A Redis server of the test's own that keeps its data, and the URL of a queue whose leases last 2 seconds."""
    (tmp_path / "redis").mkdir()
    port = free_port()
    server = Stoppable(lambda: redis_server(tmp_path / "redis", port, keeps=True))
    server.start()
    yield server, f"redis://127.0.0.1:{port}/0?stream=lingula&lease_seconds=2"
    server.stop()


@pytest.fixture
def bucket(
    tmp_path: Path,
    s3_credentials: None,  # noqa: ARG001  sets variables
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Stoppable, str]]:
    """An S3 server of the test's own that keeps its data, and the URL of a store in it."""
    monkeypatch.setenv("RCLONE_VFS_WRITE_BACK", "0s")  # it acknowledges before it has written, unlike any real one
    port = free_port()
    server = Stoppable(lambda: rclone(tmp_path, port))
    server.start()
    yield server, S3Server(endpoint=f"http://127.0.0.1:{port}").url(new_name(), "lingula")
    server.stop()


@pytest.fixture
def database(postgres_server: PostgresServer, postgres_database: str) -> tuple[PostgresServer, str]:
    """The session's PostgreSQL server, and the URL of a database of the test's own."""
    return postgres_server, postgres_database


@pytest.fixture
def installation(
    tmp_path: Path, nats: tuple[Stoppable, str], database: tuple[PostgresServer, str]
) -> Iterator[Installation]:
    """PostgreSQL, a folder and NATS; no process runs yet."""
    settings = {
        "LINGULA_PACKAGE": str(made_package(tmp_path / "package")),
        "LINGULA_RECORDS_URL": database[1],
        "LINGULA_QUEUE_URL": nats[1],
    }
    with installed(tmp_path, settings) as made:
        yield made
