"""What every topic promises; its leases last 0.3 seconds here, and others publish to it in their own way."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Thread

import nats
import pytest
import redis
from confluent_kafka import Producer
from nats.js.api import StreamConfig
from servers.kafka import KafkaServer

from lingula.errors import BackendUnavailable, SettingsError
from lingula.queues.topic import Message, Topic, open_topic

LEASE_SECONDS = 0.3
ALL = ("minio_list", "redis_stream", "plain_nats", "jetstream_of_others", "kafka_topic")


@dataclass(frozen=True, kw_only=True)
class Published:
    """A topic's URL, and how somebody else publishes to it."""

    url: str
    publish: Callable[[bytes], object]

    @contextmanager
    def opened(self) -> Iterator[Topic]:
        with closing(open_topic(self.url)) as topic:
            yield topic


@pytest.fixture
def minio_list(redis_url: str) -> Iterator[Published]:
    """MinIO with format=access appends to a list."""
    key = uuid.uuid4().hex
    with redis.Redis.from_url(redis_url) as client:
        url = f"{redis_url}/0?stream={key}&lease_seconds=0.3"
        yield Published(url=url, publish=lambda data: client.rpush(key, data))


@pytest.fixture
def redis_stream(redis_url: str) -> Published:
    key = uuid.uuid4().hex

    def publish(data: bytes) -> None:
        with redis.Redis.from_url(redis_url) as client:
            client.xadd(key, {"source": "a bridge", "message": data})

    return Published(url=f"{redis_url}/0?stream={key}&lease_seconds=0.3", publish=publish)


def run(work: Callable[[], None]) -> None:
    """Run in a thread of its own, as another program would."""
    thread = Thread(target=work)
    thread.start()
    thread.join(10)


@pytest.fixture
def plain_nats(nats_url: str) -> Published:
    """MinIO with jetstream=off publishes to whoever listens; the stream Lingula makes does."""
    subject = f"{uuid.uuid4().hex}.xray-images"
    url = f"{nats_url}/{subject}?lease_seconds=0.3"
    with closing(open_topic(url)) as topic:
        topic.take(1, 0)

    async def send(data: bytes) -> None:
        client = await nats.connect(nats_url)
        await client.publish(subject, data)
        await client.close()

    return Published(url=url, publish=lambda data: run(lambda: asyncio.run(send(data))))


@pytest.fixture
def jetstream_of_others(nats_url: str) -> Published:
    """A stream that somebody else made, with other subjects too."""
    name = uuid.uuid4().hex

    async def make() -> None:
        client = await nats.connect(nats_url)
        await client.jetstream().add_stream(StreamConfig(name=name, subjects=[f"{name}.>"]))
        await client.close()

    async def send(data: bytes) -> None:
        client = await nats.connect(nats_url)
        context = client.jetstream()
        await context.publish(f"{name}.other", b"of no concern")
        await context.publish(f"{name}.images", data)
        await client.close()

    run(lambda: asyncio.run(make()))
    url = f"{nats_url}/{name}.images?lease_seconds=0.3"
    return Published(url=url, publish=lambda data: run(lambda: asyncio.run(send(data))))


@pytest.fixture
def kafka_topic(kafka: KafkaServer) -> Published:
    """Ceph RGW and MinIO produce to a topic."""
    name = uuid.uuid4().hex
    kafka.say(f"topic {name} 1")

    def publish(data: bytes) -> None:
        producer = Producer({"bootstrap.servers": kafka.url.removeprefix("kafka://")})
        producer.produce(name, data)
        assert producer.flush(10) == 0

    return Published(url=f"{kafka.url}/{name}?group={name}&lease_seconds=0.3", publish=publish)


@pytest.fixture(params=ALL)
def published(request: pytest.FixtureRequest) -> Published:
    value = request.getfixturevalue(request.param)
    assert isinstance(value, Published)
    return value


def take_one(topic: Topic) -> Message:
    (message,) = topic.take(1, 20.0)
    return message


def test_messages_arrive_as_they_were_published_and_in_their_order(published: Published) -> None:
    told = [json.dumps({"Records": [number]}).encode() for number in range(3)]
    for data in told:
        published.publish(data)
    with published.opened() as topic:
        assert [take_one(topic).data for _ in told] == told


def test_what_is_done_never_comes_again_and_done_twice_is_no_error(published: Published) -> None:
    published.publish(b"{}")
    with published.opened() as topic:
        message = take_one(topic)
        topic.done(message)
        topic.done(message)
        assert topic.take(1, 2 * LEASE_SECONDS) == []
    with published.opened() as topic:
        assert topic.take(1, 1.0) == []


def test_what_is_not_done_in_time_comes_again(published: Published) -> None:
    published.publish(b"{}")
    with published.opened() as topic:
        first, second = take_one(topic), take_one(topic)
    assert first.data == second.data
    assert first.receipt != second.receipt


def test_what_was_not_done_comes_to_the_next_reader(published: Published) -> None:
    published.publish(b"{}")
    with published.opened() as topic:
        take_one(topic)
    with published.opened() as topic:
        assert take_one(topic).data == b"{}"


def test_a_reader_who_came_before_the_publisher_waits(published: Published) -> None:
    with published.opened() as topic:
        assert topic.take(1, 0.1) == []
        published.publish(b"{}")
        assert take_one(topic).data == b"{}"
        topic.check()


def test_a_hash_of_minio_is_refused_with_the_words_that_mend_it(redis_url: str) -> None:
    key = uuid.uuid4().hex
    with redis.Redis.from_url(redis_url) as client:
        client.hset(key, "bucket/object", "{}")
    with (
        closing(open_topic(f"{redis_url}/0?stream={key}")) as topic,
        pytest.raises(BackendUnavailable, match="format=access"),
    ):
        topic.check()


def test_many_entries_of_a_list_come_in_their_order(minio_list: Published) -> None:
    for number in range(250):
        minio_list.publish(str(number).encode())
    taken: list[int] = []
    with minio_list.opened() as topic:
        started = time.monotonic()
        while len(taken) < 250:
            assert time.monotonic() - started < 20
            for message in topic.take(40, 1.0):
                taken.append(int(message.data))
                topic.done(message)
    assert taken == list(range(250))


@pytest.mark.parametrize("url", ["", "http://x", "memory://", "nats://h/a b", "nats://h/a?x=1", "kafka://u:secret@/x"])
def test_another_url_is_a_settings_error_that_names_the_setting_and_no_password(url: str) -> None:
    with pytest.raises(SettingsError, match="LINGULA_NOTIFICATIONS_URL") as caught:
        open_topic(url)
    assert "secret" not in str(caught.value)
