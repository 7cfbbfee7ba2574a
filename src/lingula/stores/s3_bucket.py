"""A bucket is there, is ours to use, and is nobody else's to read.

Radiographs carry names and birth dates. So a bucket that a policy or an access list opens to everybody is refused until
somebody closes it, and one that Lingula makes itself is closed to the public where the server knows such a thing.

References
----------
Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage"; the same calls of Ceph RGW and MinIO.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lingula.errors import BackendUnavailable
from lingula.stores.s3_client import DEFAULT_REGION, BotoCoreError, ClientError, code_of, unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EVERYBODY = frozenset(
    {
        "http://acs.amazonaws.com/groups/global/AllUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",  # anybody with any account at all
    }
)
_NOTHING_SET = frozenset({"NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration"})
_CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

_log = logging.getLogger(__name__)


def make_ready(client: "S3Client", bucket: str, *, is_aws: bool) -> None:
    """Make the bucket if it is not there, and return if it may be used; running twice, or twice at once, is no error.

    Raises
    ------
    BackendUnavailable
        If the server does not answer, lets us not in, or the bucket is open to the public.
    """
    try:
        if not _is_there(client, bucket):
            _make(client, bucket, is_aws=is_aws)
        refuse_public(client, bucket)
    except (ClientError, BotoCoreError) as error:
        raise unavailable(bucket, code_of(error)) from error


def refuse_public(client: "S3Client", bucket: str) -> None:
    """Return unless everybody may read the bucket; what the credentials may not look at is said in the log.

    Raises
    ------
    BackendUnavailable
        If a policy or an access list opens it.
    """
    if _is_closed(client, bucket):
        return
    if why := next(_openings(client, bucket), None):
        raise BackendUnavailable(
            f"the bucket {bucket!r} is open to everybody ({why}); no radiograph is kept in it: take that away, and "
            "block public access",
            retry_after_seconds=60.0,
        )


def _is_there(client: "S3Client", bucket: str) -> bool:
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) in {"404", "NoSuchBucket"}:
            return False
        raise
    return True


def _make(client: "S3Client", bucket: str, *, is_aws: bool) -> None:
    region = client.meta.region_name
    try:
        if is_aws and region != DEFAULT_REGION:
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]  # the stubs list regions; new ones come
        else:
            client.create_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise
        client.head_bucket(Bucket=bucket)  # another process was faster; somebody else's bucket answers 403
        return
    _log.info("made the bucket %s", bucket, extra={"action": "bucket_made"})
    try:
        client.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
    except ClientError as error:  # MinIO and others have no such call; their buckets are closed unless opened
        _log.info("the server blocks no public access (%s); the bucket stays private as it was made", code_of(error))


def _is_closed(client: "S3Client", bucket: str) -> bool:
    """Tell whether public access is blocked as a whole; policies and lists do not matter then."""
    try:
        answer = client.get_public_access_block(Bucket=bucket)
    except ClientError:  # not set, not known to this server, or not ours to see
        return False
    block: Mapping[str, object] = dict(answer.get("PublicAccessBlockConfiguration") or {})
    return all(block.get(name) is True for name in _CLOSED)


def _openings(client: "S3Client", bucket: str) -> Iterator[str]:
    unseen = []
    try:
        if _is_open_policy(client.get_bucket_policy(Bucket=bucket).get("Policy", "")):
            yield "its policy allows Principal '*'"
        elif client.get_bucket_policy_status(Bucket=bucket).get("PolicyStatus", {}).get("IsPublic"):
            yield "the server calls its policy public"
    except ClientError as error:
        unseen += [code_of(error)] if code_of(error) not in _NOTHING_SET else []
    try:
        grants = client.get_bucket_acl(Bucket=bucket).get("Grants", [])
        if any(grant.get("Grantee", {}).get("URI") in _EVERYBODY for grant in grants):
            yield "its access list grants something to all users"
    except ClientError as error:
        unseen.append(code_of(error))
    if unseen:
        _log.warning(
            "whether the bucket %s is open to the public cannot be seen (%s); see to it by hand, or allow "
            "s3:GetBucketPolicy, s3:GetBucketAcl and s3:GetBucketPublicAccessBlock",
            bucket,
            unseen[0],
        )


def _is_open_policy(policy: str) -> bool:
    """Tell whether a statement allows something to everybody without any condition."""
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError):  # a server that knows no policies answers with something else
        return False
    several = statements if isinstance(statements, list) else [statements]
    return any(
        isinstance(one, dict)
        and one.get("Effect") == "Allow"
        and not one.get("Condition")
        and _names_everybody(one.get("Principal"))
        for one in several
    )


def _names_everybody(principal: object) -> bool:
    match principal:
        case "*":
            return True
        case list():
            return "*" in principal
        case {"AWS": inner}:
            return _names_everybody(inner)
        case _:
            return False
