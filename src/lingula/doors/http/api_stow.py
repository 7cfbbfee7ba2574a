"""STOW-RS: archives and gateways that speak DICOMweb store instances here, several in one request.

Each instance takes the same way as through any other door. The body is read as it comes, one instance in memory at a
time, so a study of any size costs no more than its largest radiograph. Lingula keeps what it is sent in order to assess
it; it is no archive and gives nothing back over DICOMweb.

References
----------
DICOM PS3.18 10.5 (store transaction of the studies service), 8.7 (media types), table 10.5.3-1 (status codes).
"""

import re
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from lingula.doors.http import uploads
from lingula.doors.http.bodies import parse_header, read_body
from lingula.doors.http.budget import Share
from lingula.doors.http.door import Door, door_in
from lingula.doors.http.problems import Refused
from lingula.doors.http.related import parts_of
from lingula.doors.http.stow_answer import ANOTHER_STUDY, MEDIA_TYPE, Stated, Told, reason_of
from lingula.errors import BackendUnavailable, LingulaError, NotDicom
from lingula.radiology import values
from lingula.radiology.elements import read_elements
from lingula.radiology.identifiers import SiteName

PATH = "/dicomweb/studies"
DICOM = "application/dicom"
_TAKEN = frozenset({MEDIA_TYPE, "application/json", "application/*", "*/*"})
_SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00080016, 0x00080018, 0x0020000D
_UID = re.compile(r"^[0-9.]{1,64}$")

router = APIRouter(tags=["dicomweb"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "DICOM files, one in each part; or one DICOM file as it is.",
        "content": {'multipart/related; type="application/dicom"': _BINARY, DICOM: _BINARY},
    },
    "parameters": [
        {
            "name": "site",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "maxLength": 100},
            "description": "For people with several sites: which one.",
        }
    ],
}
_EXAMPLE = {
    "00081190": {"vr": "UR"},
    "00081199": {
        "vr": "SQ",
        "Value": [
            {
                "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.1.1"]},
                "00081155": {"vr": "UI", "Value": ["1.2.826.0.1.3680043.9.1.1"]},
                "00081190": {"vr": "UR"},
            }
        ],
    },
}
_CONTENT = {"content": {MEDIA_TYPE: {"schema": {"type": "object"}, "example": _EXAMPLE}}}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"description": "All instances are kept.", **_CONTENT},
    202: {"description": "Some are kept; FailedSOPSequence and OtherFailuresSequence say which are not.", **_CONTENT},
    409: {"description": "None is kept; the sequences say why.", **_CONTENT},
}


@router.post(
    PATH, response_class=Response, responses=_ANSWERS, openapi_extra=_BODY, summary="Store instances (STOW-RS)"
)
async def store(request: Request) -> Response:
    """Keep the instances of any studies."""
    return await _store(request, None)


@router.post(
    PATH + "/{study}",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_BODY,
    summary="Store instances of one study (STOW-RS)",
)
async def store_study(
    request: Request,
    study: Annotated[str, Path(description="Study Instance UID.", json_schema_extra={"pattern": _UID.pattern})],
) -> Response:
    """Keep the instances of one study; those of another one are refused."""
    return await _store(request, study)


def is_large(path: str) -> bool:
    """Tell whether a path takes radiographs."""
    return path == PATH or path.startswith(PATH + "/")


async def _store(request: Request, study: str | None) -> Response:
    door = door_in(request)
    caller = await door.sender(request)
    site = await uploads.site_of(door, caller, request.query_params.get("site"))
    if study is not None and not _UID.match(study):
        raise Refused(HTTPStatus.BAD_REQUEST, "Bad request", "the study in the address is no UID")
    _must_take_json(request.headers.get("accept", ""))
    told = Told()
    with door.uploads.reserve(0) as share:
        async for data in _instances(request, door.system.settings.upload_limit_bytes, share):
            stated, reason = await door.in_pool(partial(_keep, door, data, site, study))
            if reason is None:
                told.stored(stated)
            else:
                told.failed(stated, reason)
    return Response(told.body(), told.status, media_type=MEDIA_TYPE)


def _keep(door: Door, data: bytes, site: SiteName, study: str | None) -> tuple[Stated, int | None]:
    """Let one instance be received; give what it calls itself, and why it was not kept."""
    stated = Stated()
    try:
        stated = _read_stated(data)
        if stated.sop_instance_uid is None:
            raise NotDicom("the instance states no SOP Instance UID")
        if study is not None and stated.study_instance_uid != study:
            return stated, ANOTHER_STUDY
        door.system.receiver.receive(data, site=site, door="stow")
    except BackendUnavailable:
        raise  # nothing that follows could be kept either: the sender is told to send all of it again
    except LingulaError as error:
        return stated, reason_of(error)
    return stated, None


def _read_stated(data: bytes) -> Stated:
    elements = read_elements(data)
    sop_class, sop, study = (values.uid(elements, tag) for tag in (_SOP_CLASS, _SOP_INSTANCE, _STUDY))
    return Stated(sop_class_uid=sop_class, sop_instance_uid=sop, study_instance_uid=study)


async def _instances(request: Request, limit_bytes: int, share: Share) -> AsyncIterator[bytes]:
    """Give the instances of a body one after the other, reading no further than the one asked for."""
    media_type, options = parse_header(request.headers.get("content-type", ""))
    if media_type == DICOM:
        yield await read_body(request, limit_bytes, share)
        return
    if media_type != "multipart/related" or options.get("type", DICOM).lower() != DICOM:
        raise _not_dicom()
    found = False
    async for part in parts_of(request, options.get("boundary", ""), limit_bytes, share):
        if part.media_type not in {DICOM, ""}:
            raise _not_dicom()
        found = True
        yield part.data
    if not found:
        raise Refused(HTTPStatus.BAD_REQUEST, "The body is empty", "the body has no part; send at least one instance")


def _must_take_json(accept: str) -> None:
    if accept and not {parse_header(one)[0] for one in accept.split(",")} & _TAKEN:
        raise Refused(
            HTTPStatus.NOT_ACCEPTABLE, "Another media type", f"the answer is {MEDIA_TYPE}; accept it in the request"
        )


def _not_dicom() -> Refused:
    return Refused(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Another media type",
        'instances come as multipart/related; type="application/dicom", each part application/dicom',
    )
