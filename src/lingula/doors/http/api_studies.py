"""The API for studies: the worklist, one study, verdicts and claims."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from lingula.doors.http.door import ACaller, ADoor
from lingula.doors.http.security import Caller
from lingula.doors.http.shapes import PREFIX
from lingula.doors.http.shapes_study import (
    ClaimShape,
    ReviewBody,
    ReviewShape,
    StudiesQuery,
    StudiesShape,
    StudyRowShape,
    StudyShape,
    SummaryShape,
)
from lingula.radiology.identifiers import SiteName, StudyId
from lingula.records.accounts import Role
from lingula.triage.worklist import Sites, WorklistFilter

PAGE_SIZE = 50

router = APIRouter(prefix=PREFIX, tags=["studies"])


@router.get("/studies", summary="The worklist, in reading order")
def list_studies(door: ADoor, caller: ACaller, query: Annotated[StudiesQuery, Query()]) -> StudiesShape:
    """Give the studies to read, or, with `reviewed=yes`, those that were read."""
    caller.must_read()
    worklist = door.system.worklist
    found = worklist.page(filter_of(caller, query))
    door.access.note_look(caller, "looked at the worklist", "worklist")
    rows = [StudyRowShape.of(row, worklist.why(row)) for row in found.rows]
    return StudiesShape(page=query.page, page_size=PAGE_SIZE, total=found.total, studies=rows)


@router.get("/studies/{study}", summary="One study")
def one_study(door: ADoor, caller: ACaller, study: str) -> StudyShape:
    """Give a study with its instances, assessments, verdicts and what happened."""
    caller.must_read()
    found = door.system.worklist.study(StudyId(study), caller.sites)
    door.access.note_look(caller, "looked at study", found.id)
    return StudyShape.of(found)


@router.post("/studies/{study}/reviews", status_code=HTTPStatus.CREATED, summary="Leave a verdict")
def review_study(door: ADoor, caller: ACaller, study: str, body: ReviewBody) -> ReviewShape:
    """Record a doctor's verdict; earlier ones stay."""
    doctor = caller.must_be(Role.DOCTOR)
    review = door.system.reviews.review(StudyId(study), doctor, body.verdict, body.finding, body.note)
    door.access.note(caller, "reviewed study", study)
    return ReviewShape.of(review)


@router.post("/studies/{study}/claim", summary="Claim a study while it is open")
def claim_study(door: ADoor, caller: ACaller, study: str) -> ClaimShape:
    """Note that a doctor has the study open; claiming again makes the claim longer."""
    doctor = caller.must_be(Role.DOCTOR)
    return ClaimShape.of(door.system.reviews.claim(StudyId(study), doctor))


@router.delete("/studies/{study}/claim", status_code=HTTPStatus.NO_CONTENT, summary="Let a study go")
def release_study(door: ADoor, caller: ACaller, study: str) -> Response:
    """End one's own claim, if there is one."""
    doctor = caller.must_be(Role.DOCTOR)
    door.system.worklist.study(StudyId(study), caller.sites)
    door.system.reviews.release(StudyId(study), doctor)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/summary", summary="Counts for dashboards")
def summary(door: ADoor, caller: ACaller, site: Annotated[str | None, Query(max_length=100)] = None) -> SummaryShape:
    """Count the studies nobody has reviewed yet, and what needs an engineer's eye."""
    found = door.system.worklist.summary(sites_asked(caller, site))
    return SummaryShape.of(found, door.system.clock())


def filter_of(caller: Caller, query: StudiesQuery) -> WorklistFilter:
    """Give what the worklist is asked for."""
    return WorklistFilter(
        sites=sites_asked(caller, query.site),
        status=query.status,
        band=query.band,
        priority=query.priority,
        is_reviewed={"no": False, "yes": True, "all": None}[query.reviewed],
        text=query.q,
        page=query.page,
        page_size=PAGE_SIZE,
    )


def sites_asked(caller: Caller, site: str | None) -> Sites:
    """Give the sites to ask for: the one named if the caller sees it, nothing if not, else all the caller's."""
    if site is None:
        return caller.sites
    return frozenset({SiteName(site)}) if caller.sees(SiteName(site)) else frozenset()
