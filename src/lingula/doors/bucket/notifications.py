"""What object stores say when a radiograph is put into a bucket, in every shape in which it travels.

All of them carry S3's own record (``eventName``, ``s3.bucket.name``, ``s3.object.key``) or EventBridge's ``detail``;
what differs is the wrapping: a list ``Records``, MinIO's ``EventName`` and ``Key`` beside it or its list ``Event`` in
Redis, an SNS envelope whose ``Message`` is text, an SQS message's ``Body``, a CloudEvent's ``data``. They may be
nested. Names come with or without ``s3:``. S3's records write keys as a form does (a space is ``+``); EventBridge,
MinIO's ``Key`` and the records of Ceph write them plainly.

What is read here was sent by others: nothing but `NotANotification` is ever raised, whatever the bytes.

References
----------
Amazon S3 User Guide, "Event message structure" and "EventBridge event message structure"; MinIO, "Bucket
notifications"; Ceph, "Bucket notifications", S3 record compatibility, and src/rgw/rgw_pubsub.cc, which encodes no key;
CloudEvents 1.0.2, HTTP protocol binding.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

MOST_BYTES = 1024 * 1024  # SQS and SNS allow 256 KiB, Kafka 1 MiB
MOST_RECORDS = 1000
LONGEST_KEY_BYTES = 1024  # S3's own limit

_DEEPEST = 6  # wrappings around a record
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_PUT = re.compile(
    r"(s3:|com\.amazon(aws)?\.s3\.)?(object[ ]?created\b|objectsynced:create|object_create)", re.IGNORECASE
)
_CEPH = "ceph:"  # begins the eventSource of its records
_LONGEST_WORD = 200  # characters of a version, an entity tag

_Json = Mapping[str, object]


class NotANotification(ValueError):
    """The bytes are no notification of an object store; sending them again will not help."""


@dataclass(frozen=True, kw_only=True)
class ObjectPut:
    """An object that was put into a bucket; what the store did not say is None.

    The key may hold a patient's name, so it is neither logged nor kept.
    """

    bucket: str
    key: str
    version: str | None = None
    etag: str | None = None
    size_bytes: int | None = None

    @property
    def address(self) -> str:
        """The object's address, as bindings name its beginning."""
        return f"s3://{self.bucket}/{self.key}"


def read_notification(body: bytes, headers: Mapping[str, str] | None = None) -> Sequence[ObjectPut]:
    """Give every object that was put, in the order told; none for a test event, a removal, a subscription.

    Parameters
    ----------
    headers
        Of the HTTP request, names in lower case; a CloudEvent in binary mode has its type there.

    Raises
    ------
    NotANotification
        If the bytes are anything else.

    Examples
    --------
    >>> record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "xrays"}, "object": {"key": "a+b.dcm"}}}
    >>> [put.key for put in read_notification(json.dumps({"Records": [record]}).encode())]
    ['a b.dcm']
    """
    if len(body) > MOST_BYTES:
        raise NotANotification(f"the notification has {len(body):,} bytes; at most {MOST_BYTES:,} are read")
    puts: list[ObjectPut] = []
    for put in _puts(_parsed(body), (headers or {}).get("ce-type", ""), _DEEPEST):
        if len(puts) == MOST_RECORDS:
            raise NotANotification(f"the notification has more than {MOST_RECORDS} records")
        puts.append(put)
    return puts


def _parsed(text: bytes | str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # undecodable text is a ValueError too
        raise NotANotification("the notification is no JSON") from error


def _puts(told: object, outer_type: str, depth: int) -> Iterator[ObjectPut]:
    """Unwrap one layer; `outer_type` is the event's name where only the wrapping has it."""
    if depth == 0:
        raise NotANotification(f"the notification is wrapped more than {_DEEPEST} times")
    match told:
        case list():
            for one in told:
                yield from _puts(one, outer_type, depth - 1)
        case dict():
            yield from _of_object(told, outer_type, depth)
        case _:
            raise NotANotification("the notification is neither a JSON object nor a list of them")


def _of_object(told: _Json, outer_type: str, depth: int) -> Iterator[ObjectPut]:
    match told:
        case {"Records": list(inner)} | {"Messages": list(inner)} | {"Event": list(inner)}:
            yield from _puts(inner, outer_type, depth - 1)
        case {"s3": dict(record)}:
            is_plain = _text(told, "eventSource").startswith(_CEPH)
            yield from _of_record(record, _text(told, "eventName") or outer_type, is_plain=is_plain)
        case {"s3SchemaVersion": str(), "bucket": dict(), "object": dict()}:
            yield from _of_record(told, outer_type)
        case {"detail": dict(detail), "detail-type": str(name)}:
            yield from _of_detail(detail, name)
        case {"EventName": str(name), "Key": str(key)}:
            yield from _of_minio_key(name, key)
        case {"Event": "s3:TestEvent"} | {"Type": "SubscriptionConfirmation" | "UnsubscribeConfirmation"}:
            return
        case {"bucket": dict(), "object": dict()}:
            yield from _of_detail(told, outer_type)
        case _:
            yield from _puts(_content(told), _text(told, "type") or outer_type, depth - 1)


def _content(told: _Json) -> object:
    """Open an envelope: a CloudEvent, SNS (also as Lambda is handed it), SQS."""
    match told:
        case {"specversion": str(), "data_base64": str(data)}:
            try:
                return _parsed(base64.b64decode(data, validate=True))
            except (binascii.Error, ValueError) as error:
                raise NotANotification("data_base64 of the CloudEvent is no base64 of JSON") from error
        case {"specversion": str(), "data": str(data)}:
            return _parsed(data)
        case {"specversion": str(), "data": data}:
            return data
        case {"Sns": {"Message": str(text)}} | {"Message": str(text)} | {"Body": str(text)} | {"body": str(text)}:
            return _parsed(text)
        case _:
            raise NotANotification("this is no notification of S3, EventBridge, SNS, SQS or a CloudEvent of them")


def _of_record(record: _Json, name: str, *, is_plain: bool = False) -> Iterator[ObjectPut]:
    if not name:
        raise NotANotification("a record has no eventName")
    if not _PUT.match(name):
        return
    stored = _inner(record, "object")
    key = _text(stored, "key")
    yield from _put(
        bucket=_text(_inner(record, "bucket"), "name"),
        key=key if is_plain else _form_decoded(key),
        version=_text(stored, "versionId"),
        etag=_text(stored, "eTag"),
        size=stored.get("size"),
    )


def _of_detail(detail: _Json, name: str) -> Iterator[ObjectPut]:
    if not name:
        raise NotANotification("the event has no type")
    if not _PUT.match(name):
        return
    stored = _inner(detail, "object")
    yield from _put(
        bucket=_text(_inner(detail, "bucket"), "name"),
        key=_text(stored, "key"),
        version=_text(stored, "version-id") or _text(stored, "versionId"),
        etag=_text(stored, "etag") or _text(stored, "eTag"),
        size=stored.get("size"),
    )


def _of_minio_key(name: str, path: str) -> Iterator[ObjectPut]:
    if _PUT.match(name):
        bucket, _, key = path.partition("/")
        yield from _put(bucket=bucket, key=key, version="", etag="", size=None)


def _put(*, bucket: str, key: str, version: str, etag: str, size: object) -> Iterator[ObjectPut]:
    if not _BUCKET.fullmatch(bucket):
        raise NotANotification("a record names no bucket")
    if not 0 < _length(key) <= LONGEST_KEY_BYTES:
        raise NotANotification(f"a record's key has not 1 to {LONGEST_KEY_BYTES} bytes")
    if max(_length(version), _length(etag)) > _LONGEST_WORD:
        raise NotANotification("a record's version or entity tag is too long")
    if key.endswith("/"):
        return  # what consoles make to show an empty folder
    is_size = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    yield ObjectPut(
        bucket=bucket,
        key=key,
        version=version if version not in {"", "null"} else None,
        etag=etag.strip('"') or None,
        size_bytes=int(str(size)) if is_size else None,
    )


def _form_decoded(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise NotANotification("a record's key is not UTF-8") from error


def _length(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:  # JSON can name half a character
        raise NotANotification("a record's text cannot be written as UTF-8") from error


def _text(told: _Json, name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""


def _inner(told: _Json, name: str) -> _Json:
    found = told.get(name)
    if not isinstance(found, dict):
        raise NotANotification(f"a record has no {name}")
    return found
