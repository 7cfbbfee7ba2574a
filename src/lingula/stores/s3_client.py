"""What everything that speaks S3 here shares: the address, one client for a server, what its errors mean.

Credentials come from the AWS variables, files and roles (boto3's chain), never from a URL. TLS certificates are
verified by the machine's authorities, or those `AWS_CA_BUNDLE` names.
"""

import logging
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from lingula.errors import BackendUnavailable, SettingsError
from lingula.stores.keys import check_prefix

try:
    import boto3
    import boto3.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from botocore.loaders import Loader, create_loader
    from botocore.session import get_session
except ImportError as error:
    raise SettingsError("s3:// needs a driver that is not installed: pip install 'lingula[scale]'") from error

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 3.0
READ_SECONDS = 20.0  # for one answer; a radiograph of 64 MiB needs 26 Mbit/s
CONNECTIONS = 32  # kept open and used again; more threads than that share them
ENCRYPTIONS = ("AES256", "aws:kms")
DEFAULT_REGION = "us-east-1"  # what servers that have no regions expect in a signature

_OPTIONS = frozenset({"endpoint", "region", "encryption", "kms_key"})
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REFUSED = frozenset(
    {"AccessDenied", "AllAccessDisabled", "ExpiredToken", "Forbidden", "InvalidAccessKeyId", "InvalidToken"}
    | {"NoCredentialsError", "SignatureDoesNotMatch", "TokenRefreshRequired", "401", "403"}
)
_BUSY = frozenset({"RequestLimitExceeded", "ServiceUnavailable", "SlowDown", "Throttling", "TooManyRequests", "503"})
_NO_BUCKET = frozenset({"NoSuchBucket", "404"})
_BUSY_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class S3Address:
    """What an ``s3://`` URL says; `prefix` is empty or ends with a slash, `endpoint` None means AWS itself."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    encryption: str | None = None
    kms_key: str | None = None


def read_address(url: str) -> S3Address:
    """Read ``s3://bucket/prefix?endpoint=https://host:9000&region=...&encryption=AES256|aws:kms&kms_key=...``.

    >>> read_address("s3://xray-processed/lingula?endpoint=https://minio.example:9000").prefix
    'lingula/'

    Raises
    ------
    SettingsError
        If it is not of this form; the message says what is wrong and never repeats a user or password.
    """
    parts = urlsplit(url)
    if not _BUCKET.fullmatch(parts.netloc):
        raise _wrong("name the bucket as s3://bucket/prefix; credentials belong into AWS_ACCESS_KEY_ID and its kin")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS):
        raise _wrong(f"there is no option {unknown[0]!r}; use {', '.join(sorted(_OPTIONS))}")
    folder = unquote(parts.path).strip("/")
    prefix = f"{folder}/" if folder else ""
    try:
        check_prefix(prefix)
    except ValueError as error:
        raise _wrong("the prefix is made of A-Z a-z 0-9 . _ - and '/'") from error
    encryption, kms_key = options.get("encryption"), options.get("kms_key")
    if encryption not in {None, *ENCRYPTIONS} or (kms_key and encryption != "aws:kms"):
        raise _wrong("encryption is AES256 or aws:kms, and only aws:kms takes a kms_key")
    return S3Address(
        bucket=parts.netloc,
        prefix=prefix,
        endpoint=check_endpoint(options.get("endpoint"), "LINGULA_STORE_URL"),
        region=options.get("region"),
        encryption=encryption,
        kms_key=kms_key,
    )


def check_endpoint(endpoint: str | None, setting: str) -> str | None:
    """Give a server's address back, without a slash at its end; raises `SettingsError` naming `setting`."""
    if endpoint is None:
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query:
        raise SettingsError(f"{setting}: an S3 endpoint is of the form https://host:9000")
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        _log.warning("%s: the S3 endpoint is http://, so radiographs cross the network unencrypted", setting)
    return endpoint.rstrip("/")


def open_session(region: str | None) -> boto3.session.Session:
    """Give the credentials' chain; raises `SettingsError` if a profile that is asked for does not exist."""
    core = get_session()
    core.register_component("data_loader", _descriptions())
    try:
        return boto3.session.Session(botocore_session=core, region_name=region)
    except BotoCoreError as error:
        raise SettingsError(f"the AWS variables or files cannot be used: {error}") from error


def open_client(session: boto3.session.Session, endpoint: str | None) -> "S3Client":
    """Make the client of one server; it connects at its first question and is safe to use from several threads."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",  # older servers know no others
        response_checksum_validation="when_required",
    )
    try:
        return session.client(
            "s3", endpoint_url=endpoint, region_name=session.region_name or DEFAULT_REGION, config=config
        )
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"no S3 client can be made of these settings: {error}") from error


def own_authorities() -> str | None:
    """Give the certificates (PEM) of the authorities that `AWS_CA_BUNDLE` or the AWS files name; None if they do not.

    Raises
    ------
    SettingsError
        If that file cannot be read.
    """
    path = get_session().get_config_variable("ca_bundle")
    try:
        return None if path is None else Path(str(path)).read_text()
    except OSError as error:
        raise SettingsError(f"AWS_CA_BUNDLE: the file {path} cannot be read: {error.strerror}") from error


def code_of(error: ClientError | BotoCoreError) -> str:
    """Give the one word that says what went wrong."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "?"))
    return type(error).__name__


def unavailable(bucket: str, code: str) -> BackendUnavailable:
    """Say in an engineer's words why a bucket cannot be used now; never repeats a key, an answer or a secret."""
    if code in _REFUSED:
        return BackendUnavailable(
            f"the bucket {bucket!r} lets us not in ({code}); check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the "
            "role, and what they may do with this bucket",
            retry_after_seconds=_BUSY_SECONDS,
        )
    if code == "RequestTimeTooSkewed":
        return BackendUnavailable(f"the bucket {bucket!r} refuses our time of day; set this machine's clock")
    if code in _BUSY:
        return BackendUnavailable(
            f"the bucket {bucket!r} has too much to do ({code}); it is asked again", retry_after_seconds=_BUSY_SECONDS
        )
    if code in _NO_BUCKET:
        return BackendUnavailable(f"there is no bucket {bucket!r}; make it, or check its name and the endpoint")
    return BackendUnavailable(
        f"the bucket {bucket!r} does not answer ({code}); check the endpoint, its certificate (AWS_CA_BUNDLE for an "
        "authority of your own) and the network"
    )


@cache
def _descriptions() -> Loader:
    """Read the description of S3 once: it is most of what a client costs, a tenth of a second."""
    return create_loader()


def _wrong(detail: str) -> SettingsError:
    return SettingsError(f"LINGULA_STORE_URL: {detail}")


__all__ = [
    "BotoCoreError",
    "ClientError",
    "NoCredentialsError",
    "S3Address",
    "check_endpoint",
    "code_of",
    "open_client",
    "open_session",
    "own_authorities",
    "read_address",
    "unavailable",
]
