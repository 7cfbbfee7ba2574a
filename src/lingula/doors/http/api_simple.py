"""The simple shape for small clients: one call in, one short answer out.

`prediction`, `confidence`, `filename`, `timestamp` are what small X-ray programs have always spoken; the radiograph
takes the same way as any other. The answer is as honest as the others: what is not assessed says so, and why, and is
never called normal.
"""

from datetime import datetime
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request

from lingula.doors.http import uploads
from lingula.doors.http.api_instances import MEDIA_TYPES
from lingula.doors.http.door import ACaller, ADoor
from lingula.doors.http.shapes import NOT_A_DIAGNOSIS, Shape
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Band, Status
from lingula.records.records import WorklistRow
from lingula.triage.worklist import WorklistFilter

ITEMS_PER_PAGE = 25
WAIT_SECONDS = 30.0
WORDS = {Band.LIKELY: "Pneumonia", Band.UNLIKELY: "Normal", Band.UNSURE: "Unsure"}
NOT_ASSESSED = "Not assessed"

router = APIRouter(tags=["simple"])


class PredictionShape(Shape):
    """A radiograph in the simple shape."""

    prediction: str = Field(description="Pneumonia, Normal, Unsure or Not assessed.", examples=["Pneumonia"])
    confidence: str | None = Field(description="Probability of what is said; null if not assessed.", examples=["93.1%"])
    filename: str = Field(description="As sent; in lists Lingula's own id, because file names identify people.")
    timestamp: datetime
    reason: str | None = Field(description="Why it was not assessed.")
    instance: InstanceId
    statement: str = NOT_A_DIAGNOSIS


class PredictionsShape(Shape):
    """A page of radiographs in the simple shape, most urgent first."""

    data: list[PredictionShape]
    page: int
    items_per_page: int
    total_keys: int
    total_pages: int


@router.post("/predict", summary="Send one radiograph and wait", openapi_extra={"requestBody": dict(uploads.BODY)})
async def predict(request: Request, door: ADoor) -> PredictionShape:
    """Keep and assess one radiograph."""
    caller = await door.sender(request)
    caller.must_read()
    kept = await uploads.receive(request, door, await uploads.site_of(door, caller, None), None)
    stored = await uploads.assessed_within(door, kept.received, WAIT_SECONDS)
    assessment = stored.assessment if stored else None
    reason = "not assessed in time; look again later" if assessment is None else assessment.reason
    return PredictionShape(
        prediction=word_of(assessment.band if assessment else None),
        confidence=confidence_of(
            assessment.band if assessment else None, assessment.probability if assessment else None
        ),
        filename=PurePath(kept.file_name or kept.received.instance).name,
        timestamp=assessment.assessed_at if assessment else door.system.clock(),
        reason=reason,
        instance=kept.received.instance,
    )


@router.get("/predictions", summary="What was assessed, in the simple shape")
def predictions(door: ADoor, caller: ACaller, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> PredictionsShape:
    """Give the studies of the caller's sites, most urgent first, read or not."""
    caller.must_read()
    wanted = WorklistFilter(sites=caller.sites, is_reviewed=None, page=page, page_size=ITEMS_PER_PAGE)
    found = door.system.worklist.page(wanted)
    door.access.note_look(caller, "looked at the worklist", "worklist")
    return PredictionsShape(
        data=[_row(row) for row in found.rows],
        page=page,
        items_per_page=ITEMS_PER_PAGE,
        total_keys=found.total,
        total_pages=max(1, -(-found.total // ITEMS_PER_PAGE)),
    )


def word_of(band: Band | None) -> str:
    """Give the simple word for a band; without one nothing was assessed.

    >>> word_of(Band.LIKELY), word_of(None)
    ('Pneumonia', 'Not assessed')
    """
    return WORDS[band] if band else NOT_ASSESSED


def confidence_of(band: Band | None, probability: float | None) -> str | None:
    """Give the probability of what the word says: of being normal for Normal, of pneumonia otherwise.

    >>> confidence_of(Band.UNLIKELY, 0.02), confidence_of(Band.UNSURE, 0.4), confidence_of(None, None)
    ('98.0%', '40.0%', None)
    """
    if band is None or probability is None:
        return None
    return f"{100 * (1 - probability if band is Band.UNLIKELY else probability):.1f}%"


def _row(row: WorklistRow) -> PredictionShape:
    reason = "not assessed yet" if row.status is Status.RECEIVED else row.reason
    return PredictionShape(
        prediction=word_of(row.band),
        confidence=confidence_of(row.band, row.probability),
        filename=f"{row.first_instance}.{MEDIA_TYPES[row.description.file_format][1]}",
        timestamp=row.assessed_at or row.received_at,
        reason=reason,
        instance=row.first_instance,
    )
