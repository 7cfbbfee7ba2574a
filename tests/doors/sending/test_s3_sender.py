"""A bucket receives radiographs; what S3 refuses is told in words a person can act on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from mypy_boto3_s3 import S3Client
from servers.process import free_port, listens, running

from lingula.doors.sending.patience import ATTEMPTS, Patience
from lingula.doors.sending.sender import Outcome, open_sender
from lingula.errors import BackendUnavailable, NotFound, SettingsError


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server of our own."""
    port = free_port()
    log = tmp_path_factory.mktemp("s3") / "log"
    command = (str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port))
    with running(command, is_ready=lambda: listens(port), log=log):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")


@pytest.fixture
def s3(endpoint: str) -> Iterator[S3Client]:
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    yield client
    client.close()


def test_a_radiograph_becomes_one_object_however_often_it_is_sent(endpoint: str, s3: S3Client) -> None:
    s3.create_bucket(Bucket="incoming")
    sender = open_sender(f"s3://incoming/north/ct?endpoint={endpoint}&encryption=AES256")
    for _ in range(2):
        assert sender.send(b"the bytes", "Ann Example.png").outcome is Outcome.RECEIVED
    sender.close()
    (found,) = s3.list_objects_v2(Bucket="incoming")["Contents"]
    assert found["Key"].startswith("north/ct/")
    assert found["Key"].endswith(".png")
    assert "Ann" not in found["Key"]
    kept = s3.get_object(Bucket="incoming", Key=found["Key"])
    assert kept["Body"].read() == b"the bytes"
    assert kept["ServerSideEncryption"] == "AES256"


def test_a_missing_bucket_is_told_at_once(endpoint: str) -> None:
    waits: list[float] = []
    sender = open_sender(f"s3://no-such-bucket?endpoint={endpoint}", patience=Patience(wait=waits.append))
    with pytest.raises(NotFound, match="no-such-bucket"):
        sender.send(b"x")
    sender.close()
    assert waits == []


def test_nobody_at_the_endpoint_is_tried_again() -> None:
    waits: list[float] = []
    sender = open_sender("s3://incoming?endpoint=http://127.0.0.1:9", patience=Patience(wait=waits.append))
    with pytest.raises(BackendUnavailable, match="EndpointConnectionError"):
        sender.send(b"x")
    sender.close()
    assert len(waits) == ATTEMPTS - 1


def test_without_credentials_the_way_to_give_them_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    sender = open_sender("s3://incoming?endpoint=http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        sender.send(b"x")
    sender.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://", "s3://bucket/prefix"),
        ("s3://key:secret@bucket", "credentials do not belong"),
        ("s3://bucket?endpiont=http://x", "no option 'endpiont'"),
        ("s3://bucket?encryption=rot13", "AES256 or aws:kms"),
        ("s3://bucket?endpoint=ftp://x", "https:// or http://"),
    ],
)
def test_a_url_that_cannot_be_understood_is_told_before_anything_is_sent(url: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        open_sender(url)
