"""The doctors' list: who should be read first, and why.

Everything here is asked on behalf of somebody who may see some sites only; a study of another site is as unknown to
them as one that does not exist.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from lingula.errors import NotFound
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.records import (
    Records,
    StoredInstance,
    StoredStudy,
    Summary,
    WorklistPage,
    WorklistQuery,
    WorklistRow,
)
from lingula.triage.events import Clock
from lingula.triage.priority import DEFAULT_CAPS, Caps, why

Sites = Collection[SiteName] | None
"""The sites somebody may see; None means all."""


@dataclass(frozen=True, kw_only=True)
class WorklistFilter:
    """What somebody wants to see of the list; None means any.

    Parameters
    ----------
    is_reviewed
        False lists what is still to be read, True what was, None both.
    text
        The beginning of a Lingula study id.
    page
        Counts from 1.
    """

    sites: Sites = None
    status: Status | None = None
    band: Band | None = None
    priority: Priority | None = None
    is_reviewed: bool | None = False
    text: str | None = None
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True, kw_only=True)
class Worklist:
    """Reads the record for the pages and the API.

    >>> page = worklist.page(WorklistFilter(sites={SiteName("north")}))  # doctest: +SKIP
    >>> [worklist.why(row) for row in page.rows]  # doctest: +SKIP
    ['Pneumonia likely (probability 0.93); waiting 12 min.']
    """

    records: Records
    clock: Clock
    caps: Caps = field(default_factory=lambda: DEFAULT_CAPS)

    def page(self, wanted: WorklistFilter) -> WorklistPage:
        """Give one page in reading order."""
        return self.records.worklist(
            WorklistQuery(
                now=self.clock(),
                caps=self.caps,
                sites=wanted.sites,
                status=wanted.status,
                band=wanted.band,
                priority=wanted.priority,
                is_reviewed=wanted.is_reviewed,
                text=wanted.text,
                page=wanted.page,
                page_size=wanted.page_size,
            )
        )

    def why(self, row: WorklistRow) -> str:
        """Say in one sentence why a study is where it is."""
        return why(row, self.clock(), self.caps)

    def next_after(self, study: StudyId, sites: Sites) -> StudyId | None:
        """Give the study to read next: the first on the list that is not `study` and that no other doctor has open."""
        now = self.clock()
        for row in self.page(WorklistFilter(sites=sites)).rows:
            is_claimed = row.claim is not None and row.claim.until > now
            if row.study != study and not is_claimed:
                return row.study
        return None

    def study(self, study: StudyId, sites: Sites) -> StoredStudy:
        """Give one study; raises `NotFound` also for one of another site."""
        stored = self.records.study(study)
        if not may_see(stored.site, sites):
            raise NotFound(f"no study {study} is known")
        return stored

    def instance(self, instance: InstanceId, sites: Sites) -> StoredInstance:
        """Give one instance; raises `NotFound` also for one of another site."""
        stored = self.records.instance(instance)
        if not may_see(stored.new.site, sites):
            raise NotFound(f"no instance {instance} is known")
        return stored

    def summary(self, sites: Sites) -> Summary:
        """Count what is known of these sites."""
        return self.records.summary(sites)

    def parked(self, sites: Sites, at_most: int = 100) -> Sequence[StoredInstance]:
        """Give the instances that failed, newest first."""
        return self.records.parked(sites, at_most)


def may_see(site: SiteName, sites: Sites) -> bool:
    """Say whether somebody with these sites may see this one."""
    return sites is None or site in sites
