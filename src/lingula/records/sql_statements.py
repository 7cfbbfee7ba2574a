"""Statements on instances, and the studies that follow them.

Which statement takes effect is decided by `takes_effect`, what a study becomes by `weigh_study`, both pure; here their
answers are read and written, all of one call in one transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Priority, Status
from lingula.records.locks import has_many_writers
from lingula.records.records import Assessment
from lingula.records.rows import STATE_COLUMNS, instance_state, values_of_statement
from lingula.records.study_state import InstanceState, takes_effect, weigh_study
from lingula.records.tables import instances, statements, studies

# Built once: composing a statement costs more than running it.
_KNOWN = select(*STATE_COLUMNS, instances.c.study_id, instances.c.is_stat, instances.c.statement_count)
_KNOWN_OF_STUDIES = _KNOWN.where(instances.c.study_id.in_(bindparam("ids", expanding=True)))
_KNOWN_BESIDE = _KNOWN.where(
    instances.c.study_id.in_(
        select(instances.c.study_id).where(instances.c.id.in_(bindparam("ids", expanding=True))).scalar_subquery()
    )
)
# In one order, so that two who save never wait for each other.
_HOLD_STUDIES = (
    select(studies.c.id)
    .where(
        studies.c.id.in_(
            select(instances.c.study_id).where(instances.c.id.in_(bindparam("ids", expanding=True))).scalar_subquery()
        )
    )
    .order_by(studies.c.id)
    .with_for_update(key_share=True)
)
_ADD_STATEMENTS = statements.insert()
_OF_INSTANCE = ("status", "band", "priority_rank", "probability", "statement_count", "standing_statement")
_SET_INSTANCE = (
    update(instances)
    .where(instances.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in _OF_INSTANCE})
)
_OF_STUDY = ("status", "band", "priority_rank", "deciding_instance_id")
_SET_STUDY = (
    update(studies).where(studies.c.id == bindparam("of_id")).values({name: bindparam(name) for name in _OF_STUDY})
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """An instance as far as statements are concerned."""

    state: InstanceState
    study: StudyId
    is_stat: bool
    statement_count: int

    def after(self, assessment: Assessment) -> "_Known":
        """Give the instance as it is once the statement stands; what the sender called stat stays stat."""
        state = replace(
            self.state,
            status=assessment.status,
            band=assessment.band,
            priority=Priority.STAT if self.is_stat else assessment.priority,
            probability=assessment.probability,
        )
        return replace(self, state=state, statement_count=self.statement_count + 1)


def save_assessments(connection: Connection, assessments: Sequence[Assessment]) -> Collection[InstanceId]:
    """Record the statements that take effect and let their studies follow; give the ids of their instances."""
    ids = [assessment.instance for assessment in assessments]
    hold_studies(connection, ids)
    beside = connection.execute(_KNOWN_BESIDE, {"ids": ids}).mappings()
    known = {one.state.id: one for one in map(_known, beside)}
    made: dict[tuple[InstanceId, int], Assessment] = {}
    for assessment in assessments:
        before = known.get(assessment.instance)
        if before is None or not _is_taken(connection, before.state.status, assessment, made.values()):
            continue
        after = before.after(assessment)
        known[assessment.instance] = after
        made[assessment.instance, after.statement_count] = assessment
    changed = frozenset(instance for instance, _ in made)
    if changed:
        connection.execute(_ADD_STATEMENTS, [values_of_statement(made[key], key[1]) for key in made])
        connection.execute(_SET_INSTANCE, [_values_of_standing(known[instance]) for instance in changed])
        _set_studies(connection, known, {known[instance].study for instance in changed})
    return changed


def hold_studies(connection: Connection, ids: Sequence[InstanceId]) -> None:
    """Let nobody else change what these instances' studies follow from until the transaction ends.

    Every change of an instance's status and of its study is made by whoever holds the study's row. What is read after
    this is what the last one left.
    """
    if has_many_writers(connection):
        connection.execute(_HOLD_STUDIES, {"ids": list(ids)})


def weigh_again(connection: Connection, ids: Collection[StudyId]) -> None:
    """Let studies follow what their instances are now."""
    found = connection.execute(_KNOWN_OF_STUDIES, {"ids": list(ids)}).mappings()
    _set_studies(connection, {one.state.id: one for one in map(_known, found)}, ids)


def _is_taken(connection: Connection, status: Status, assessment: Assessment, made: Iterable[Assessment]) -> bool:
    if status is Status.RECEIVED or assessment.status is Status.FAILED:
        return takes_effect(assessment.status, status, has_result_of_package=False)
    in_this_call = any(
        other.instance == assessment.instance
        and other.package_sha256 == assessment.package_sha256
        and other.status is not Status.FAILED
        for other in made
    )
    has_result = in_this_call or _has_result(connection, assessment)
    return takes_effect(assessment.status, status, has_result_of_package=has_result)


def _has_result(connection: Connection, assessment: Assessment) -> bool:
    package = statements.c.package_sha256
    of_package = package.is_(None) if assessment.package_sha256 is None else package == assessment.package_sha256
    found = select(statements.c.number).where(
        statements.c.instance_id == assessment.instance, of_package, statements.c.status != Status.FAILED.value
    )
    return connection.execute(found.limit(1)).first() is not None


def _known(row: RowMapping) -> _Known:
    return _Known(
        state=instance_state(row),
        study=StudyId(row["study_id"]),
        is_stat=bool(row["is_stat"]),
        statement_count=row["statement_count"],
    )


def _values_of_standing(known: _Known) -> dict[str, object]:
    return {
        "of_id": known.state.id,
        "status": known.state.status.value,
        "band": None if known.state.band is None else known.state.band.value,
        "priority_rank": known.state.priority.rank,
        "probability": known.state.probability,
        "statement_count": known.statement_count,
        "standing_statement": known.statement_count,
    }


def _set_studies(connection: Connection, known: Mapping[InstanceId, _Known], ids: Collection[StudyId]) -> None:
    parts: dict[StudyId, list[InstanceState]] = {study: [] for study in ids}
    for one in known.values():
        if one.study in parts:
            parts[one.study].append(one.state)
    connection.execute(_SET_STUDY, [_values_of_study(study, parts[study]) for study in parts])


def _values_of_study(study: StudyId, parts: Sequence[InstanceState]) -> dict[str, object]:
    state = weigh_study(parts)
    return {
        "of_id": study,
        "status": state.status.value,
        "band": None if state.band is None else state.band.value,
        "priority_rank": state.priority.rank,
        "deciding_instance_id": state.deciding,
    }
