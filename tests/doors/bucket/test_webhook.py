"""POST /events/s3: an object is put, its store tells, the radiograph is received and assessed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from made.hospital import Hospital, made_dicom, made_hospital, made_system
from made.triage import NORTH, SOUTH
from servers.process import free_port
from servers.s3 import S3Server

from lingula.radiology.study import Status
from lingula.records.accounts import Binding, BindingKind

PATH = "/events/s3"


@pytest.fixture
def hospital(package: Path, tmp_path: Path, moto_server: S3Server, s3_credentials: None) -> Iterator[Hospital]:
    del s3_credentials  # only has to be there
    system, clock = made_system(package, tmp_path, bucket_endpoint=moto_server.endpoint)
    with made_hospital(system, clock) as made:
        yield made


@pytest.fixture
def bucket(hospital: Hospital, moto_server: S3Server) -> str:
    name = moto_server.new_bucket()
    binding = Binding(kind=BindingKind.BUCKET, value=f"s3://{name}/north", site=NORTH)
    hospital.system.accounts.add_binding(binding)
    return name


def notification(bucket: str, *keys: str) -> dict[str, object]:
    records = [
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 10}}}
        for key in keys
    ]
    return {"EventName": "s3:ObjectCreated:Put", "Key": f"{bucket}/{keys[0]}", "Records": records}


def test_an_object_told_of_is_received_and_assessed(hospital: Hospital, bucket: str, moto_server: S3Server) -> None:
    for number in (1, 2):
        key = f"north/2026/Ann Example {number}.dcm"
        moto_server.client.put_object(Bucket=bucket, Key=key, Body=made_dicom(number=number))
    keys = ["north%2F2026%2FAnn+Example+1.dcm", "north%2F2026%2FAnn+Example+2.dcm"]

    answer = hospital.machine().post(PATH, json=notification(bucket, *keys))

    assert (answer.status_code, answer.content) == (204, b"")
    hospital.assess()
    assert hospital.system.records.summary([NORTH]).by_status[Status.ASSESSED] == 2
    assert hospital.machine().post(PATH, json=notification(bucket, *keys)).status_code == 204
    assert hospital.system.records.summary(None).unreviewed == 2
    metrics = hospital.stranger().get("/metrics").text
    assert 'lingula_received_total{door="bucket",site="north"} 2.0' in metrics
    assert 'lingula_pushed_objects{outcome="received again",site="north"} 2.0' in metrics


def test_a_knative_sink_takes_cloudevents(hospital: Hospital, bucket: str, moto_server: S3Server) -> None:
    moto_server.client.put_object(Bucket=bucket, Key="north/a.dcm", Body=made_dicom())
    binary = {"ce-specversion": "1.0", "ce-type": "dev.knative.kafka.event", "ce-id": "1", "ce-source": "/kafka"}
    structured = {"specversion": "1.0", "type": "com.amazonaws.s3.ObjectCreated:Put", "id": "1", "source": "ceph:s3"}
    body = notification(bucket, "north/a.dcm")
    machine = hospital.machine()

    assert machine.post(PATH, json=body, headers=binary).status_code == 204
    answer = machine.post(
        PATH, content=json.dumps({**structured, "data": body}), headers={"content-type": "application/cloudevents+json"}
    )
    assert answer.status_code == 204
    assert hospital.system.records.summary(None).unreviewed == 1


def test_a_stranger_is_not_listened_to(hospital: Hospital, bucket: str, moto_server: S3Server) -> None:
    moto_server.client.put_object(Bucket=bucket, Key="north/a.dcm", Body=made_dicom())
    stranger = hospital.stranger()
    body = notification(bucket, "north/a.dcm")

    assert stranger.post(PATH, json=body).status_code == 401
    assert stranger.post(PATH, json=body, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert hospital.system.records.summary(None).unreviewed == 0


def test_another_site_s_key_cannot_make_a_radiograph_arrive(
    hospital: Hospital, bucket: str, moto_server: S3Server
) -> None:
    moto_server.client.put_object(Bucket=bucket, Key="north/a.dcm", Body=made_dicom())

    assert hospital.machine(SOUTH).post(PATH, json=notification(bucket, "north/a.dcm")).status_code == 204
    assert hospital.system.records.summary(None).unreviewed == 0


def test_missing_foreign_and_unreadable_objects_need_not_be_told_again(
    hospital: Hospital, bucket: str, moto_server: S3Server
) -> None:
    moto_server.client.put_object(Bucket=bucket, Key="north/letter.txt", Body=b"no radiograph")
    machine = hospital.machine()

    for keys in (["north/gone.dcm"], ["south/a.dcm"], ["north/letter.txt"], ["north/../../etc/passwd"]):
        assert machine.post(PATH, json=notification(bucket, *keys)).status_code == 204
    assert machine.post(PATH, json=notification("elsewhere", "a.dcm")).status_code == 204
    assert machine.post(PATH, json={"Service": "Amazon S3", "Event": "s3:TestEvent"}).status_code == 204
    assert hospital.system.records.summary(None).unreviewed == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"hello", b"[[[[[[[[]]]]]]]]", b'{"Records":[{"s3":{}}]}', b"\xff"])
def test_what_is_no_notification_is_a_problem(hospital: Hospital, body: bytes) -> None:
    answer = hospital.machine().post(PATH, content=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "No notification"


def test_a_notification_larger_than_any_is_turned_away(hospital: Hospital) -> None:
    assert hospital.machine().post(PATH, content=b" " * (1024 * 1024 + 1)).status_code == 413


def test_a_store_that_is_away_makes_the_teller_come_again(package: Path, tmp_path: Path, s3_credentials: None) -> None:
    del s3_credentials  # only has to be there
    system, clock = made_system(package, tmp_path, bucket_endpoint=f"http://127.0.0.1:{free_port()}")
    with made_hospital(system, clock) as hospital:
        system.accounts.add_binding(Binding(kind=BindingKind.BUCKET, value="s3://xrays", site=NORTH))
        answer = hospital.machine().post(PATH, json=notification("xrays", "a.dcm"))

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "a.dcm" not in answer.text
