"""What doctors leave behind: a verdict on a study, and the claim while they have it open."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lingula.radiology.identifiers import StudyId


class Verdict(StrEnum):
    """A doctor's word on a study."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True)
class NewReview:
    """A doctor's verdict to be recorded; earlier ones stay."""

    study: StudyId
    reviewer: str  # user name
    verdict: Verdict
    reviewed_at: datetime
    finding: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Review:
    """A recorded verdict; `number` counts from 1 within its study."""

    number: int
    new: NewReview


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A doctor has a study open until `until`."""

    reviewer: str
    until: datetime
