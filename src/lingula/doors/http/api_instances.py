"""The API for instances: what is known of one, its picture, where the model looked, the original as sent."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from lingula.doors.http import pictures
from lingula.doors.http.door import ACaller, ADoor, Door
from lingula.doors.http.problems import Refused
from lingula.doors.http.security import Caller
from lingula.doors.http.shapes import PREFIX, InstanceShape
from lingula.errors import NotFound
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import FileFormat
from lingula.records.accounts import Role
from lingula.records.records import Assessment, StoredInstance
from lingula.triage.heatmap import draw_overlay

MEDIA_TYPES = {
    FileFormat.DICOM: ("application/dicom", "dcm"),
    FileFormat.JPEG: ("image/jpeg", "jpeg"),
    FileFormat.PNG: ("image/png", "png"),
    FileFormat.TIFF: ("image/tiff", "tiff"),
}

SQUARE = 1024  # pixels a side of an overlay when the file does not state its size

router = APIRouter(prefix=f"{PREFIX}/instances", tags=["instances"])


class PngResponse(Response):
    """A picture as PNG."""

    media_type = "image/png"


class JpegResponse(Response):
    """A picture as JPEG."""

    media_type = "image/jpeg"


@router.get("/{instance}", summary="One instance")
def one_instance(door: ADoor, caller: ACaller, instance: str) -> InstanceShape:
    """Give an instance with its newest assessment; whoever sends learns here whether it was assessed."""
    found = door.system.worklist.instance(InstanceId(instance), caller.sites)
    door.access.note_look(caller, "looked at instance", found.new.id)
    shape = InstanceShape.of(found)
    return shape if caller.may_read else shape.model_copy(update={"assessment": None})


@router.get("/{instance}/image.png", response_class=PngResponse, summary="The radiograph as a picture")
def image(
    door: ADoor,
    caller: ACaller,
    instance: str,
    window: Annotated[
        str | None, Query(max_length=40, description="Centre and width, for example `2048,1024`; else the file's own.")
    ] = None,
) -> Response:
    """Give the radiograph in eight bits, bone bright."""
    stored = _looked_at(door, caller, instance, "looked at radiograph")
    data = door.system.store.get(stored.new.store_key)
    return PngResponse(pictures.draw_radiograph(data, _window(window)))


@router.get("/{instance}/thumbnail.jpeg", response_class=JpegResponse, summary="The radiograph, small")
def thumbnail(door: ADoor, caller: ACaller, instance: str) -> Response:
    """Give the radiograph at most 160 pixels wide and high."""
    stored = _looked_at(door, caller, instance, "looked at thumbnail")
    return JpegResponse(door.thumbnails.of(stored.new.id, lambda: door.system.store.get(stored.new.store_key)))


@router.get("/{instance}/heatmap.png", response_class=PngResponse, summary="Where the model looked")
def heatmap(
    door: ADoor,
    caller: ACaller,
    instance: str,
    overlay: Annotated[bool, Query(description="Only the heat, transparent, to be laid over the picture.")] = False,  # noqa: FBT002  a query parameter
) -> Response:
    """Give the radiograph with the heat map over it, or the heat map alone."""
    stored = _looked_at(door, caller, instance, "looked at heat map")
    activation_map, lung_mask = _maps(stored)
    if overlay:
        rows, columns = stored.new.description.rows or SQUARE, stored.new.description.columns or SQUARE
        return PngResponse(draw_overlay(activation_map, lung_mask, rows, columns))
    data = door.system.store.get(stored.new.store_key)
    return PngResponse(pictures.draw_heatmap(data, activation_map, lung_mask))


@router.get("/{instance}/original", response_class=Response, summary="The bytes as sent")
def original(door: ADoor, caller: ACaller, instance: str) -> Response:
    """Give the original; it may carry the patient's identity."""
    stored = _looked_at(door, caller, instance, "fetched original")
    media_type, ending = MEDIA_TYPES[stored.new.description.file_format]
    return Response(
        door.system.store.get(stored.new.store_key),
        media_type=media_type,
        headers={"content-disposition": f'attachment; filename="{stored.new.id}.{ending}"'},
    )


@router.post("/{instance}/replay", status_code=HTTPStatus.ACCEPTED, summary="Try a failed instance again")
def replay(door: ADoor, caller: ACaller, instance: str) -> InstanceShape:
    """Set a failed instance back to `received`, with all its attempts before it."""
    caller.must_be(Role.DOCTOR)
    found = door.system.worklist.instance(InstanceId(instance), caller.sites)
    door.system.upkeep.replay(found.new.id, caller.who)
    door.access.note(caller, "replayed instance", found.new.id)
    return InstanceShape.of(door.system.records.instance(found.new.id))


def _looked_at(door: Door, caller: Caller, instance: str, action: str) -> StoredInstance:
    caller.must_read()
    stored = door.system.worklist.instance(InstanceId(instance), caller.sites)
    door.access.note_look(caller, action, stored.new.id)
    return stored


def _maps(stored: StoredInstance) -> tuple[bytes, bytes]:
    assessment: Assessment | None = stored.assessment
    if assessment is None or assessment.activation_map is None or assessment.lung_mask is None:
        raise NotFound(f"instance {stored.new.id} is {stored.status}; only assessed ones have a heat map")
    return assessment.activation_map, assessment.lung_mask


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError as error:
        raise _bad_window(text) from error
    if not (abs(centre) <= 1e6 and 0 < width <= 1e6):  # noqa: PLR2004  far beyond any modality's units; also refuses NaN
        raise _bad_window(text)
    return centre, width


def _bad_window(text: str) -> Refused:
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "No window",
        f"window {text!r} is not 'centre,width' with a width above 0, for example 2048,1024",
    )
