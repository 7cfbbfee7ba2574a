"""A Kafka broker for tests: librdkafka's own mock cluster, over real TCP, in a process of its own.

It speaks the protocol (produce, fetch, groups, commits) and is built for such tests, but it keeps nothing on disk, asks
nobody who they are, and has no log to lose; what only a real broker does is not tested here.
"""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.process import STOP_SECONDS, stop

MOCK = Path(__file__).with_name("kafka_mock.py")


@dataclass(frozen=True, kw_only=True)
class KafkaServer:
    """A running broker; `say` tells it ``topic NAME PARTITIONS``, ``down`` or ``up``."""

    url: str
    process: subprocess.Popen[bytes]

    def say(self, words: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{words}\n".encode())
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"


@contextmanager
def kafka_server() -> Iterator[KafkaServer]:
    """Run it until the block ends; its `url` is ``kafka://host:port``."""
    pytest.importorskip("confluent_kafka", reason="no Kafka driver: pip install 'lingula[scale]'")
    process = subprocess.Popen(
        [sys.executable, str(MOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        bootstrap = process.stdout.readline().decode().strip()
        assert bootstrap, "the mock cluster did not start"
        yield KafkaServer(url=f"kafka://{bootstrap}", process=process)
    finally:
        process.stdin.close()  # its sign to end
        process.stdout.close()
        try:
            process.wait(STOP_SECONDS)
        finally:
            stop(process)


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """A Kafka broker that all tests share; each takes topics and groups of its own."""
    with kafka_server() as server:
        yield server


@pytest.fixture
def kafka_queue(kafka: KafkaServer) -> str:
    """An empty queue of one partition, to which options may be added."""
    return new_queue(kafka, partitions=1)


@pytest.fixture
def kafka_shared_queue(kafka: KafkaServer, tmp_path: Path) -> str:
    """An empty queue of four partitions; its group notices within seconds who comes and goes.

    The mock cluster waits a whole session whenever a group changes, which a real broker does not.
    """
    settings = tmp_path / "kafka.properties"
    settings.write_text("# for a test\nsession.timeout.ms=1500\nheartbeat.interval.ms=300\n", "utf-8")
    return f"{new_queue(kafka, partitions=4)}config={settings}&"


def new_queue(kafka: KafkaServer, *, partitions: int) -> str:
    name = uuid.uuid4().hex
    kafka.say(f"topic {name} {partitions}")
    return f"{kafka.url}/{name}?group={name}&"
