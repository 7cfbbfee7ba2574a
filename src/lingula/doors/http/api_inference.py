"""The Open Inference Protocol: the bare model, for programs that speak to any model server.

`pixels` as FP32 go through the graph exactly as in any other ONNX server, and all its outputs come back. `pixels` as
BYTES are whole DICOM or picture files, prepared here as the package's manifest says; a file outside the intended use is
an error, never a number. Inference is stateless: nothing is stored, recorded, queued or shown to a doctor. What is to
be read by somebody is sent to `POST /api/v1/instances`.

References
----------
Open Inference Protocol (KServe V2), HTTP/REST: https://github.com/kserve/open-inference-protocol
"""

from functools import partial
from http import HTTPStatus
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from lingula import __version__
from lingula.doors.http.bodies import announced_bytes, read_body
from lingula.doors.http.door import FORM_BYTES, ACaller, ADoor, Door, door_in
from lingula.doors.http.inference import HEADER_LENGTH, read_request, refused, write_answer
from lingula.doors.http.problems import Problem
from lingula.doors.http.shapes_inference import (
    ErrorShape,
    InferredShape,
    LiveShape,
    ModelReadyShape,
    ModelShape,
    ReadyShape,
    ServerShape,
)
from lingula.errors import NotAccepted, NotFound
from lingula.radiology.reading import describe_instance
from lingula.triage.finding import Finding
from lingula.triage.infer import Model
from lingula.triage.prepared import prepare_instance

PREFIX = "/v2"

router = APIRouter(
    prefix=PREFIX,
    tags=["inference"],
    responses={"default": {"model": ErrorShape, "description": "What went wrong, in this protocol's words."}},
)

Name = Annotated[str, Path(max_length=200, description="The package's name, such as pneumonia-children.")]
Version = Annotated[str, Path(max_length=50, description="The package's version, such as 1.2.0.")]


@router.get("", summary="What this server is")
def server(caller: ACaller) -> ServerShape:  # noqa: ARG001  being known is enough
    """Give name, version and extensions."""
    return ServerShape(version=__version__, extensions=["binary_tensor_data"])


@router.get("/health/live", summary="Does this process answer?")
async def live() -> LiveShape:
    """Answer."""
    return LiveShape(live=True)


@router.get("/health/ready", responses={503: {"model": ReadyShape}}, summary="Can it infer?")
def ready(response: Response, door: ADoor) -> ReadyShape:
    """Ask the model and the places whether they answer."""
    is_ready = door.system.health.report().is_ready
    response.status_code = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return ReadyShape(ready=is_ready)


@router.get("/models/{name}", summary="What a model takes and gives")
def metadata(door: ADoor, caller: ACaller, name: Name) -> ModelShape:  # noqa: ARG001  being known is enough
    """Give the tensors as the package's manifest declares them."""
    return ModelShape.of(_model(door, name, None).manifest)


@router.get("/models/{name}/versions/{version}", summary="What one version of a model takes and gives")
def metadata_of_version(door: ADoor, caller: ACaller, name: Name, version: Version) -> ModelShape:  # noqa: ARG001  the same
    """Give the tensors, if this version serves."""
    return ModelShape.of(_model(door, name, version).manifest)


@router.get("/models/{name}/ready", summary="Can a model infer?")
def model_ready(door: ADoor, caller: ACaller, name: Name) -> ModelReadyShape:  # noqa: ARG001  the same
    """Run the graph once."""
    _model(door, name, None).check()
    return ModelReadyShape(name=name, ready=True)


@router.get("/models/{name}/versions/{version}/ready", summary="Can one version of a model infer?")
def version_ready(door: ADoor, caller: ACaller, name: Name, version: Version) -> ModelReadyShape:  # noqa: ARG001  the same
    """Run the graph once, if this version serves."""
    _model(door, name, version).check()
    return ModelReadyShape(name=name, ready=True)


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/InferBody"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_ANSWERS: dict[int | str, dict[str, object]] = {200: {"model": InferredShape}}


@router.post(
    "/models/{name}/infer",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_BODY,
    summary="Run the model on tensors or files",
)
async def infer(request: Request, name: Name) -> Response:
    """Run the graph of the package that serves; nothing is kept."""
    return await _infer(request, name, None)


@router.post(
    "/models/{name}/versions/{version}/infer",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_BODY,
    summary="Run one version of the model on tensors or files",
)
async def infer_version(request: Request, name: Name, version: Version) -> Response:
    """Run the graph if this version serves; nothing is kept."""
    return await _infer(request, name, version)


def error_response(problem: Problem) -> Response:
    """Say an error as this protocol does."""
    said = ErrorShape(error=f"{problem.title}: {problem.detail} (event {problem.event_id})")
    return Response(
        said.model_dump_json(), int(problem.status), headers=problem.headers(), media_type="application/json"
    )


def is_large(path: str) -> bool:
    """Tell whether a path takes tensors."""
    return path.startswith(f"{PREFIX}/models/") and path.endswith("/infer")


def speaks(path: str) -> bool:
    """Tell whether errors at a path are said in this protocol's words."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


async def _infer(request: Request, name: str, version: str | None) -> Response:
    door = door_in(request)
    caller = await door.sender(request)
    caller.must_read()
    model = _model(door, name, version)
    limit_bytes = door.system.settings.upload_limit_bytes + FORM_BYTES
    with door.uploads.reserve(announced_bytes(request, limit_bytes)) as share:
        body = await read_body(request, limit_bytes, share)
        content, length = await door.in_pool(partial(_run, model, body, request.headers.get(HEADER_LENGTH)))
    if length is None:
        return Response(content, media_type="application/json")
    return Response(content, media_type="application/octet-stream", headers={HEADER_LENGTH: str(length)})


def _run(model: Model, body: bytes, header_length: str | None) -> tuple[bytes, int | None]:
    asked = read_request(body, header_length)
    outputs = model.run(asked.pixels(model.manifest.input, partial(_prepare, model)))
    named = {"model_name": model.manifest.name, "model_version": model.manifest.version}
    return write_answer(asked.body, named, outputs)


def _prepare(model: Model, data: bytes) -> NDArray[np.float32]:
    """Prepare a whole file; one that would not be assessed is refused, so that it never looks like a negative."""
    try:
        prepared = prepare_instance(data, describe_instance(data), model.manifest)
    except NotAccepted as error:
        raise refused(str(error)) from error
    if isinstance(prepared, Finding):
        raise refused(prepared.reason or "the file cannot be assessed")
    return prepared


def _model(door: Door, name: str, version: str | None) -> Model:
    """Give the model that serves, if it is the one asked for."""
    model = door.system.serving.model
    if name != model.manifest.name or version not in {None, model.manifest.version}:
        raise NotFound(f"the model that serves is {model.manifest.name}, version {model.manifest.version}; no other is")
    return model
