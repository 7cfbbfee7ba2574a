"""A store in a bucket of any S3 server: AWS, MinIO, Ceph RGW.

Bytes go through obstore, which costs a fifth of boto3's processor time for each radiograph; what is asked seldom (the
bucket itself, lists of keys) goes through boto3. One client of each is kept, with its connections, for all threads.

An S3 server keeps an object whole or not at all, and only acknowledges what it keeps. The SHA-256 of the bytes travels
in the signature and as the object's checksum, so the server refuses what was damaged on the way.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from lingula.errors import BackendUnavailable, NotFound, SettingsError
from lingula.stores.keys import check_key, check_prefix
from lingula.stores.s3_bucket import make_ready
from lingula.stores.s3_client import (
    CONNECT_SECONDS,
    CONNECTIONS,
    DEFAULT_REGION,
    READ_SECONDS,
    BotoCoreError,
    ClientError,
    S3Address,
    code_of,
    open_client,
    open_session,
    own_authorities,
    read_address,
    unavailable,
)

try:
    import obstore
    from obstore.exceptions import BaseError, NotFoundError
    from obstore.store import S3Store as Objects
except ImportError as error:
    raise SettingsError("s3:// needs a driver that is not installed: pip install 'lingula[scale]'") from error

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config, S3Credential

_RETRIES = 2
_RETRY_SECONDS = 10.0  # all tries of one call together; then the sender keeps its copy and is told to come again
_CREDENTIALS_SECONDS = 300.0  # before the chain is asked again, which knows when they expire
_AGAIN_SECONDS = 1.0  # a bucket that failed a moment ago is not asked by every thread
_LOOK_SECONDS = 600.0  # between two looks whether somebody opened the bucket to the public
_WRITE_SECONDS = 60.0  # between two tries to write for `check`; a bucket with versions keeps each
_PROOF = "~lingula-check"  # no key can begin so
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")

_log = logging.getLogger(__name__)


class S3Store:
    """Bytes by key in one bucket; nothing is connected before the first key, and the bucket is made when it is missing.

    Parameters
    ----------
    address
        The bucket and the server.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    def __init__(self, address: S3Address, timer: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._timer = timer
        self._session = open_session(address.region)
        self._client = open_client(self._session, address.endpoint)
        self._objects = self._open_objects()
        self._lock = Lock()
        self._is_ready = False
        self._looked_at = self._written_at = float("-inf")
        self._failed: tuple[float, BackendUnavailable] | None = None

    @classmethod
    def from_url(cls, url: str) -> "S3Store":
        """Open ``s3://bucket/prefix?endpoint=...``; raises `SettingsError` for anything else."""
        return cls(read_address(url))

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`.

        Raises
        ------
        BackendUnavailable
            If the server does not answer, lets us not in, or the bucket is open to the public.
        """
        check_key(key)
        self._prepare()
        self._put(key, data)

    def get(self, key: str) -> bytes:
        """Give the bytes under `key`; raises `NotFound` or `BackendUnavailable`."""
        check_key(key)
        self._prepare()
        return self._get(key)

    def delete(self, key: str) -> None:
        """Forget `key`; raises `BackendUnavailable`."""
        check_key(key)
        self._prepare()
        try:
            obstore.delete(self._objects, self._address.prefix + key)
        except (BaseError, OSError) as error:
            if _is_missing_key(error):
                return  # forgetting what is not there is no error
            raise self._unavailable(error) from error

    def keys(self, prefix: str) -> Iterator[str]:
        """Give every key that begins with `prefix`, in order; objects that are no key of ours are passed over.

        Raises
        ------
        BackendUnavailable
            If the server does not answer.
        """
        check_prefix(prefix)
        self._prepare()
        own = self._address.prefix
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._address.bucket, Prefix=own + prefix
            ):
                for one in page.get("Contents", []):
                    key = one["Key"][len(own) :]
                    with suppress(ValueError):
                        check_key(key)
                        yield key
        except (ClientError, BotoCoreError) as error:
            raise unavailable(self._address.bucket, code_of(error)) from error

    def check(self) -> None:
        """Return if the bucket can be read and written now and is closed to the public; raises `BackendUnavailable`."""
        self._prepare()
        now = self._timer()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._is_ready = False
            self._prepare()
        if now - self._written_at >= _WRITE_SECONDS:
            self._put(_PROOF, b"lingula")
            self._written_at = now
        else:
            with suppress(NotFound):  # cleared away by somebody; the bucket answered all the same
                self._get(_PROOF)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _put(self, key: str, data: bytes) -> None:
        try:
            obstore.put(self._objects, self._address.prefix + key, data, use_multipart=False)
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    def _get(self, key: str) -> bytes:
        try:
            return bytes(obstore.get(self._objects, self._address.prefix + key).bytes())
        except (BaseError, OSError) as error:
            if _is_missing_key(error):
                raise NotFound(f"nothing is stored under {key}") from error
            raise self._unavailable(error) from error

    def _prepare(self) -> None:
        """See to the bucket once; while that fails, once a second, whoever asks."""
        if self._is_ready:
            return
        with self._lock:
            if self._is_ready:
                return
            if self._failed is not None and self._timer() - self._failed[0] < _AGAIN_SECONDS:
                raise self._failed[1]
            try:
                make_ready(self._client, self._address.bucket, is_aws=self._address.endpoint is None)
            except BackendUnavailable as error:
                self._failed = (self._timer(), error)
                raise
            self._is_ready, self._failed, self._looked_at = True, None, self._timer()

    def _open_objects(self) -> Objects:
        address, endpoint = self._address, self._client.meta.endpoint_url
        client: ClientConfig = {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=READ_SECONDS),
            "pool_max_idle_per_host": str(CONNECTIONS),
        }
        if (authorities := own_authorities()) is not None:
            client["root_certificate"] = authorities
        config: S3Config = {
            "region": self._client.meta.region_name or DEFAULT_REGION,
            "checksum_algorithm": "SHA256",
            "disable_bulk_delete": True,  # one request for one key, which every server knows
            "skip_signature": False,
            "unsigned_payload": False,
            # AWS's own servers are found by the bucket's name; all others are asked by path.
            "virtual_hosted_style_request": address.endpoint is None and "." not in address.bucket,
        }
        if address.endpoint is not None or "." in address.bucket:
            config["endpoint"] = config["aws_endpoint_url_s3"] = endpoint
        if address.encryption is not None:
            config["server_side_encryption"] = address.encryption
        if address.kms_key is not None:
            config["sse_kms_key_id"] = address.kms_key
        return Objects(
            address.bucket,
            config=config,
            client_options=client,
            retry_config={
                "max_retries": _RETRIES,
                "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
            credential_provider=self._credentials,
        )

    def _credentials(self) -> "S3Credential":
        """Ask boto3's chain, so that both drivers show the same credentials."""
        found = self._session.get_credentials()
        if found is None:
            raise unavailable(self._address.bucket, "NoCredentialsError")
        frozen = found.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key or "",
            "secret_access_key": frozen.secret_key or "",
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + timedelta(seconds=_CREDENTIALS_SECONDS),
        }

    def _unavailable(self, error: Exception) -> BackendUnavailable:
        code = _code_of(error)
        if code == "NoSuchBucket":
            self._is_ready = False  # somebody took it away; it is made again at the next call
        return unavailable(self._address.bucket, code)


def _is_missing_key(error: Exception) -> bool:
    return isinstance(error, NotFoundError | FileNotFoundError) and _code_of(error) != "NoSuchBucket"


def _code_of(error: Exception) -> str:
    """Find S3's own word in the driver's text, which holds the whole answer and is never shown."""
    text = str(error)
    found = _CODE.search(text) or _STATUS.search(text)
    return found[1] if found else type(error).__name__
