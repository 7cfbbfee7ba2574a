"""An instance's way through the records: arrival, attempts, statements, and what must be looked after.

Every function is one transaction's work on the connection it is given.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Insert, Table, any_, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Status
from lingula.records.columns import TEXT
from lingula.records.locks import has_many_writers
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
_OF_NEW_STUDY = [column.name for column in studies.c if not column.nullable]
_FIRST = (
    postgresql.insert(studies)
    .values({name: bindparam(f"of_study_{name}") for name in _OF_NEW_STUDY})
    .on_conflict_do_nothing()
    .returning(studies.c.id)
    .cte("first")
)
_ARRIVE = (
    postgresql.insert(instances)
    .values({column.name: bindparam(f"of_instance_{column.name}") for column in instances.c})
    .on_conflict_do_nothing()
    .returning(select(func.count()).select_from(_FIRST).scalar_subquery())
)
_ONE = WITH_STATEMENT.where(instances.c.id == bindparam("of_id"))
_SOME = WITH_STATEMENT.where(instances.c.id == any_(bindparam("ids", type_=postgresql.ARRAY(TEXT))))


@cache
def insert_unless_there(table: Table, dialect: str) -> Insert:
    """Give the statement that adds a row or, if its key is taken, does nothing."""
    match dialect:
        case "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        case _:
            return sqlite.insert(table).on_conflict_do_nothing()


def add_instances(connection: Connection, arrivals: Sequence[NewInstance]) -> Sequence[bool]:
    """Record arrivals, all or none; False for each that was recorded before."""
    # In one order, so that two who add never wait for each other.
    in_order = sorted(range(len(arrivals)), key=lambda place: (arrivals[place].study, arrivals[place].id))
    adding = [(place, _adding(connection, arrivals[place])) for place in in_order]
    are_new = [False] * len(arrivals)
    for place, added in adding:
        new = arrivals[place]
        are_new[place], is_first = added()
        if not are_new[place]:
            _refuse_another_study(connection, new)
        elif not is_first:
            _add_to_study(connection, new)
    return are_new


def _adding(connection: Connection, new: NewInstance) -> Callable[[], tuple[bool, bool]]:
    """Add an instance and its study, each unless it is there; what is given tells whether each is new.

    Where many write, one statement does both, and its answer is looked at only when asked: so several travel together.
    """
    values, of_study = values_of_arrival(new), _values_of_new_study(new)
    if has_many_writers(connection):
        named = {f"of_instance_{name}": value for name, value in values.items()}
        result = connection.execute(_ARRIVE, named | {f"of_study_{name}": of_study[name] for name in _OF_NEW_STUDY})
        return lambda: (False, False) if (row := result.first()) is None else (True, row[0] == 1)
    dialect = connection.dialect.name
    is_first = connection.execute(insert_unless_there(studies, dialect), of_study).rowcount == 1
    is_new = connection.execute(insert_unless_there(instances, dialect), values).rowcount == 1
    return lambda: (is_new, is_first)


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
        raise unknown(instance)
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
        raise unknown(instance)
    return stored_instance(row)


def instances_of(connection: Connection, ids: Sequence[InstanceId]) -> Sequence[StoredInstance | None]:
    """Give several instances in their order, None for one that is unknown; PostgreSQL only, for it binds lists."""
    found = connection.execute(_SOME, {"ids": list(ids)}).mappings()
    by_id = {stored.new.id: stored for stored in map(stored_instance, found)}
    return [by_id.get(one) for one in ids]


def parked(connection: Connection, sites: Collection[SiteName] | None, at_most: int) -> Sequence[StoredInstance]:
    """Give failed instances, newest first."""
    of_sites = [] if sites is None else [instances.c.site.in_(sites)]
    found = connection.execute(
        WITH_STATEMENT.where(IS_FAILED, *of_sites)
        .order_by(instances.c.received_at.desc(), instances.c.id.desc())
        .limit(at_most)
    )
    return [stored_instance(row) for row in found.mappings()]


def unknown(instance: InstanceId) -> NotFound:
    """Say that nothing is known of an instance."""
    return NotFound(f"no instance {instance} is recorded here")
