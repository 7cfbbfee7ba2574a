"""Records in any database SQLAlchemy speaks to; `lingula.records.records.Records` says what each method promises.

Every method is one transaction of work that lives in the `sql_*` modules; nothing here knows which database it is.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.records import sql_instances, sql_statements, sql_studies, sql_timeline, sql_worklist
from lingula.records.gathering import Gathering
from lingula.records.records import (
    Assessment,
    NewInstance,
    StoredInstance,
    StoredStudy,
    Summary,
    TimelineEntry,
    WorklistPage,
    WorklistQuery,
)
from lingula.records.reviews import Claim, NewReview, Review
from lingula.records.tables import installation
from lingula.records.transactions import Transactions

_KEY = "key"
_KEY_BYTES = 32


class SqlRecords:
    """What is known of radiographs, their assessments and reviews, in tables.

    Parameters
    ----------
    gathers
        Whether what several threads ask at the same time is one transaction: where that is a journey over the network.
        SQLite's transactions group their commits themselves.
    """

    def __init__(self, transactions: Transactions, *, gathers: bool = False) -> None:
        self._transactions = transactions
        self._arrivals = Gathering(self._add_instances) if gathers else None
        self._looks = Gathering(self._instances_of) if gathers else None
        self._key: bytes | None = None

    def installation_key(self) -> bytes:
        """Give the secret key behind Lingula's ids."""
        if self._key is None:
            self._key = self._transactions.read(_read_key) or self._transactions.write(_make_key)
        return self._key

    def add_instance(self, new: NewInstance) -> bool:
        """Record an arrival."""
        return self._arrivals.ask(new) if self._arrivals else self._add_instances([new])[0]

    def _add_instances(self, arrivals: Sequence[NewInstance]) -> Sequence[bool]:
        return self._transactions.write(lambda connection: sql_instances.add_instances(connection, arrivals))

    def begin_attempts(
        self, instances: Sequence[InstanceId], *, only_untried: bool = False
    ) -> Sequence[StoredInstance]:
        """Count one attempt on each instance still received."""
        return self._transactions.write(
            lambda connection: sql_instances.begin_attempts(connection, instances, only_untried=only_untried)
        )

    def forgive_attempts(self, instances: Sequence[InstanceId]) -> None:
        """Take back one attempt of each instance still received."""
        self._transactions.write(lambda connection: sql_instances.forgive_attempts(connection, instances))

    def save_assessments(self, assessments: Sequence[Assessment]) -> Collection[InstanceId]:
        """Record statements."""
        return self._transactions.write(lambda connection: sql_statements.save_assessments(connection, assessments))

    def reopen(self, instance: InstanceId) -> None:
        """Set a failed instance back to received."""
        self._transactions.write(lambda connection: sql_instances.reopen(connection, instance))

    def unassessed(self, received_before: datetime, at_most: int) -> Sequence[InstanceId]:
        """Give instances still received."""
        return self._transactions.read(
            lambda connection: sql_instances.unassessed(connection, received_before, at_most)
        )

    def instance(self, instance: InstanceId) -> StoredInstance:
        """Give one instance."""
        if self._looks is None:
            return self._transactions.read(lambda connection: sql_instances.instance_of(connection, instance))
        if (found := self._looks.ask(instance)) is None:
            raise sql_instances.unknown(instance)
        return found

    def _instances_of(self, ids: Sequence[InstanceId]) -> Sequence[StoredInstance | None]:
        return self._transactions.read(lambda connection: sql_instances.instances_of(connection, ids))

    def parked(self, sites: Collection[SiteName] | None, at_most: int) -> Sequence[StoredInstance]:
        """Give failed instances."""
        return self._transactions.read(lambda connection: sql_instances.parked(connection, sites, at_most))

    def study(self, study: StudyId) -> StoredStudy:
        """Give one study."""
        return self._transactions.read(lambda connection: sql_studies.study_of(connection, study))

    def worklist(self, query: WorklistQuery) -> WorklistPage:
        """Give a page of the worklist."""
        return self._transactions.read(lambda connection: sql_worklist.worklist_page(connection, query))

    def summary(self, sites: Collection[SiteName] | None) -> Summary:
        """Count what is known."""
        return self._transactions.read(lambda connection: sql_worklist.summary_of(connection, sites))

    def claim(self, study: StudyId, claim: Claim, now: datetime) -> None:
        """Note that a doctor has the study open."""
        self._transactions.write(lambda connection: sql_studies.claim_study(connection, study, claim, now))

    def release(self, study: StudyId, reviewer: str) -> None:
        """End the reviewer's own claim."""
        self._transactions.write(lambda connection: sql_studies.release_study(connection, study, reviewer))

    def add_review(self, new: NewReview) -> Review:
        """Add a verdict."""
        return self._transactions.write(lambda connection: sql_studies.add_review(connection, new))

    def add_timeline(self, entries: Sequence[TimelineEntry]) -> None:
        """Add what happened."""
        self._transactions.write(lambda connection: sql_timeline.add_timeline(connection, entries))

    def timeline(self, after: int, sites: Collection[SiteName] | None, at_most: int) -> Sequence[TimelineEntry]:
        """Give what happened since."""
        return self._transactions.read(
            lambda connection: sql_timeline.timeline_after(connection, after, sites, at_most)
        )

    def check(self) -> None:
        """Read and write one row."""
        self._transactions.read(_read_key)
        self._transactions.write(_touch_key)

    def close(self) -> None:
        """Let go of connections and files."""
        self._transactions.close()


def _read_key(connection: Connection) -> bytes | None:
    return connection.execute(select(installation.c.value).where(installation.c.name == _KEY)).scalar_one_or_none()


def _make_key(connection: Connection) -> bytes:
    insert = sql_instances.insert_unless_there(installation, connection.dialect.name)
    connection.execute(insert, {"name": _KEY, "value": secrets.token_bytes(_KEY_BYTES)})
    key: bytes = connection.execute(select(installation.c.value).where(installation.c.name == _KEY)).scalar_one()
    return key


def _touch_key(connection: Connection) -> None:
    _make_key(connection)
    connection.execute(update(installation).where(installation.c.name == _KEY).values(value=installation.c.value))
