"""What a store in a bucket does beside what every store promises: whom it trusts, and what it does when it may not."""

import datetime as dt
import hashlib
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from servers.process import free_port
from servers.s3 import S3Server, moto, new_name, rclone

from lingula.errors import BackendUnavailable, NotFound, SettingsError
from lingula.stores.store import open_store

pytestmark = pytest.mark.usefixtures("s3_credentials")

EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
SOMEBODY = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "s3:GetObject"}
OPEN_POLICIES = [EVERYBODY, {**EVERYBODY, "Principal": {"AWS": "*"}}, {**EVERYBODY, "Principal": {"AWS": ["x", "*"]}}]


def policy(bucket: str, statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": f"arn:aws:s3:::{bucket}/*"}]})


@pytest.mark.parametrize(("encryption", "kms_key"), [("AES256", None), ("aws:kms", "tests-key")])
def test_objects_are_encrypted_as_the_url_says(moto_server: S3Server, encryption: str, kms_key: str | None) -> None:
    bucket = new_name()
    store = open_store(
        moto_server.url(bucket, encryption=encryption, **({"kms_key": kms_key} if kms_key is not None else {}))
    )
    store.put("north/i1", b"pixels")
    head = moto_server.client.head_object(Bucket=bucket, Key="north/i1")
    assert head["ServerSideEncryption"] == encryption
    assert head.get("SSEKMSKeyId") == kms_key
    store.close()


@dataclass
class Scripted:
    """A server that answers objects as a test says and everything else with 200, and remembers what was asked."""

    endpoint: str
    answer: tuple[int, bytes] = (200, b"")
    puts: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.say(200, b"")

        def do_HEAD(self) -> None:
            self.say(200, b"")

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            made.puts.append({name.lower(): value for name, value in self.headers.items()})
            self.say(*made.answer)

        def say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("etag", '"1"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Scripted(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        server.shutdown()


def test_the_digest_of_the_bytes_travels_with_them_and_in_the_signature(scripted: Scripted) -> None:
    store = open_store(f"s3://bucket/?endpoint={scripted.endpoint}")
    store.put("north/i1", b"pixels")
    store.close()
    digest = hashlib.sha256(b"pixels")
    (sent,) = scripted.puts
    assert sent["x-amz-content-sha256"] == digest.hexdigest()
    assert sent["x-amz-checksum-sha256"] == b64encode(digest.digest()).decode()
    assert "x-amz-content-sha256" in sent["authorization"]
    assert "x-amz-acl" not in sent


def test_a_server_that_has_too_much_to_do_is_asked_a_few_times_and_then_told_so(scripted: Scripted) -> None:
    store = open_store(f"s3://bucket/?endpoint={scripted.endpoint}")
    scripted.answer = (503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
    with pytest.raises(BackendUnavailable, match=r"too much to do \(SlowDown\)") as raised:
        store.put("north/i1", b"pixels")
    store.close()
    assert len(scripted.puts) == 3
    assert raised.value.retry_after_seconds == 10.0


def test_a_bucket_is_made_and_closed_to_the_public(moto_server: S3Server) -> None:
    bucket = new_name()
    store = open_store(moto_server.url(bucket))
    store.put("north/i1", b"pixels")
    block = moto_server.client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    store.close()


def test_a_bucket_made_by_many_at_once_is_made_once(moto_server: S3Server, rclone_server: S3Server) -> None:
    for server in (moto_server, rclone_server):
        url = server.url(new_name())
        stores = [open_store(url) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda one: one[1].put(f"north/i{one[0]}", b"pixels"), enumerate(stores)))
        assert list(stores[0].keys("")) == ["north/i0", "north/i1", "north/i2", "north/i3"]
        for store in stores:
            store.close()


@pytest.mark.parametrize("statement", OPEN_POLICIES)
def test_a_bucket_with_a_public_policy_is_refused(moto_server: S3Server, statement: Mapping[str, object]) -> None:
    bucket = moto_server.new_bucket()
    moto_server.client.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, statement))
    store = open_store(moto_server.url(bucket))
    with pytest.raises(BackendUnavailable, match=r"open to everybody.*policy"):
        store.put("north/i1", b"pixels")
    with pytest.raises(BackendUnavailable, match="open to everybody"):
        store.check()
    assert "Contents" not in moto_server.client.list_objects_v2(Bucket=bucket)
    store.close()


def test_a_bucket_with_a_public_access_list_is_refused(moto_server: S3Server) -> None:
    bucket = moto_server.new_bucket()
    moto_server.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    store = open_store(moto_server.url(bucket))
    with pytest.raises(BackendUnavailable, match=r"open to everybody.*access list"):
        store.put("north/i1", b"pixels")
    store.close()


def test_a_policy_for_somebody_is_no_public_one(moto_server: S3Server) -> None:
    bucket = moto_server.new_bucket()
    moto_server.client.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, SOMEBODY))
    store = open_store(moto_server.url(bucket))
    store.put("north/i1", b"pixels")
    store.close()


def test_a_public_policy_behind_a_closed_door_does_no_harm(moto_server: S3Server) -> None:
    bucket = moto_server.new_bucket()
    moto_server.client.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, EVERYBODY))
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    moto_server.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=closed)  # type: ignore[arg-type]  # by name
    store = open_store(moto_server.url(bucket))
    store.put("north/i1", b"pixels")
    store.close()


def test_a_bucket_opened_later_is_found_by_the_next_look(moto_server: S3Server) -> None:
    from lingula.stores.s3 import S3Store
    from lingula.stores.s3_client import read_address

    bucket, now = moto_server.new_bucket(), [0.0]
    store = S3Store(read_address(moto_server.url(bucket)), timer=lambda: now[0])
    store.check()
    moto_server.client.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, EVERYBODY))
    store.check()
    now[0] += 601.0
    with pytest.raises(BackendUnavailable, match="open to everybody"):
        store.check()
    now[0] += 2.0
    with pytest.raises(BackendUnavailable, match="open to everybody"):
        store.put("north/i1", b"pixels")
    store.close()


def test_a_wrong_secret_is_told_with_what_to_do(rclone_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = rclone_server.url(rclone_server.new_bucket())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    store = open_store(url)
    with pytest.raises(BackendUnavailable, match=r"lets us not in.*AWS_SECRET_ACCESS_KEY") as raised:
        store.put("north/i1", b"pixels")
    assert "not-the-secret" not in str(raised.value)
    store.close()


def test_no_credentials_at_all_are_told(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    store = open_store(moto_server.url(new_name()))
    with pytest.raises(BackendUnavailable, match="AWS_ACCESS_KEY_ID"):
        store.put("north/i1", b"pixels")
    store.close()


def test_a_profile_that_is_not_there_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this")
    with pytest.raises(SettingsError, match="nobody-has-this"):
        open_store("s3://bucket/")


def test_a_server_that_was_stopped_is_unavailable_and_then_used_again(tmp_path: Path) -> None:
    port, bucket = free_port(), new_name()
    with rclone(tmp_path, port) as server:
        store = open_store(server.url(bucket))
        store.put("north/i1", b"pixels")
    began = time.monotonic()
    for ask in (lambda: store.put("north/i2", b"p"), lambda: store.get("north/i1"), lambda: list(store.keys(""))):
        with pytest.raises(BackendUnavailable, match="does not answer"):
            ask()
    with pytest.raises(BackendUnavailable, match="does not answer"):
        store.delete("north/i1")
    assert time.monotonic() - began < 15.0
    with rclone(tmp_path, port):
        assert store.get("north/i1") == b"pixels"
        store.check()
    store.close()


def test_a_store_opens_while_its_server_is_down() -> None:
    began = time.monotonic()
    store = open_store(f"s3://bucket/?endpoint=http://127.0.0.1:{free_port()}")
    with pytest.raises(BackendUnavailable, match="does not answer"):
        store.check()
    with pytest.raises(BackendUnavailable, match="does not answer"):  # told again at once, not asked again
        store.check()
    assert time.monotonic() - began < 5.0
    store.close()


def test_a_bucket_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    with moto(tmp_path) as server:
        bucket = server.new_bucket()
        store = open_store(server.url(bucket))
        store.put("north/i1", b"pixels")
        server.client.delete_object(Bucket=bucket, Key="north/i1")
        server.client.delete_bucket(Bucket=bucket)
        with pytest.raises(BackendUnavailable, match="there is no bucket"):
            store.get("north/i1")
        with pytest.raises(NotFound):
            store.get("north/i1")
        store.put("north/i1", b"pixels")
        store.close()


def test_more_keys_than_fit_on_a_page_are_all_told(tmp_path: Path) -> None:
    bucket, expected = new_name(), [f"north/i{number:05}" for number in range(1005)]
    folder = tmp_path / "rclone" / bucket / "lingula"
    (folder / "north").mkdir(parents=True)
    for key in expected:
        (folder / key).touch()
    with rclone(tmp_path) as server:
        assert server.client.list_objects_v2(Bucket=bucket, Prefix="lingula/")["IsTruncated"]
        store = open_store(server.url(bucket, "lingula"))
        assert list(store.keys("north/")) == expected
        store.close()


def test_objects_that_are_no_key_of_ours_are_passed_over(moto_server: S3Server) -> None:
    bucket = moto_server.new_bucket()
    for key in ("north/i1", "north//i2", "north/Ann Example.dcm", "north/ü+%2F#.dcm", "/north", "north/"):
        moto_server.client.put_object(Bucket=bucket, Key=key, Body=b"")
    store = open_store(moto_server.url(bucket))
    assert list(store.keys("")) == ["north/i1"]
    store.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lingula tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = tmp_path / "server.pem", tmp_path / "server.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


def test_a_server_is_trusted_only_if_its_authority_is(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with rclone(tmp_path, certificate=certificate) as server:
        url = server.url(new_name())
        stranger = open_store(url)
        with pytest.raises(BackendUnavailable, match="AWS_CA_BUNDLE"):
            stranger.put("north/i1", b"pixels")
        stranger.close()
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
        store = open_store(url)
        store.put("north/i1", b"pixels")
        assert store.get("north/i1") == b"pixels"
        store.close()


def test_authorities_that_cannot_be_read_are_a_settings_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(SettingsError, match="AWS_CA_BUNDLE"):
        open_store("s3://bucket/?endpoint=https://127.0.0.1:9000")
