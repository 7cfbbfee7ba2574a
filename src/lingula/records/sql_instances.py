"""An instance's way through the records: arrival, attempts, statements, and what must be looked after.

Every function is one transaction's work on the connection it is given.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Insert, Table, bindparam, select, update
from sqlalchemy.dialects import sqlite

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Status
from lingula.records.records import NewInstance, StoredInstance
from lingula.records.rows import INSTANCE_COLUMNS, STATEMENT_COLUMNS, stored_instance, values_of_arrival
from lingula.records.sql_statements import hold_studies, weigh_again
from lingula.records.study_state import waiting_priority
from lingula.records.tables import IS_FAILED, IS_RECEIVED, instances, statements, studies

WITH_STATEMENT = select(*INSTANCE_COLUMNS, *STATEMENT_COLUMNS).select_from(
    instances.outerjoin(
        statements,
        (statements.c.instance_id == instances.c.id) & (statements.c.number == instances.c.standing_statement),
    )
)


# Built once: composing a statement costs more than running it.
_BEGIN = (
    update(instances)
    .where(instances.c.id.in_(bindparam("ids", expanding=True)), IS_RECEIVED)
    .values(attempts=instances.c.attempts + 1)
    .returning(*INSTANCE_COLUMNS)
)
_BEGIN_UNTRIED = _BEGIN.where(instances.c.attempts == 0)
_ONE = WITH_STATEMENT.where(instances.c.id == bindparam("of_id"))


@cache
def insert_unless_there(table: Table, dialect: str) -> Insert:
    """Give the statement that adds a row or, if its key is taken, does nothing."""
    match dialect:
        case "postgresql":
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table).on_conflict_do_nothing()
        case _:
            return sqlite.insert(table).on_conflict_do_nothing()


def add_instance(connection: Connection, new: NewInstance) -> bool:
    """Record an arrival; False if it was recorded before."""
    values = values_of_arrival(new)
    dialect = connection.dialect.name
    is_first = connection.execute(insert_unless_there(studies, dialect), _values_of_new_study(new)).rowcount == 1
    if connection.execute(insert_unless_there(instances, dialect), values).rowcount == 0:
        _refuse_another_study(connection, new)
        return False
    if not is_first:
        _add_to_study(connection, new)
    return True


def _values_of_new_study(new: NewInstance) -> dict[str, object]:
    return {
        "id": new.study,
        "site": new.site,
        "status": Status.RECEIVED.value,
        "band": None,
        "priority_rank": waiting_priority(is_stat=new.description.is_stat).rank,
        "deciding_instance_id": new.id,
        "received_at": new.received_at,
        "instance_count": 1,
        "review_count": 0,
    }


def _refuse_another_study(connection: Connection, new: NewInstance) -> None:
    known = connection.execute(select(instances.c.study_id).where(instances.c.id == new.id)).scalar_one()
    if known != new.study:
        raise Conflict(f"instance {new.id} is recorded under study {known}, not {new.study}; the first stays")


def _add_to_study(connection: Connection, new: NewInstance) -> None:
    """Let a study known before follow; whatever verdict it has, nobody has seen the new radiograph: it waits again."""
    connection.execute(
        update(studies)
        .where(studies.c.id == new.study)
        .values(instance_count=studies.c.instance_count + 1, reviewed_at=None)
    )
    weigh_again(connection, [new.study])


def begin_attempts(
    connection: Connection, ids: Sequence[InstanceId], *, only_untried: bool
) -> Sequence[StoredInstance]:
    """Count an attempt on each instance still received, or on those of them that were never tried."""
    begun = connection.execute(_BEGIN_UNTRIED if only_untried else _BEGIN, {"ids": list(ids)})
    by_id = {stored.new.id: stored for stored in map(stored_instance, begun.mappings())}
    return [by_id[instance] for instance in dict.fromkeys(ids) if instance in by_id]


def forgive_attempts(connection: Connection, ids: Sequence[InstanceId]) -> None:
    """Take back an attempt that was not the radiograph's fault."""
    connection.execute(
        update(instances)
        .where(instances.c.id.in_(ids), instances.c.status == Status.RECEIVED.value, instances.c.attempts > 0)
        .values(attempts=instances.c.attempts - 1)
    )


def reopen(connection: Connection, instance: InstanceId) -> None:
    """Set a failed instance back; the failure stays among its statements but no longer stands."""
    hold_studies(connection, [instance])
    row = connection.execute(
        select(instances.c.status, instances.c.study_id, instances.c.is_stat).where(instances.c.id == instance)
    ).one_or_none()
    if row is None:
        raise _unknown(instance)
    if row.status != Status.FAILED.value:
        raise Conflict(f"instance {instance} is {row.status}; only a failed one can be tried again")
    connection.execute(
        update(instances)
        .where(instances.c.id == instance)
        .values(
            status=Status.RECEIVED.value,
            attempts=0,
            band=None,
            probability=None,
            priority_rank=waiting_priority(is_stat=bool(row.is_stat)).rank,
            standing_statement=None,
        )
    )
    weigh_again(connection, [StudyId(row.study_id)])


def unassessed(connection: Connection, received_before: datetime, at_most: int) -> Sequence[InstanceId]:
    """Give instances still received, oldest first."""
    found = connection.execute(
        select(instances.c.id)
        .where(IS_RECEIVED, instances.c.received_at < received_before)
        .order_by(instances.c.received_at, instances.c.id)
        .limit(at_most)
    )
    return [InstanceId(value) for value in found.scalars()]


def instance_of(connection: Connection, instance: InstanceId) -> StoredInstance:
    """Give one instance."""
    row = connection.execute(_ONE, {"of_id": instance}).mappings().one_or_none()
    if row is None:
        raise _unknown(instance)
    return stored_instance(row)


def parked(connection: Connection, sites: Collection[SiteName] | None, at_most: int) -> Sequence[StoredInstance]:
    """Give failed instances, newest first."""
    of_sites = [] if sites is None else [instances.c.site.in_(sites)]
    found = connection.execute(
        WITH_STATEMENT.where(IS_FAILED, *of_sites)
        .order_by(instances.c.received_at.desc(), instances.c.id.desc())
        .limit(at_most)
    )
    return [stored_instance(row) for row in found.mappings()]


def _unknown(instance: InstanceId) -> NotFound:
    return NotFound(f"no instance {instance} is recorded here")
