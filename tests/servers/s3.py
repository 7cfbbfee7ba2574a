"""Two S3 servers: moto knows S3's behaviour but lets everybody in; rclone looks at signatures and knows little else.

Neither is a production server; MinIO, Ceph RGW and AWS are not among what tests can start.
"""

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import boto3
import pytest
from botocore.config import Config

from servers.process import free_port, listens, program, running

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY, SECRET_KEY = "tests-access-key", "tests-secret-key-0123456789"  # made up, for this machine only
_BESIDE_PYTHON = (str(Path(sys.executable).parent),)  # both come with `pip install 'lingula[dev]'`


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server."""

    endpoint: str
    authority: Path | None = None  # the certificate (PEM) that signed the server's own
    is_strict: bool = False  # whether it looks at signatures
    client: "S3Client" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "client", self._open())

    def url(self, bucket: str, prefix: str = "", **options: str) -> str:
        """Give the URL of a store in one of its buckets."""
        return f"s3://{bucket}/{prefix}?{urlencode({'endpoint': self.endpoint, **options})}"

    def new_bucket(self) -> str:
        """Make a bucket nobody else has."""
        name = new_name()
        self.client.create_bucket(Bucket=name)
        return name

    def _open(self) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            verify=str(self.authority) if self.authority else None,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


def new_name() -> str:
    """Give a bucket name that nobody has."""
    return f"xrays-{uuid.uuid4().hex[:16]}"


@contextmanager
def moto(folder: Path, port: int | None = None) -> Iterator[S3Server]:
    """Run moto until the block ends; what it keeps is gone then."""
    port = port or free_port()
    command = (program("moto_server", package="pip", folders=_BESIDE_PYTHON), "-H", "127.0.0.1", "-p", str(port))
    with running(command, is_ready=lambda: listens(port), log=folder / "moto.log"):
        yield S3Server(endpoint=f"http://127.0.0.1:{port}")


@contextmanager
def rclone(
    folder: Path,
    port: int | None = None,
    *,
    certificate: tuple[Path, Path] | None = None,
    cache: Literal["full", "off"] = "full",
) -> Iterator[S3Server]:
    """Run rclone over a folder until the block ends; what it keeps stays there.

    Parameters
    ----------
    certificate
        The server's certificate, signed by itself, and its private key (PEM); with them it speaks TLS only.
    cache
        Whether an object passes through a copy of its own on its way to the folder; without, it costs half as much.
    """
    port = port or free_port()
    kept = folder / "rclone"
    kept.mkdir(exist_ok=True)
    tls = ("--cert", str(certificate[0]), "--key", str(certificate[1])) if certificate else ()
    command = (
        program("rclone", package="rclone", folders=_BESIDE_PYTHON),
        *("serve", "s3", "--config", "/dev/null", "--addr", f"127.0.0.1:{port}", *tls),
        *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--vfs-cache-mode", cache, "--cache-dir", str(folder / "cache")),
        str(kept),
    )
    with running(command, is_ready=lambda: listens(port), log=folder / "rclone.log"):
        scheme = "https" if certificate else "http"
        yield S3Server(
            endpoint=f"{scheme}://127.0.0.1:{port}", authority=certificate[0] if certificate else None, is_strict=True
        )


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One moto for all tests."""
    with moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One rclone for all tests."""
    with rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program find the servers' credentials where a hospital's engineer puts them, and nothing else."""
    for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
