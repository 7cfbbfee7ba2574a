"""Radiographs come in: the hot path of this door.

Several hundred times a second at best, so it is short: a bounded body, one search for the form's part, one hop into the
upload threads, where `receive` looks, stores and records, and one small answer. Nothing is logged per request; the
events say what happened.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from lingula.doors.http.bodies import announced_bytes, read_body, sent_file
from lingula.doors.http.door import FORM_BYTES, Door, door_in
from lingula.doors.http.problems import Refused
from lingula.doors.http.security import Caller
from lingula.doors.http.shapes import PREFIX, AssessmentShape, Shape, UploadShape
from lingula.errors import NotAllowed
from lingula.radiology.identifiers import SiteName, SourceName
from lingula.radiology.study import Priority, Status
from lingula.records.records import StoredInstance
from lingula.triage.receive import Received

PATH = f"{PREFIX}/instances"

router = APIRouter(prefix=PREFIX, tags=["instances"])

_FILE = {"type": "string", "format": "binary"}
BODY: Mapping[str, object] = {
    "required": True,
    "description": "One radiograph: a form with the part `file`, or the bytes themselves. What it is, is told by its "
    "content.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": _FILE},
                "additionalProperties": True,
            }
        },
        "application/dicom": {"schema": _FILE},
        "application/octet-stream": {"schema": _FILE},
        "image/jpeg": {"schema": _FILE},
        "image/png": {"schema": _FILE},
        "image/tiff": {"schema": _FILE},
    },
}


class UploadQuery(Shape):
    """What a sender may ask for in the address."""

    wait: float = Field(
        default=0.0, ge=0, le=60, allow_inf_nan=False, description="Seconds to wait for the assessment."
    )
    priority: Priority | None = Field(default=None, description="Only `stat` is the sender's to say.")
    site: str | None = Field(default=None, max_length=100, description="For people with several sites: which one.")


def _parameters() -> list[dict[str, object]]:
    """Describe the query for OpenAPI; FastAPI would, but reading it its way costs every upload a tenth millisecond."""
    fields = UploadQuery.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]


@router.post(
    "/instances",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses={
        201: {
            "model": UploadShape,
            "description": "Received: stored and recorded; it will be assessed.",
            "headers": {"Location": {"schema": {"type": "string"}, "description": "The instance."}},
        },
        200: {"model": UploadShape, "description": "Assessed within `wait`, or received before."},
    },
    openapi_extra={"requestBody": dict(BODY), "parameters": _parameters()},
    summary="Send one radiograph",
)
async def upload(request: Request) -> Response:
    """Keep one radiograph and answer only when it is safe; sending it twice is the same as sending it once."""
    door = door_in(request)
    query = _query_of(request.scope["query_string"])
    caller = await door.sender(request)
    site = await site_of(door, caller, query.site)
    received = (await receive(request, door, site, query.priority)).received
    stored = await assessed_within(door, received, query.wait)
    assessment = AssessmentShape.of(stored.assessment) if stored and stored.assessment else None
    shape = UploadShape(
        instance=received.instance,
        study=received.study,
        site=site,
        status=stored.status if stored else received.status,
        is_new=received.is_new,
        assessment=assessment if caller.may_read else None,
    )
    is_created = received.is_new and stored is None
    return Response(
        shape.model_dump_json(),
        HTTPStatus.CREATED if is_created else HTTPStatus.OK,
        headers={"location": f"{PATH}/{received.instance}"},
        media_type="application/json",
    )


@lru_cache(maxsize=256)  # a sender asks for the same each time
def _query_of(query_string: bytes) -> UploadQuery:
    try:
        return UploadQuery.model_validate(dict(QueryParams(query_string)))
    except ValidationError as error:
        details = [{**one, "loc": ("query", *one["loc"])} for one in error.errors(include_input=False)]
        raise RequestValidationError(details) from error


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A radiograph that is safe now, and the name its file was sent with."""

    received: Received
    file_name: str | None


async def receive(request: Request, door: Door, site: SiteName, priority: Priority | None) -> Kept:
    """Read the body and let `receive` keep it."""
    limit_bytes = door.system.settings.upload_limit_bytes + FORM_BYTES
    with door.uploads.reserve(announced_bytes(request, limit_bytes)) as share:
        body = await read_body(request, limit_bytes, share)
        file = sent_file(request.headers.get("content-type", ""), body)
        del body
        work = partial(
            door.system.receiver.receive,
            file.data,
            site=site,
            door="http",
            source_name=SourceName(file.name) if file.name else None,
            priority=priority,
        )
        return Kept(received=await door.in_pool(work), file_name=file.name)


async def assessed_within(door: Door, received: Received, seconds: float) -> StoredInstance | None:
    """Give the instance once it has left `received`; None if it has not in time or nobody waits."""
    if seconds <= 0:
        return None
    look = partial(door.in_pool, partial(door.system.records.instance, received.instance))
    if received.status is not Status.RECEIVED:
        return await look()
    hub = door.system.hub
    until = time.monotonic() + min(seconds, door.system.settings.wait_limit_seconds)
    while (finished := await hub.wait_for(received.instance, max(0.0, until - time.monotonic()))) is not None:
        if finished.stored is not None:
            return finished.stored
        if (stored := await look()).status is not Status.RECEIVED:
            return stored
        hub.forget(received.instance)  # what the hub remembers was before a replay; the record is the truth
        if (stored := await look()).status is not Status.RECEIVED:
            return stored  # finished between the look and forgetting
    return None


async def site_of(door: Door, caller: Caller, named: str | None) -> SiteName:
    """Give the site a radiograph will belong to.

    Raises
    ------
    NotAllowed
        If the caller does not belong to the site named.
    Refused
        422 if a person with several sites named none, or one that does not exist: nobody there would ever see it.
    """
    if named is None:
        if caller.sites is None or len(caller.sites) != 1:
            raise _which_site("you belong to several sites; add ?site=NAME to say which one the radiograph belongs to")
        return next(iter(caller.sites))
    site = SiteName(named)
    if not caller.sees(site):
        raise NotAllowed(f"you do not send for the site {named!r}; ask an administrator")
    if caller.sites is None and site not in await door.in_pool(
        lambda: {one.name for one in door.system.accounts.sites()}
    ):
        raise _which_site(f"there is no site {named!r}; check the spelling")
    return site


def _which_site(detail: str) -> Refused:
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Which site?", detail)
