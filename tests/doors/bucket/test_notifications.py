"""Notifications of MinIO, Ceph RGW and AWS as they are sent, and bytes that nobody should send."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingula.doors.bucket.notifications import MOST_BYTES, NotANotification, ObjectPut, read_notification


def record(key: str = "north/a.dcm", name: str = "ObjectCreated:Put", **stored: object) -> dict[str, object]:
    """Give a record as the AWS documentation shows it."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-west-2",
        "eventTime": "1970-01-01T00:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "testConfigRule",
            "bucket": {"name": "xrays", "ownerIdentity": {"principalId": "A3"}, "arn": "arn:aws:s3:::xrays"},
            "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", **stored},
        },
    }


DETAIL = {
    "version": "0",
    "bucket": {"name": "xrays"},
    "object": {"key": "north/a b+c.dcm", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "version-id": "I4l"},
    "reason": "PutObject",
}
BARE = {"Records": [record()]}
ONE = ObjectPut(
    bucket="xrays", key="north/a.dcm", etag="d41d8cd98f00b204e9800998ecf8427e", size_bytes=1024, version=None
)
SHAPES: dict[str, object] = {
    "AWS": BARE,
    "with s3:": {"Records": [record(name="s3:ObjectCreated:Put")]},
    "an old RGW's name": {"Records": [record(name="OBJECT_CREATE")]},
    "synced by another Ceph zone": {"Records": [record(name="s3:ObjectSynced:Create")]},
    "a bare record": record(),
    "a list of records": [record()],
    "MinIO": {"EventName": "s3:ObjectCreated:Put", "Key": "xrays/north/a.dcm", **BARE},
    "MinIO in Redis": [{"Event": [record()], "EventTime": "2026-03-01T08:00:00Z"}],
    "SNS": {"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": json.dumps(BARE)},
    "SNS in Lambda": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(BARE)}}]},
    "SQS": {"MessageId": "1", "ReceiptHandle": "r", "Body": json.dumps(BARE)},
    "SQS in Lambda": {"Records": [{"messageId": "1", "body": json.dumps(BARE)}]},
    "several of SQS": {"Messages": [{"Body": json.dumps(BARE)}]},
    "SNS in SQS": {"Body": json.dumps({"Type": "Notification", "Message": json.dumps(BARE)})},
    "a CloudEvent with a record": {
        "specversion": "1.0",
        "type": "com.amazonaws.s3.ObjectCreated:Put",
        "data": record(),
    },
    "a CloudEvent with a record's inside": {
        "specversion": "1.0",
        "type": "com.amazonaws.s3.ObjectCreated:Put",
        "data": record("north%2Fa.dcm")["s3"],
    },
    "CloudEvents in a batch": [{"specversion": "1.0", "type": "dev.knative.kafka.event", "data": BARE}],
    "a CloudEvent as text": {"specversion": "1.0", "type": "x", "data": json.dumps(BARE)},
    "a CloudEvent in base64": {
        "specversion": "1.0",
        "type": "dev.knative.kafka.event",
        "data_base64": base64.b64encode(json.dumps(BARE).encode()).decode(),
    },
}


def read(told: object, **headers: str) -> list[ObjectPut]:
    return list(
        read_notification(json.dumps(told).encode(), {name.replace("_", "-"): v for name, v in headers.items()})
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_every_known_shape_is_read(shape: str) -> None:
    assert read(SHAPES[shape]) == [ONE]


def test_a_binary_cloudevent_around_a_record_of_ceph_is_read() -> None:
    assert read(BARE, ce_type="dev.knative.kafka.event", ce_id="partition:0/offset:1") == [ONE]
    assert read({"bucket": DETAIL["bucket"], "object": DETAIL["object"]}, ce_type="com.amazonaws.s3.ObjectCreated:Put")
    assert (
        read({"bucket": DETAIL["bucket"], "object": DETAIL["object"]}, ce_type="com.amazonaws.s3.ObjectRemoved") == []
    )


def test_eventbridge_writes_keys_plainly() -> None:
    (put,) = read({"source": "aws.s3", "detail-type": "Object Created", "detail": DETAIL})
    assert (put.key, put.version, put.size_bytes) == ("north/a b+c.dcm", "I4l", 5)
    assert read({"source": "aws.s3", "detail-type": "Object Deleted", "detail": DETAIL}) == []


def test_minio_s_key_alone_is_enough() -> None:
    assert read({"EventName": "s3:ObjectCreated:Put", "Key": "xrays/a b.dcm"}) == [
        ObjectPut(bucket="xrays", key="a b.dcm")
    ]


@pytest.mark.parametrize("key", ["north/a+b c.dcm", "north/50%.dcm", "north/%41%ff.dcm"])
def test_ceph_writes_keys_plainly(key: str) -> None:
    told = {"Records": [{**record(key), "eventSource": "ceph:s3"}]}
    assert [put.key for put in read(told, ce_type="com.amazonaws.s3.ObjectCreated:Put")] == [key]


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("north/a+b.dcm", "north/a b.dcm"),
        ("north/a%2Bb.dcm", "north/a+b.dcm"),
        ("%C3%BC%2520.dcm", "ü%20.dcm"),
        ("../../etc/passwd", "../../etc/passwd"),  # a key is no path; no binding begins so
        ("a%0Ab", "a\nb"),
    ],
)
def test_keys_of_records_are_decoded_once(written: str, key: str) -> None:
    assert [put.key for put in read({"Records": [record(written)]})] == [key]


def test_every_record_of_the_list_is_read_and_what_was_not_put_is_passed_over() -> None:
    names = [
        "ObjectCreated:Put",
        "ObjectRemoved:Delete",
        "s3:ObjectCreated:CompleteMultipartUpload",
        "s3:ObjectAccessed",
    ]
    told = {"Records": [record(f"{number}.dcm", name) for number, name in enumerate(names)]}
    assert [put.key for put in read(told)] == ["0.dcm", "2.dcm"]


def test_a_version_is_kept_and_null_is_none() -> None:
    puts = read({"Records": [record(versionId="3HL4"), record(versionId="null"), record(versionId="")]})
    assert [put.version for put in puts] == ["3HL4", None, None]


@pytest.mark.parametrize(
    "told",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "xrays"},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example/", "Message": "You have chosen"},
        {"Records": []},
        [],
        {"Records": [record("folder/")]},
    ],
)
def test_what_tells_of_no_radiograph_is_read_as_nothing(told: object) -> None:
    assert read(told) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"1",
        b'"text"',
        b"null",
        b"{}",
        b"[" * 5000,
        b"[[[[[[[[[[{}]]]]]]]]]]",
        b'{"Records":[{}]}',
        b'{"Records":[1]}',
        b'{"s3":{}}',
        b'{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"xrays"},"object":{"key":""}}}',
        b'{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"xrays"},"object":{"key":"%ff"}}}',
        b'{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"xrays"},"object":{"key":"\\ud800"}}}',
        b'{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"../x"},"object":{"key":"a"}}}',
        b'{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":5},"object":{"key":"a"}}}',
        b'{"specversion":"1.0","type":"x","data_base64":"***"}',
        b'{"Message":"no json"}',
        b"["
        + b'{"EventName":"s3:ObjectCreated:Put","Key":"xrays/a"},' * 1000
        + b'{"EventName":"ObjectCreated:Put","Key":"xrays/a"}]',
        b" " * (MOST_BYTES + 1),
        b'{"Records":[' + b"9" * 5000 + b"]}",
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    with pytest.raises(NotANotification):
        read_notification(body)


NAMES = """Records s3 bucket object name key eventName EventName Key Message Body body detail detail-type data size {}
    data_base64 specversion type Type Sns Messages Event versionId eTag ObjectCreated:Put s3:TestEvent xrays e30= []"""
WORDS = st.sampled_from(NAMES.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)


@given(told=JSON, kind=st.none() | st.text(max_size=40) | WORDS)
@settings(max_examples=300, deadline=None)
def test_nothing_but_one_error_comes_of_hostile_json(told: object, kind: str | None) -> None:
    try:
        puts = read_notification(json.dumps(told).encode(), {"ce-type": kind} if kind is not None else None)
    except NotANotification:
        return
    assert all(put.key and put.bucket for put in puts)


@given(body=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_nothing_but_one_error_comes_of_hostile_bytes(body: bytes) -> None:
    try:
        read_notification(body)
    except NotANotification:
        return
