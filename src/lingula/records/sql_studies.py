"""Studies: one in full, who has it open, and doctors' verdicts."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, select, update

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import SiteName, StudyId
from lingula.radiology.study import Status
from lingula.records.records import StoredStudy
from lingula.records.reviews import Claim, NewReview, Review
from lingula.records.rows import PRIORITIES, band_of, claim_of, review_of, stored_instance, values_of_review
from lingula.records.sql_instances import WITH_STATEMENT
from lingula.records.sql_timeline import timeline_of_study
from lingula.records.tables import instances, reviews, studies


def study_of(connection: Connection, study: StudyId) -> StoredStudy:
    """Give one study with everything known of it; a claim is given even if it has ended."""
    row = _row(connection, study)
    parts = WITH_STATEMENT.where(instances.c.study_id == study).order_by(instances.c.received_at, instances.c.id)
    verdicts = select(reviews).where(reviews.c.study_id == study).order_by(reviews.c.number)
    return StoredStudy(
        id=study,
        site=SiteName(row["site"]),
        status=Status(row["status"]),
        band=band_of(row["band"]),
        priority=PRIORITIES[row["priority_rank"]],
        received_at=row["received_at"],
        instances=[stored_instance(part) for part in connection.execute(parts).mappings()],
        reviews=[review_of(verdict) for verdict in connection.execute(verdicts).mappings()],
        claim=claim_of(row),
        timeline=timeline_of_study(connection, study),
    )


def claim_study(connection: Connection, study: StudyId, claim: Claim, now: datetime) -> None:
    """Note that a doctor has the study open."""
    _refuse_if_claimed(_row(connection, study, is_held=True), claim.reviewer, now)
    connection.execute(
        update(studies).where(studies.c.id == study).values(claimed_by=claim.reviewer, claimed_until=claim.until)
    )


def release_study(connection: Connection, study: StudyId, reviewer: str) -> None:
    """End the reviewer's own claim."""
    connection.execute(
        update(studies)
        .where(studies.c.id == study, studies.c.claimed_by == reviewer)
        .values(claimed_by=None, claimed_until=None)
    )


def add_review(connection: Connection, new: NewReview) -> Review:
    """Add a verdict; earlier ones stay."""
    row = _row(connection, new.study, is_held=True)
    _refuse_if_claimed(row, new.reviewer, new.reviewed_at)
    number = row["review_count"] + 1
    connection.execute(reviews.insert(), values_of_review(new, number))
    connection.execute(
        update(studies)
        .where(studies.c.id == new.study)
        .values(
            review_count=number,
            reviewed_at=new.reviewed_at,
            verdict=new.verdict.value,
            claimed_by=None,
            claimed_until=None,
        )
    )
    return Review(number=number, new=new)


def _row(connection: Connection, study: StudyId, *, is_held: bool = False) -> RowMapping:
    """Give a study's row; if held, nobody else can change it until the transaction ends (SQLite has one writer)."""
    asked = select(studies).where(studies.c.id == study)
    held = asked.with_for_update(key_share=True) if is_held else asked
    row = connection.execute(held).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no study {study} is recorded here")
    return row


def _refuse_if_claimed(row: RowMapping, reviewer: str, now: datetime) -> None:
    claim = claim_of(row)
    if claim is not None and claim.reviewer != reviewer and claim.until > now:
        raise Conflict(
            f"study {row['id']} is open at {claim.reviewer}'s until {claim.until:%H:%M:%S} UTC; wait or ask them"
        )
