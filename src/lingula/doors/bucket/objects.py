"""Reads what hospitals put into their buckets; Lingula never writes there.

boto3, not the cheaper obstore: a sender's key may be anything S3 allows (``a//b``, half of it percent signs), and only
boto3 asks for exactly that key.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lingula.doors.bucket.notifications import ObjectPut
from lingula.errors import NotFound, UnreadablePixels
from lingula.stores.s3_client import (
    BotoCoreError,
    ClientError,
    check_endpoint,
    code_of,
    open_client,
    open_session,
    unavailable,
)

# What a server says of a key it does not have, or could never have.
_GONE = frozenset(
    {"404", "InvalidArgument", "InvalidObjectName", "InvalidURI", "KeyTooLongError", "MethodNotAllowed", "NoSuchKey"}
    | {"NoSuchVersion", "XMinioInvalidObjectName"}
)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """An object's bytes, and the server's own name for this version of them."""

    data: bytes
    etag: str


class Objects:
    """One server's buckets, read with the machine's credentials; safe to use from several threads.

    Parameters
    ----------
    endpoint, region
        `LINGULA_BUCKET_ENDPOINT` and `LINGULA_BUCKET_REGION`.
    limit_bytes
        A larger object is refused before it is read.
    """

    def __init__(self, endpoint: str | None, region: str | None, limit_bytes: int) -> None:
        self._client = open_client(open_session(region), check_endpoint(endpoint, "LINGULA_BUCKET_ENDPOINT"))
        self._limit_bytes = limit_bytes

    def fetch(self, put: ObjectPut) -> Fetched:
        """Read an object.

        Raises
        ------
        NotFound
            If it is not there any more.
        UnreadablePixels
            If it is larger than a radiograph may be.
        BackendUnavailable
            If the server does not answer or lets us not in.
        """
        version = {"VersionId": put.version} if put.version is not None else {}
        try:
            answer = self._client.get_object(Bucket=put.bucket, Key=put.key, **version)  # type: ignore[arg-type]  # one of them
            with answer["Body"] as body:
                self._check_size(answer["ContentLength"])
                data = body.read(self._limit_bytes + 1)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) in _GONE:
                raise NotFound("the object is not there any more") from error
            raise unavailable(put.bucket, code_of(error)) from error
        self._check_size(len(data))
        return Fetched(data=data, etag=answer["ETag"].strip('"'))

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectPut]:
        """Give everything below a prefix, page by page; raises `BackendUnavailable`."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for one in page.get("Contents", []):
                    if not one["Key"].endswith("/"):  # what consoles make to show an empty folder
                        yield ObjectPut(
                            bucket=bucket, key=one["Key"], etag=one.get("ETag", "").strip('"'), size_bytes=one["Size"]
                        )
        except (ClientError, BotoCoreError) as error:
            raise unavailable(bucket, code_of(error)) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise UnreadablePixels(
                f"the object has {size_bytes:,} bytes or more; at most {self._limit_bytes:,} are accepted: send single "
                "radiographs"
            )
