"""Notifications read from a topic: taken and acknowledged, or left for later; and the whole way with an open door."""

import json
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import redis
from made.bucket_stand import Stand
from made.hospital import made_dicom, made_system
from made.triage import NORTH
from servers.s3 import S3Server

from lingula.doors.bucket import BucketDoor
from lingula.doors.bucket.events import EventReader
from lingula.errors import BackendUnavailable
from lingula.queues.topic import Message
from lingula.radiology.study import Status
from lingula.records.accounts import Binding, BindingKind
from lingula.wiring import System


def told(bucket: str, key: str) -> bytes:
    stored = {"bucket": {"name": bucket}, "object": {"key": key}}
    return json.dumps({"Records": [{"eventName": "s3:ObjectCreated:Put", "s3": stored}]}).encode()


class ListedTopic:
    """A topic that holds what a test put into it."""

    def __init__(self, *published: bytes) -> None:
        self.waiting = [Message(data=data, receipt=str(number)) for number, data in enumerate(published)]
        self.is_down = False

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Message]:
        del wait_seconds
        if self.is_down:
            raise BackendUnavailable("the topic does not answer")
        return list(self.waiting[:at_most])

    def done(self, message: Message) -> None:
        self.waiting.remove(message)

    def check(self) -> None:
        """Answer."""

    def close(self) -> None:
        """Let go of nothing."""


def read_once(stand: Stand, topic: ListedTopic) -> None:
    stop = Event()
    stop.set()  # nobody waits in a test
    with ThreadPoolExecutor(2) as pool:
        EventReader(topic, stand.door.arrivals, pool).look(stop)


def test_what_was_taken_is_acknowledged_and_what_was_not_comes_again(
    bucket_stand: Stand, moto_server: S3Server
) -> None:
    bucket = moto_server.new_bucket()
    bucket_stand.bind(BindingKind.BUCKET, f"s3://{bucket}")
    bucket_stand.bind(BindingKind.BUCKET, "s3://not-made-yet")
    moto_server.client.put_object(Bucket=bucket, Key="a.dcm", Body=made_dicom())
    topic = ListedTopic(told(bucket, "a.dcm"), told("not-made-yet", "b.dcm"), told(bucket, "gone.dcm"))

    read_once(bucket_stand, topic)

    assert [json.loads(one.data)["Records"][0]["s3"]["bucket"]["name"] for one in topic.waiting] == ["not-made-yet"]
    assert bucket_stand.counts() == {("north", "received"): 1.0, ("north", "missing"): 1.0}


@pytest.mark.parametrize("data", [b"", b"hello", b"{}", b"[" * 9999])
def test_a_message_that_is_no_notification_is_counted_and_taken_away(bucket_stand: Stand, data: bytes) -> None:
    topic = ListedTopic(data)
    read_once(bucket_stand, topic)
    assert topic.waiting == []
    assert bucket_stand.counts() == {("", "not understood"): 1.0}


def test_a_topic_that_does_not_answer_is_asked_again(bucket_stand: Stand) -> None:
    topic = ListedTopic(b"{}")
    topic.is_down = True
    read_once(bucket_stand, topic)
    topic.is_down = False
    read_once(bucket_stand, topic)
    assert topic.waiting == []


def wait_for(system: System, count: int) -> None:
    deadline = time.monotonic() + 20
    while system.records.summary([NORTH]).by_status[Status.ASSESSED] < count:
        assert time.monotonic() < deadline, system.records.summary([NORTH])
        time.sleep(0.02)


def test_a_radiograph_put_into_a_bucket_is_assessed_by_topic_by_look_and_by_folder(
    package: Path, tmp_path: Path, moto_server: S3Server, redis_url: str, s3_credentials: None
) -> None:
    del s3_credentials  # only has to be there
    topic, folder, told_of, silent = (
        uuid.uuid4().hex,
        tmp_path / "in",
        moto_server.new_bucket(),
        moto_server.new_bucket(),
    )
    folder.mkdir()
    system, _ = made_system(
        package,
        tmp_path / "home",
        bucket_endpoint=moto_server.endpoint,
        notifications_url=f"{redis_url}/0?stream={topic}",
        look_every_seconds=0.1,
    )
    for kind, value in (
        (BindingKind.BUCKET, f"s3://{told_of}"),
        (BindingKind.BUCKET, f"s3://{silent}"),
        (BindingKind.FOLDER, str(folder)),
    ):
        system.accounts.add_binding(Binding(kind=kind, value=value, site=NORTH))
    door = BucketDoor(system)
    system.start()
    door.open()
    try:
        moto_server.client.put_object(Bucket=told_of, Key="a b.dcm", Body=made_dicom(number=1))
        with redis.Redis.from_url(redis_url) as client:
            client.xadd(topic, {"message": told(told_of, "a+b.dcm")})
        moto_server.client.put_object(Bucket=silent, Key="c.dcm", Body=made_dicom(number=2))
        (folder / "d.dcm").write_bytes(made_dicom(number=3))
        wait_for(system, 3)
        door.check()
        assert "lingula_bucket_files" in system.metrics.render().decode()
    finally:
        door.close()
        system.stop()
    assert (folder / "done" / "d.dcm").exists()
