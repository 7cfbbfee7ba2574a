"""Place 3: what is known and what happened. The record is the truth.

Whatever the queue forgets, the record knows: which instances arrived, how often each was tried, what was stated about
it, who claimed and reviewed it. Every method is one transaction, durable when it returns, and safe to run twice.
Every method raises `BackendUnavailable` if the place does not answer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from lingula.errors import SettingsError
from lingula.radiology.identifiers import InstanceId, SiteName, SourceName, StudyId
from lingula.radiology.study import Band, Instance, Priority, Status
from lingula.records.accounts import Accounts
from lingula.records.moves import Moves
from lingula.records.reviews import Claim, NewReview, Review, Verdict
from lingula.records.shadows import Shadows


@dataclass(frozen=True, kw_only=True)
class NewInstance:
    """An instance that has been stored and is now to be recorded."""

    id: InstanceId
    study: StudyId
    site: SiteName
    door: str  # "http", "cli", "dicom", ...
    sha256: str  # of the bytes as sent, hexadecimal
    size_bytes: int
    store_key: str
    description: Instance
    received_at: datetime
    source_name: SourceName | None = None


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """One model package's statement on one instance, or the reason why there is none.

    `activation_map` and `lung_mask` are square maps in the frame of the prepared pixels, one byte per cell, row by row:
    activation 0-255 for 0-1, lung mask 0-255 for probability 0-1.
    """

    instance: InstanceId
    status: Status  # ASSESSED, NOT_ELIGIBLE or FAILED
    priority: Priority
    assessed_at: datetime
    seconds: float
    code_version: str
    reason: str | None = None
    probability: float | None = None  # calibrated, 0-1; None unless ASSESSED
    band: Band | None = None
    novelty: float | None = None  # 1.0 is the package's limit
    activation_map: bytes | None = None
    lung_mask: bytes | None = None
    package_name: str | None = None
    package_version: str | None = None
    package_sha256: str | None = None
    rule_out_threshold: float | None = None
    rule_in_threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class StoredInstance:
    """An instance as recorded, with its newest assessment."""

    new: NewInstance
    status: Status
    attempts: int  # begun, the one under way included
    assessment: Assessment | None


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """One thing that happened; `action` is the event's name in snake case, `detail` carries no identity.

    `number` is given by the record (0 until stored) and only grows, so readers can follow from where they stopped.
    """

    action: str
    at: datetime
    site: SiteName | None = None
    study: StudyId | None = None
    instance: InstanceId | None = None
    detail: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A study with everything known of it; status, band and priority are its instances' highest."""

    id: StudyId
    site: SiteName
    status: Status
    band: Band | None
    priority: Priority
    received_at: datetime  # of its first instance
    instances: Sequence[StoredInstance]
    reviews: Sequence[Review]
    claim: Claim | None
    timeline: Sequence[TimelineEntry]


@dataclass(frozen=True, kw_only=True)
class WorklistQuery:
    """Which studies to list, in which order; None means any.

    Studies whose wait exceeds `caps[priority]` are read with the next higher priority, but never above what the
    sender marked `stat`; see `lingula.triage.priority`.
    """

    now: datetime
    caps: Mapping[Priority, timedelta]
    sites: Collection[SiteName] | None = None
    status: Status | None = None
    band: Band | None = None
    priority: Priority | None = None
    is_reviewed: bool | None = False
    text: str | None = None  # the beginning of a Lingula study id
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True, kw_only=True)
class WorklistRow:
    """One study on the worklist, with what decides its place."""

    study: StudyId
    site: SiteName
    status: Status
    band: Band | None
    priority: Priority
    effective_priority: Priority  # after the waiting-time cap
    probability: float | None  # of the instance that decides
    rule_out_threshold: float | None  # of the package that stated it; no other package's limits say what it means
    rule_in_threshold: float | None
    novelty: float | None
    reason: str | None
    received_at: datetime
    assessed_at: datetime | None
    instances: int
    first_instance: InstanceId  # the one that decides, shown as thumbnail
    description: Instance  # of that instance
    claim: Claim | None
    verdict: Verdict | None  # the newest


@dataclass(frozen=True, kw_only=True)
class WorklistPage:
    """One page of the worklist and how many studies there are on all pages."""

    rows: Sequence[WorklistRow]
    total: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Counts over unreviewed studies (by status, band, priority) and what needs an engineer's eye."""

    by_status: Mapping[Status, int]
    by_band: Mapping[Band, int]
    by_priority: Mapping[Priority, int]
    parked: int  # instances that failed after all attempts
    unreviewed: int
    reviewed: int
    oldest_received_at: datetime | None  # of the studies not yet reviewed
    oldest_unassessed_at: datetime | None  # of the instances not yet assessed


class Records(Protocol):
    """What is known of radiographs, their assessments and reviews."""

    def installation_key(self) -> bytes:
        """Give the secret key of 32 bytes behind Lingula's ids; made once, at the first call ever."""

    def add_instance(self, new: NewInstance) -> bool:
        """Record an arrival; True if it is new, False if one is recorded under this id, which stays as it is.

        Whether that one is the same radiograph is the caller's to find out. Raises `Conflict` if it belongs to another
        study.
        """

    def begin_attempts(
        self, instances: Sequence[InstanceId], *, only_untried: bool = False
    ) -> Sequence[StoredInstance]:
        """Count one attempt on each instance still `received` and give them; others and unknown ones are left out.

        With `only_untried`, those tried before are left out too, and no attempt of theirs is counted.
        """

    def forgive_attempts(self, instances: Sequence[InstanceId]) -> None:
        """Take back one attempt of each instance still `received`, never below 0: it was not the radiograph's fault."""

    def save_assessments(self, assessments: Sequence[Assessment]) -> Collection[InstanceId]:
        """Record statements, all or none; give the ids that took effect.

        An instance that already has a result by the same package (sha256) keeps it: exactly one result.
        The status, band and priority of their studies follow.
        """

    def reopen(self, instance: InstanceId) -> None:
        """Set a failed instance back to `received` with no attempts; raises `NotFound`, or `Conflict` if not failed."""

    def unassessed(self, received_before: datetime, at_most: int) -> Sequence[InstanceId]:
        """Give instances still `received` that arrived before, oldest first."""

    def instance(self, instance: InstanceId) -> StoredInstance:
        """Give one instance; raises `NotFound`."""

    def parked(self, sites: Collection[SiteName] | None, at_most: int) -> Sequence[StoredInstance]:
        """Give failed instances, newest first."""

    def study(self, study: StudyId) -> StoredStudy:
        """Give one study; raises `NotFound`."""

    def worklist(self, query: WorklistQuery) -> WorklistPage:
        """Give a page of the worklist in reading order, a total order."""

    def summary(self, sites: Collection[SiteName] | None) -> Summary:
        """Count what is known of these sites."""

    def claim(self, study: StudyId, claim: Claim, now: datetime) -> None:
        """Note that a doctor has the study open; raises `Conflict` while another's claim lasts, `NotFound`."""

    def release(self, study: StudyId, reviewer: str) -> None:
        """End the reviewer's own claim, if there is one."""

    def add_review(self, new: NewReview) -> Review:
        """Add a verdict and end the reviewer's claim.

        Raises `Conflict` while another doctor's claim lasts, `NotFound` if there is no such study.
        """

    def add_timeline(self, entries: Sequence[TimelineEntry]) -> None:
        """Add what happened."""

    def timeline(self, after: int, sites: Collection[SiteName] | None, at_most: int) -> Sequence[TimelineEntry]:
        """Give entries with a greater number, oldest first; `after=-1` gives the newest entry only."""

    def check(self) -> None:
        """Return if the place can be read and written now."""

    def close(self) -> None:
        """Let go of connections and files."""


@dataclass(frozen=True, kw_only=True)
class RecordsPlace:
    """What one records URL opens: radiographs, accounts and a candidate's statements in the same database."""

    records: Records
    accounts: Accounts
    shadows: Shadows
    moves: Moves


def open_records(url: str) -> RecordsPlace:
    """Open the records a URL names and bring the schema up to date.

    ``sqlite:///path`` (WAL mode), ``memory://`` or ``postgresql://user:password@host:port/database``.
    """
    match urlsplit(url).scheme:
        case "sqlite" | "memory":
            from lingula.records.sqlite import open_sqlite

            return open_sqlite(url)
        case "postgresql":
            from lingula.records.postgres import open_postgres

            return open_postgres(url)
        case scheme:
            raise SettingsError(
                f"LINGULA_RECORDS_URL: no records for scheme {scheme!r}; use sqlite://, postgresql:// or memory://"
            )
