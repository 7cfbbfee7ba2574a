"""The JSON of the API: studies, the worklist, verdicts and what happened; see `shapes` for instances."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lingula.doors.http.shapes import PREFIX, InstanceShape, Shape
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.records import StoredStudy, Summary, TimelineEntry, WorklistRow
from lingula.records.reviews import Claim, Review, Verdict

Finding = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


class StudiesQuery(Shape):
    """Which studies to list; what is left out or empty means any."""

    status: Status | None = None
    band: Band | None = None
    priority: Priority | None = None
    site: str | None = Field(default=None, max_length=100)
    q: str | None = Field(default=None, max_length=40, description="The beginning of a study's id.")
    reviewed: Literal["no", "yes", "all"] = Field(default="no", description="Studies that have a verdict, or not yet.")
    page: int = Field(default=1, ge=1, le=10_000)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, given: object) -> object:
        """Forms send what was not chosen as an empty text."""
        return {name: value for name, value in given.items() if value != ""} if isinstance(given, dict) else given


class ClaimShape(Shape):
    """Who has the study open, and until when."""

    reviewer: str
    until: datetime

    @classmethod
    def of(cls, claim: Claim) -> "ClaimShape":
        """Write a claim."""
        return cls(reviewer=claim.reviewer, until=claim.until)


class ReviewShape(Shape):
    """A doctor's verdict; later ones follow it, none replaces it."""

    number: int
    reviewer: str
    verdict: Verdict
    finding: str | None
    note: str | None
    reviewed_at: datetime

    @classmethod
    def of(cls, review: Review) -> "ReviewShape":
        """Write a review."""
        new = review.new
        return cls(
            number=review.number,
            reviewer=new.reviewer,
            verdict=new.verdict,
            finding=new.finding,
            note=new.note,
            reviewed_at=new.reviewed_at,
        )


class TimelineShape(Shape):
    """One thing that happened."""

    number: int
    action: str
    at: datetime
    site: SiteName | None
    study: StudyId | None
    instance: InstanceId | None
    detail: dict[str, str | int | float | bool | None]

    @classmethod
    def of(cls, entry: TimelineEntry) -> "TimelineShape":
        """Write an entry of the timeline."""
        return cls(
            number=entry.number,
            action=entry.action,
            at=entry.at,
            site=entry.site,
            study=entry.study,
            instance=entry.instance,
            detail=dict(entry.detail),
        )


class StudyShape(Shape):
    """A study with everything known of it; it takes its instances' highest band and priority."""

    study: StudyId
    site: SiteName
    status: Status
    band: Band | None
    priority: Priority
    received_at: datetime
    instances: list[InstanceShape]
    reviews: list[ReviewShape]
    claim: ClaimShape | None
    timeline: list[TimelineShape]

    @classmethod
    def of(cls, study: StoredStudy) -> "StudyShape":
        """Write a study."""
        return cls(
            study=study.id,
            site=study.site,
            status=study.status,
            band=study.band,
            priority=study.priority,
            received_at=study.received_at,
            instances=[InstanceShape.of(stored) for stored in study.instances],
            reviews=[ReviewShape.of(review) for review in study.reviews],
            claim=ClaimShape.of(study.claim) if study.claim else None,
            timeline=[TimelineShape.of(entry) for entry in study.timeline],
        )


class StudyRowShape(Shape):
    """One study on the worklist, with the sentence that says why it is where it is."""

    study: StudyId
    site: SiteName
    status: Status
    band: Band | None
    priority: Priority
    effective_priority: Priority = Field(description="After the cap on waiting time.")
    probability: float | None
    reason: str | None
    why: str
    received_at: datetime
    assessed_at: datetime | None
    instances: int
    first_instance: InstanceId
    age_years: float | None
    patient_sex: str | None
    claim: ClaimShape | None
    verdict: Verdict | None
    links: dict[str, str]

    @classmethod
    def of(cls, row: WorklistRow, why: str) -> "StudyRowShape":
        """Write a row of the worklist."""
        return cls(
            study=row.study,
            site=row.site,
            status=row.status,
            band=row.band,
            priority=row.priority,
            effective_priority=row.effective_priority,
            probability=row.probability,
            reason=row.reason,
            why=why,
            received_at=row.received_at,
            assessed_at=row.assessed_at,
            instances=row.instances,
            first_instance=row.first_instance,
            age_years=row.description.age_years,
            patient_sex=row.description.patient_sex,
            claim=ClaimShape.of(row.claim) if row.claim else None,
            verdict=row.verdict,
            links={"self": f"{PREFIX}/studies/{row.study}", "page": f"/studies/{row.study}"},
        )


class StudiesShape(Shape):
    """A page of the worklist, in reading order."""

    page: int
    page_size: int
    total: int
    studies: list[StudyRowShape]


class SummaryShape(Shape):
    """Counts over studies nobody has reviewed yet, and what needs an engineer's eye."""

    by_status: dict[Status, int]
    by_band: dict[Band, int]
    by_priority: dict[Priority, int]
    parked: int
    unreviewed: int
    reviewed: int
    oldest_wait_seconds: float | None
    oldest_unassessed_seconds: float | None

    @classmethod
    def of(cls, summary: Summary, now: datetime) -> "SummaryShape":
        """Write a summary."""
        return cls(
            by_status={status: summary.by_status.get(status, 0) for status in Status},
            by_band={band: summary.by_band.get(band, 0) for band in Band},
            by_priority={priority: summary.by_priority.get(priority, 0) for priority in Priority},
            parked=summary.parked,
            unreviewed=summary.unreviewed,
            reviewed=summary.reviewed,
            oldest_wait_seconds=_seconds_since(summary.oldest_received_at, now),
            oldest_unassessed_seconds=_seconds_since(summary.oldest_unassessed_at, now),
        )


class ReviewBody(Shape):
    """A verdict as it is sent."""

    verdict: Verdict
    finding: Finding | None = None
    note: Note | None = None


def _seconds_since(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())
