"""What happens to a radiograph, in the past tense.

Steps call an injected `notify(event)`; monitoring counts, the log writes, the records keep the timeline and the pages
refresh. An event carries Lingula's own ids only, never an identity.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.likeness import Likeness
from lingula.radiology.study import Band, Priority


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to one instance or study at one time."""

    at: datetime
    site: SiteName
    study: StudyId


@dataclass(frozen=True, kw_only=True)
class InstanceReceived(Event):
    """A radiograph is stored and recorded."""

    instance: InstanceId
    door: str
    size_bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class InstanceReceivedAgain(Event):
    """The same radiograph was sent once more; nothing changed.

    Parameters
    ----------
    likeness
        What it has in common with what was kept.
    differs_in
        Names of the described elements whose values differ, with commas between; never the values.
    """

    instance: InstanceId
    door: str
    likeness: Likeness = Likeness.BYTES
    differs_in: str = ""


@dataclass(frozen=True, kw_only=True)
class InstanceAssessed(Event):
    """A package made a statement."""

    instance: InstanceId
    probability: float
    band: Band
    priority: Priority
    novelty: float
    package: str  # name-version
    seconds: float
    waited_seconds: float  # from arrival to this statement


@dataclass(frozen=True, kw_only=True)
class InstanceNotEligible(Event):
    """Kept, but outside what is assessed."""

    instance: InstanceId
    reason: str
    waited_seconds: float


@dataclass(frozen=True, kw_only=True)
class AssessmentFailed(Event):
    """An attempt failed; `is_parked` when it was the last."""

    instance: InstanceId
    reason: str
    attempt: int
    is_parked: bool


@dataclass(frozen=True, kw_only=True)
class InstanceReplayed(Event):
    """A parked failure is tried again from the beginning."""

    instance: InstanceId
    asked_by: str  # a user's name, or the operating system's for the command line


@dataclass(frozen=True, kw_only=True)
class StudyClaimed(Event):
    """A doctor opened a study."""

    reviewer: str


@dataclass(frozen=True, kw_only=True)
class StudyReviewed(Event):
    """A doctor left a verdict."""

    reviewer: str
    verdict: str
    waited_seconds: float  # from arrival to the verdict


Notify = Callable[[Event], None]
Clock = Callable[[], datetime]
