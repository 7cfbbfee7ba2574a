"""Puts radiographs into a bucket, as a hospital's archive or gateway does.

Credentials come from the AWS variables and files (boto3's chain), never from the URL. TLS certificates are verified
with the system's authorities, or those `AWS_CA_BUNDLE` names.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from lingula.doors.sending.naming import name_for
from lingula.doors.sending.patience import NOT_SAID, Patience
from lingula.doors.sending.sender import Outcome, Sent
from lingula.errors import BackendUnavailable, NotAllowed, NotFound, SettingsError
from lingula.stores.s3_client import (
    ENCRYPTIONS,
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    code_of,
    open_client,
    open_session,
)

_OPTIONS = frozenset({"endpoint", "region", "encryption", "kms_key"})
_NOT_ALLOWED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403"})
_NOT_FOUND = frozenset({"NoSuchBucket", "404"})


class S3Sender:
    """Keeps connections to one bucket; safe to use from several threads.

    Parameters
    ----------
    url
        ``s3://bucket/prefix``, see `open_sender`.
    patience
        How long and how often to try again.
    """

    def __init__(self, url: str, patience: Patience) -> None:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        _check(parts.netloc, options)
        self._bucket = parts.netloc
        self._prefix = unquote(parts.path).strip("/")
        self._patience = patience
        self._encryption = {
            said: options[name]
            for name, said in (("encryption", "ServerSideEncryption"), ("kms_key", "SSEKMSKeyId"))
            if options.get(name)
        }
        self._client = open_client(open_session(options.get("region")), options.get("endpoint"))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def send(self, data: bytes, name: str = "") -> Sent:
        """Put one object; see `Sender.send`."""
        key = f"{self._prefix}/{name_for(data, name)}" if self._prefix else name_for(data, name)
        return self._patience.until_answered(lambda: self._put(key, data))

    def _put(self, key: str, data: bytes) -> Sent:
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, **self._encryption)  # type: ignore[arg-type] # checked at the start
        except NoCredentialsError as error:
            raise SettingsError(
                "there are no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or an AWS profile"
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise self._said(code_of(error)) from error
        return Sent(outcome=Outcome.RECEIVED)

    def _said(self, code: str) -> NotAllowed | NotFound | BackendUnavailable:
        if code in _NOT_FOUND:
            return NotFound(f"there is no bucket {self._bucket!r}; make it, or check the spelling")
        if code in _NOT_ALLOWED:
            return NotAllowed(f"the bucket {self._bucket!r} may not be written to ({code}); check the credentials")
        return BackendUnavailable(
            f"the bucket {self._bucket!r} takes no radiographs ({code}); try again later", retry_after_seconds=NOT_SAID
        )


def _check(bucket: str, options: Mapping[str, str]) -> None:
    if not bucket or "@" in bucket or ":" in bucket:
        raise SettingsError("a bucket is named as s3://bucket/prefix; credentials do not belong into the address")
    if unknown := sorted(set(options) - _OPTIONS):
        raise SettingsError(f"an s3:// address has no option {unknown[0]!r}; it has {', '.join(sorted(_OPTIONS))}")
    encryption = options.get("encryption")
    if encryption is not None and encryption not in ENCRYPTIONS:
        raise SettingsError(f"encryption is AES256 or aws:kms, not {encryption!r}")
    endpoint = options.get("endpoint")
    if endpoint is not None and urlsplit(endpoint).scheme not in {"http", "https"}:
        raise SettingsError(f"an S3 endpoint begins with https:// or http://, not {endpoint!r}")
