"""Carrying a site's records from one database to another, row by row, with every id and time as it was.

Two places take part: one gives, and is only read; the other takes. What is taken is taken whole or not at all and
remembered in the same transaction, so that carrying may end anywhere and be begun again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId

Row = Mapping[str, object]  # of a table, by the names of its columns


class Log(StrEnum):
    """What only grows and carries its place in a number."""

    TIMELINE = "timeline"
    ACCESSES = "accesses"


class Taken(StrEnum):
    """What became of a study at the place that takes."""

    NEW = "new"
    RENEWED = "renewed"  # it was there, with less than the place that gives knows
    THERE = "there"  # nothing was missing
    AHEAD = "ahead"  # it knows more than the place that gives: work has gone on there, so it was left alone


@dataclass(frozen=True, kw_only=True)
class KeptOriginal:
    """Where an instance's bytes lie, and how to know them again."""

    instance: InstanceId
    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class StudyRows:
    """All of one study but its timeline: rows by table, the study's own first."""

    study: StudyId
    rows: Mapping[str, Sequence[Row]]
    originals: Sequence[KeptOriginal]


@dataclass(frozen=True, kw_only=True)
class LogRows:
    """A part of a log, and the number it reaches to; no number means the end."""

    rows: Sequence[Row]
    up_to: int | None


class Moves(Protocol):
    """What the two places do; every method is one transaction and raises `BackendUnavailable`."""

    def known_key(self) -> bytes | None:
        """Give the installation's key if there is one yet."""

    def take_key(self, key: bytes) -> None:
        """Go on with another installation's key; raises `Conflict` if anything is recorded here under another one."""

    def site_names(self) -> Sequence[SiteName]:
        """Give every site of which anything is known, by name."""

    def study_ids(self, site: SiteName, after: StudyId | None, at_most: int) -> Sequence[StudyId]:
        """Give a site's studies in the order of their ids."""

    def count_studies(self, site: SiteName) -> int:
        """Count a site's studies."""

    def give_study(self, study: StudyId) -> StudyRows:
        """Give all of a study; raises `NotFound`."""

    def lacks(self, given: StudyRows) -> Taken:
        """Tell what `take_study` would do."""

    def take_study(self, given: StudyRows) -> Taken:
        """Take a study if there is anything to take."""

    def give_log(self, log: Log, site: SiteName | None, after: int, at_most: int) -> LogRows:
        """Give what a log says of a site, or of none, among its next `at_most` lines."""

    def taken_up_to(self, log: Log, site: SiteName | None) -> int:
        """Tell how far a site's part of a log has been taken; 0 at the beginning."""

    def take_log(self, log: Log, site: SiteName | None, given: LogRows) -> None:
        """Add lines with numbers of this place's own, and remember how far they reach."""
