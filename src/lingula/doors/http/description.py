"""The API's description of itself (OpenAPI): who may ask, what errors look like, and an example of every shape.

The examples are made of the shapes themselves, so they cannot fall behind. Made-up throughout.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import FastAPI
from pydantic import BaseModel

from lingula.doors.http import shapes_admin, shapes_inference
from lingula.doors.http.api_simple import PredictionShape, PredictionsShape
from lingula.doors.http.door import ACaller
from lingula.doors.http.inference import InferBody
from lingula.doors.http.shapes import (
    PREFIX,
    AssessmentShape,
    HealthShape,
    InstanceShape,
    ProblemShape,
    UploadShape,
)
from lingula.doors.http.shapes_study import (
    ClaimShape,
    ReviewBody,
    ReviewShape,
    StudiesShape,
    StudyRowShape,
    StudyShape,
    SummaryShape,
    TimelineShape,
)
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, FileFormat, Priority, Status
from lingula.records.reviews import Verdict

TEXT = (
    "Lingula helps hospitals read the most urgent chest X-rays first. It supports a doctor's decision and never "
    "replaces one. Machines send `Authorization: Bearer KEY` with the key of a site (`lingula sites add`); people use "
    "the pages, whose scripts send the session's cookie and its token as `X-CSRF-Token`. No answer carries a "
    "patient's identity."
)
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemShape"}}}
RESPONSES: dict[int | str, dict[str, object]] = {
    "default": {"model": ProblemShape, "content": _PROBLEM, "description": "What went wrong (RFC 9457)."}
}
SECURITY = {
    "siteKey": {"type": "http", "scheme": "bearer", "description": "The API key of one site."},
    "session": {"type": "apiKey", "in": "cookie", "name": "lingula", "description": "A person's login."},
}

_AT = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
_STUDY, _INSTANCE = StudyId("srxq3mzrl2yqkxq3mzrl2yqkxq3"), InstanceId("i7kq3mzrl2yqkxq3mzrl2yqkxq3")
_SITE = SiteName("st-anne")

_ASSESSMENT = AssessmentShape(
    status=Status.ASSESSED,
    priority=Priority.ASAP,
    band=Band.LIKELY,
    probability=0.93,
    rule_out=0.21,
    rule_in=0.74,
    novelty=0.41,
    reason=None,
    package="pneumonia-children-1.1.0",
    package_sha256="5f2b" * 16,
    code_version="0.1.0",
    assessed_at=_AT,
    seconds=0.004,
)
_UPLOAD = UploadShape(
    instance=_INSTANCE, study=_STUDY, site=_SITE, status=Status.ASSESSED, is_new=True, assessment=_ASSESSMENT
)
_INSTANCE_EXAMPLE = InstanceShape(
    instance=_INSTANCE,
    study=_STUDY,
    site=_SITE,
    status=Status.ASSESSED,
    door="http",
    received_at=_AT,
    size_bytes=131072,
    sha256="9c1e" * 16,
    attempts=1,
    file_format=FileFormat.DICOM,
    rows=1024,
    columns=1280,
    age_years=4.0,
    patient_sex="F",
    study_date=None,
    modality="DX",
    body_part_examined="CHEST",
    view_position="AP",
    assessment=_ASSESSMENT,
    links={"self": f"{PREFIX}/instances/{_INSTANCE}", "heatmap": f"{PREFIX}/instances/{_INSTANCE}/heatmap.png"},
)
_CLAIM = ClaimShape(reviewer="mara", until=_AT)
_REVIEW = ReviewShape(
    number=1, reviewer="mara", verdict=Verdict.AGREE, finding="right lower lobe", note=None, reviewed_at=_AT
)
_ENTRY = TimelineShape(
    number=17,
    action="instance_assessed",
    at=_AT,
    site=_SITE,
    study=_STUDY,
    instance=_INSTANCE,
    detail={"probability": 0.93, "band": "likely"},
)
_STUDY_EXAMPLE = StudyShape(
    study=_STUDY,
    site=_SITE,
    status=Status.ASSESSED,
    band=Band.LIKELY,
    priority=Priority.ASAP,
    received_at=_AT,
    instances=[_INSTANCE_EXAMPLE],
    reviews=[_REVIEW],
    claim=_CLAIM,
    timeline=[_ENTRY],
)
_ROW = StudyRowShape(
    study=_STUDY,
    site=_SITE,
    status=Status.ASSESSED,
    band=Band.LIKELY,
    priority=Priority.ASAP,
    effective_priority=Priority.ASAP,
    probability=0.93,
    reason=None,
    why="Pneumonia likely (probability 0.93); waiting 12 min.",
    received_at=_AT,
    assessed_at=_AT,
    instances=1,
    first_instance=_INSTANCE,
    age_years=4.0,
    patient_sex="F",
    claim=None,
    verdict=None,
    links={"self": f"{PREFIX}/studies/{_STUDY}", "page": f"/studies/{_STUDY}"},
)
_SUMMARY = SummaryShape(
    by_status=dict.fromkeys(Status, 2),
    by_band=dict.fromkeys(Band, 1),
    by_priority=dict.fromkeys(Priority, 1),
    parked=1,
    unreviewed=8,
    reviewed=31,
    oldest_wait_seconds=720.0,
    oldest_unassessed_seconds=0.4,
)
_PREDICTION = PredictionShape(
    prediction="Pneumonia", confidence="93.0%", filename="chest.jpeg", timestamp=_AT, reason=None, instance=_INSTANCE
)
_PROBLEM_EXAMPLE = ProblemShape(
    type="urn:lingula:problem:not-found",
    title="Nothing is known under this address",
    status=404,
    detail=f"no study {_STUDY} is known",
    instance=f"{PREFIX}/studies/{_STUDY}",
    event_id="8d1f0c5a2b7e4f90",
)

EXAMPLES: Mapping[type[BaseModel], BaseModel] = {
    type(example): example
    for example in (
        _ASSESSMENT,
        _UPLOAD,
        _INSTANCE_EXAMPLE,
        _CLAIM,
        _REVIEW,
        _ENTRY,
        _STUDY_EXAMPLE,
        _ROW,
        StudiesShape(page=1, page_size=50, total=1, studies=[_ROW]),
        _SUMMARY,
        ReviewBody(verdict=Verdict.DISAGREE, finding="pleural effusion", note="small, left"),
        _PREDICTION,
        PredictionsShape(data=[_PREDICTION], page=1, items_per_page=25, total_keys=1, total_pages=1),
        HealthShape(status="ready", parts={"store": "ok", "records": "ok"}),
        _PROBLEM_EXAMPLE,
        *shapes_inference.EXAMPLES,
        *shapes_admin.EXAMPLES,
    )
}


def describe(app: FastAPI) -> None:
    """Let the application give its description to whoever may ask anything at all."""

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    def openapi(caller: ACaller) -> dict[str, object]:  # noqa: ARG001  being known is enough
        described = app.openapi()
        components = described["components"]
        components["securitySchemes"] = SECURITY
        described["security"] = [{name: []} for name in SECURITY]
        components["schemas"].setdefault(TimelineShape.__name__, TimelineShape.model_json_schema())
        asked = InferBody.model_json_schema(ref_template="#/components/schemas/{model}")
        components["schemas"] |= {**asked.pop("$defs"), InferBody.__name__: asked}
        for shape, example in EXAMPLES.items():
            if shape.__name__ in components["schemas"]:  # a process that does not do everything has not every shape
                components["schemas"][shape.__name__]["examples"] = [example.model_dump(mode="json")]
        return described
