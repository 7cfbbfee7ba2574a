"""An object store tells that radiographs were put into a bucket: a webhook, or the sink of a Knative source.

The answer is the acknowledgement: success only once everything told of is safe here or is none of ours, so a store
that repeats what was not acknowledged loses nothing. What is told is only a hint: objects are fetched with this
machine's own credentials, and only out of the buckets that are bound to the teller's sites.
"""

from contextlib import suppress
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from lingula.doors.bucket.notifications import MOST_BYTES, NotANotification, ObjectPut, read_notification
from lingula.doors.http.bodies import announced_bytes, read_body
from lingula.doors.http.door import Door, door_in
from lingula.doors.http.problems import Refused

PATH = "/events/s3"

router = APIRouter(tags=["events"])

_NOTIFICATION = {
    "schema": {"type": "object"},
    "example": {
        "EventName": "s3:ObjectCreated:Put",
        "Key": "xrays/north/2026/4711.dcm",
        "Records": [
            {
                "eventName": "s3:ObjectCreated:Put",
                "s3": {"bucket": {"name": "xrays"}, "object": {"key": "north%2F2026%2F4711.dcm", "size": 130412}},
            }
        ],
    },
}


@router.post(
    PATH,
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses={204: {"description": "All of it is received, or none of ours; it need not be told again."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A notification of AWS, MinIO or Ceph RGW: bare, or within SNS, SQS, EventBridge or a "
            "CloudEvent (binary or structured).",
            "content": {"application/json": _NOTIFICATION, "application/cloudevents+json": _NOTIFICATION},
        }
    },
    summary="Tell that radiographs were put into a bucket",
)
async def notified(request: Request) -> Response:
    """Fetch and keep every radiograph a notification tells of; 503 when one of them should be told of again."""
    door = door_in(request)
    caller = await door.sender(request)
    with door.uploads.reserve(announced_bytes(request, MOST_BYTES)) as share:
        body = await read_body(request, MOST_BYTES, share)
        puts = _read(body, request)
        share.grow_to(len(body) + _largest(door, puts))
        with suppress(ValueError):  # known since the first notification
            _watch(door)
        await door.in_pool(partial(door.pushed.told, puts, caller.sites))
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _read(body: bytes, request: Request) -> list[ObjectPut]:
    try:
        return list(read_notification(body, request.headers))
    except NotANotification as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "No notification", str(error)) from error


def _largest(door: Door, puts: list[ObjectPut]) -> int:
    """Give the bytes that are held at one time: objects are read one after another."""
    said = max((put.size_bytes or 0 for put in puts), default=0)
    return min(said, door.system.settings.upload_limit_bytes)


def _watch(door: Door) -> None:
    door.system.metrics.watch(
        "lingula_pushed_objects",
        "Objects that POST /events/s3 told of, by what became of them.",
        ("site", "outcome"),
        door.pushed.counts,
    )
