"""Brokers that stop, forget and are filled by others, and workers that are killed: late now and then, lost never."""

import asyncio
import logging
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import nats
import pytest
import redis
from confluent_kafka import Producer
from nats.js.api import DiscardPolicy, StreamConfig
from servers.kafka import KafkaServer, kafka_server
from servers.nats import nats_server
from servers.process import free_port
from servers.redis import redis_server

from lingula.errors import BackendUnavailable
from lingula.queues.queue import Note, WorkQueue, open_queue
from lingula.radiology.identifiers import InstanceId

BROKERS = ("redis_queue", "nats_queue", "kafka_shared_queue")
TAKER = """
import sys
from lingula.queues.queue import open_queue
queue, count = open_queue(sys.argv[1]), 0
while count < int(sys.argv[2]):
    count += len(queue.take(int(sys.argv[2]) - count, 20))
print("taken", flush=True)
sys.stdin.read()
"""


def put(queue: WorkQueue, *names: str) -> None:
    for name in names:
        queue.put(InstanceId(name))


def names_of(count: int) -> list[str]:
    return [f"i{number:04}" for number in range(count)]


def take_all(queue: WorkQueue, count: int, within_seconds: float = 30.0) -> list[Note]:
    """Take until so many different instances have come; each is done at once."""
    deadline = time.monotonic() + within_seconds
    taken: dict[InstanceId, Note] = {}
    while len(taken) < count:
        assert time.monotonic() < deadline, f"{len(taken)} of {count} came"
        for note in queue.take(16, 0.5):
            taken[note.instance] = note
            queue.done(note)
    return list(taken.values())


def eventually(call: Callable[[], None], within_seconds: float = 20.0) -> None:
    """Try again as the worker and upkeep do, as long as a place does not answer."""
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            return call()
        except BackendUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(params=BROKERS)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@dataclass
class Broker:
    """A server that a test stops and starts again at the same port."""

    run: Callable[[], AbstractContextManager[str]]
    options: str
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> str:
        return self.running.enter_context(self.run()) + self.options

    def stop(self) -> None:
        self.running.close()


@pytest.fixture(params=["redis", "nats"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A broker that keeps its notes on disk."""
    port = free_port()
    made = (
        Broker(run=lambda: redis_server(tmp_path, port, keeps=True), options="/0?lease_seconds=0.5")
        if request.param == "redis"
        else Broker(run=lambda: nats_server(tmp_path, port), options="/LINGULA?lease_seconds=0.5")
    )
    yield made
    made.stop()


def test_notes_outlive_the_restart_of_their_broker_and_the_clients_come_back(broker: Broker) -> None:
    with closing(open_queue(broker.start())) as queue:
        put(queue, "i1", "i2", "i3")
        (held,) = queue.take(1, 5)
        broker.stop()
        started = time.monotonic()
        with pytest.raises(BackendUnavailable):
            queue.put(InstanceId("i4"))
        with pytest.raises(BackendUnavailable):
            queue.take(1, 0.1)
        assert time.monotonic() - started < 8
        broker.start()
        eventually(queue.check)
        eventually(lambda: put(queue, "i5"))
        queue.done(held)
        assert {"i2", "i3", "i5"} <= {note.instance for note in take_all(queue, 3)} <= {"i1", "i2", "i3", "i5"}


def test_a_broker_that_comes_back_with_nothing_is_set_up_again(tmp_path: Path) -> None:
    for run, options in (
        (redis_server, "/0?lease_seconds=0.5"),
        (nats_server, "/LINGULA?lease_seconds=0.5"),
    ):
        port = free_port()
        folders = [tmp_path / f"{run.__name__}{number}" for number in range(2)]
        for folder in folders:
            folder.mkdir()
        with ExitStack() as running:
            queue = open_queue(running.enter_context(run(folders[0], port)) + options)
            put(queue, "i1", "i2")
            (held,) = queue.take(1, 5)
            running.close()
            running.enter_context(run(folders[1], port))
            eventually(queue.check)
            queue.done(held)  # nobody knows it any more, and that is no error
            queue.give_back(held, 0.0)
            assert queue.depth() == 0
            eventually(lambda queue=queue: put(queue, "i3"))  # type: ignore[misc] # bound here, called here
            assert [note.instance for note in take_all(queue, 1)] == ["i3"]
            queue.close()


def test_an_emptied_redis_wakes_nobody_for_nothing(redis_url: str) -> None:
    with (
        closing(open_queue(f"{redis_url}/3?lease_seconds=0.5")) as queue,
        redis.Redis.from_url(f"{redis_url}/3") as all3,
    ):
        put(queue, "i1")
        take_all(queue, 1)
        all3.flushdb()
        assert queue.take(1, 0.1) == []
        put(queue, "i2")
        take_all(queue, 1)
        assert queue.depth() == 0


def test_notes_in_the_hand_of_a_killed_worker_come_to_another_after_its_lease(url: str) -> None:
    lease = f"{url}lease_seconds=1.5"
    names = names_of(6)
    with closing(open_queue(lease)) as queue:
        put(queue, *names)
        command = [sys.executable, "-c", TAKER, lease, "6"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"taken\n"
            worker.send_signal(signal.SIGKILL)
        assert sorted(note.instance for note in take_all(queue, 6)) == names


def wait_until_both_get_some(one: WorkQueue, two: WorkQueue) -> None:
    """Wait for a group to find itself: Kafka's takes seconds."""
    has_got = {one: False, two: False}
    deadline = time.monotonic() + 20
    while not all(has_got.values()):
        assert time.monotonic() < deadline
        put(one, *(f"w{uuid.uuid4().hex}" for _ in range(4)))
        for queue in (one, two):
            for note in queue.take(1, 0.2):
                has_got[queue] = True
                queue.done(note)
    while notes := [*one.take(50, 1.0), *two.take(50, 1.0)]:
        for note in notes:
            one.done(note)
            two.done(note)


def test_two_workers_share_the_notes_and_neither_gets_what_the_other_did(url: str) -> None:
    with closing(open_queue(f"{url}lease_seconds=20")) as one, closing(open_queue(f"{url}lease_seconds=20")) as two:
        wait_until_both_get_some(one, two)
        put(one, *names_of(200))
        taken: tuple[list[str], list[str]] = ([], [])
        deadline = time.monotonic() + 20
        while sum(map(len, taken)) < 200 and time.monotonic() < deadline:
            for queue, mine in zip((one, two), taken, strict=True):
                for note in queue.take(5, 0.2):
                    mine.append(note.instance)
                    queue.done(note)
        assert sorted(taken[0] + taken[1]) == names_of(200)
        assert min(map(len, taken)) > 20
        assert one.take(1, 0.2) == two.take(1, 0.2) == []


def test_a_worker_who_joins_in_the_middle_of_the_work_does_no_harm(kafka_shared_queue: str) -> None:
    url = f"{kafka_shared_queue}lease_seconds=20"
    with ExitStack() as queues:
        one = queues.enter_context(closing(open_queue(url)))
        put(one, *names_of(120))
        held = list(one.take(16, 20))
        two = queues.enter_context(closing(open_queue(url)))
        done: set[str] = set()
        deadline = time.monotonic() + 40
        while len(done) < 120:
            assert time.monotonic() < deadline
            for queue in (two, one):
                for note in [*queue.take(8, 0.2), *(held if len(done) > 40 and queue is one else [])]:
                    queue.done(note)  # what was held may belong to the other by now
                    done.add(note.instance)
        assert sorted(done) == names_of(120)


def test_kafka_may_go_and_come_back() -> None:
    with kafka_server() as server:
        server.say("topic work 1")
        with closing(open_queue(f"{server.url}/work?lease_seconds=5")) as queue:
            put(queue, "i1")
            take_all(queue, 1)
            server.say("down")
            with pytest.raises(BackendUnavailable):
                queue.put(InstanceId("i2"))
            started = time.monotonic()
            with pytest.raises(BackendUnavailable):
                queue.put(InstanceId("i2"))
            assert time.monotonic() - started < 0.5, "a door must not wait for a broker again and again"
            server.say("up")
            eventually(queue.check)
            eventually(lambda: put(queue, "i3"))
            assert "i3" in {note.instance for note in take_all(queue, 1)} | {n.instance for n in queue.take(4, 2)}


def write_rubbish(url: str, rubbish: bytes) -> None:
    """Write what is no note to where a queue keeps its notes."""
    servers, _, name = url.split("?", maxsplit=1)[0].rpartition("/")
    if url.startswith("redis"):
        with redis.Redis.from_url(servers) as client:
            client.xadd(url.partition("stream=")[2].split("&")[0], {"other": rubbish})
    elif url.startswith("kafka"):
        producer = Producer({"bootstrap.servers": servers.removeprefix("kafka://")})
        producer.produce(name, rubbish)
        assert producer.flush(10) == 0
    else:

        async def send() -> None:
            client = await nats.connect(servers)
            await client.jetstream().publish(f"{name}.notes", rubbish)
            await client.close()

        asyncio.run(send())


def test_what_is_no_note_is_dropped_with_one_warning(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_queue(f"{url}lease_seconds=0.5")) as queue, caplog.at_level(logging.WARNING):
        put(queue, "i1")
        for rubbish in (b"", b"\xff\x00", b'{"Records": []}', b"1.2.840.10008.1.2.3" * 100):
            write_rubbish(url, rubbish)
        put(queue, "i2")
        assert {note.instance for note in take_all(queue, 2)} == {"i1", "i2"}
        assert queue.take(4, 1.2) == []  # and none of it comes again
    assert len([record for record in caplog.records if "no note" in record.message]) == 1
    assert "Records" not in caplog.text


def test_a_topic_that_is_not_there_and_cannot_be_made_is_told_in_words(kafka: KafkaServer) -> None:
    """The mock cluster makes no topics, like a broker whose clients may not."""
    with (
        closing(open_queue(f"{kafka.url}/{uuid.uuid4().hex}")) as queue,
        pytest.raises(BackendUnavailable, match="cannot be made"),
    ):
        queue.put(InstanceId("i1"))


def test_a_note_that_the_stream_refuses_is_told(nats_url: str) -> None:
    name = uuid.uuid4().hex

    async def make_full_stream() -> None:
        client = await nats.connect(nats_url)
        stream = StreamConfig(name=name, subjects=[f"{name}.notes"], max_msgs=1, discard=DiscardPolicy.NEW)
        await client.jetstream().add_stream(stream)
        await client.close()

    asyncio.run(make_full_stream())
    with closing(open_queue(f"{nats_url}/{name}")) as queue:
        queue.put(InstanceId("i1"))
        with pytest.raises(BackendUnavailable, match="maximum messages"):
            queue.put(InstanceId("i2"))
        assert [note.instance for note in queue.take(2, 1.0)] == ["i1"]
