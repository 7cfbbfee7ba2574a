"""What a candidate package says of radiographs beside the serving one, shown to nobody until somebody compares them.

Kept in a table of its own: no study, priority, page or event ever follows from it. An attempt is noted before a byte is
touched, so that a radiograph which ends the program with the candidate is not tried for ever.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Band, Status
from lingula.records.reviews import Verdict

MOST_ATTEMPTS = 2  # of a candidate on one instance


@dataclass(frozen=True, kw_only=True)
class ShadowStatement:
    """A candidate's statement on one instance; `band` is by the candidate's own thresholds."""

    instance: InstanceId
    package_name: str
    package_version: str
    package_sha256: str
    status: Status  # ASSESSED, NOT_ELIGIBLE or FAILED
    assessed_at: datetime
    seconds: float
    code_version: str
    reason: str | None = None
    probability: float | None = None
    band: Band | None = None
    novelty: float | None = None
    rule_out_threshold: float | None = None
    rule_in_threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class OpenShadows:
    """What a candidate has not assessed yet; nothing that arrived before `from_time` is open."""

    instances: Sequence[InstanceId]
    from_time: datetime | None  # arrival of the oldest open one, those included that still wait for the serving package


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one package states of an instance."""

    package: str  # name-version
    status: Status
    probability: float | None
    band: Band | None


@dataclass(frozen=True, kw_only=True)
class ShadowPair:
    """An instance on which both packages made a statement.

    `verdict` is the newest on its study, unless a radiograph arrived after it; `band` is what the doctor was shown.
    """

    study: StudyId
    instance: InstanceId
    serving: Side
    shadow: Side
    verdict: Verdict | None
    band: Band | None


@dataclass(frozen=True, kw_only=True)
class ShadowCounts:
    """How far a candidate has come since a time."""

    arrived: int
    finished: int
    begun: int  # and not finished: under way, or the program ended


class Shadows(Protocol):
    """A candidate's statements; every method is one transaction and raises `BackendUnavailable`."""

    def open_shadows(
        self, package_sha256: str, since: datetime, *, begun_before: datetime, at_most: int
    ) -> OpenShadows:
        """Give instances that arrived since, left `received`, and lack a statement of the candidate; oldest first.

        One that was begun is open again if that was before `begun_before` and not its last attempt.
        """

    def begin_shadows(
        self, package_sha256: str, instances: Sequence[InstanceId], *, at: datetime, begun_before: datetime
    ) -> Collection[InstanceId]:
        """Note that attempts begin; give those that nobody else has begun meanwhile."""

    def save_shadows(self, statements: Sequence[ShadowStatement]) -> None:
        """Record statements on instances that were begun; a second one on the same instance changes nothing."""

    def shadow_counts(self, package_sha256: str, since: datetime) -> ShadowCounts:
        """Count what arrived since, and how much of it the candidate has finished or only begun."""

    def shadow_pairs(self, package_sha256: str, since: datetime) -> Sequence[ShadowPair]:
        """Give the instances with statements of both, the candidate's begun since, oldest first.

        Those on which the candidate itself stands are left out.
        """
