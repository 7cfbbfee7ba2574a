"""A candidate's statements in tables; `lingula.records.shadows.Shadows` says what each method promises."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, func, select, update

from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Status
from lingula.records.reviews import Verdict
from lingula.records.rows import band_of
from lingula.records.shadows import MOST_ATTEMPTS, OpenShadows, ShadowCounts, ShadowPair, ShadowStatement, Side
from lingula.records.sql_instances import insert_unless_there
from lingula.records.tables import instances, shadow_statements, statements, studies
from lingula.records.transactions import Transactions

_LOOKED_AT_ONCE = 256  # open instances read by one look; a candidate is never that far in one go

_SAVED = ("status", "assessed_at", "seconds", "code_version", "reason", "probability", "band", "novelty")
_LIMITS = ("rule_out_threshold", "rule_in_threshold", "package_name", "package_version")
_OF_A_SIDE = ("package_name", "package_version", "status", "probability", "band")
_IS_BEGUN_ONLY = shadow_statements.c.status.is_(None)
_SAVE = (
    update(shadow_statements)
    .where(
        shadow_statements.c.instance_id == bindparam("of_instance"),
        shadow_statements.c.package_sha256 == bindparam("of_package"),
        _IS_BEGUN_ONLY,
    )
    .values({name: bindparam(name) for name in (*_SAVED, *_LIMITS)})
)


class SqlShadows:
    """What a candidate says beside the serving package, in a table of its own."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def open_shadows(
        self, package_sha256: str, since: datetime, *, begun_before: datetime, at_most: int
    ) -> OpenShadows:
        """Give what the candidate has not assessed yet."""
        closed = (
            select(shadow_statements.c.instance_id)
            .where(
                shadow_statements.c.instance_id == instances.c.id,
                shadow_statements.c.package_sha256 == package_sha256,
                ~_may_begin_again(begun_before),
            )
            .exists()
        )
        asked = (
            select(instances.c.id, instances.c.received_at, instances.c.status)
            .where(instances.c.received_at >= since, ~closed)
            .order_by(instances.c.received_at, instances.c.id)
            .limit(max(at_most, _LOOKED_AT_ONCE))
        )
        rows = self._transactions.read(lambda connection: connection.execute(asked).all())
        ready = [InstanceId(row.id) for row in rows if row.status != Status.RECEIVED.value]
        return OpenShadows(instances=ready[:at_most], from_time=rows[0].received_at if rows else None)

    def begin_shadows(
        self, package_sha256: str, instances: Sequence[InstanceId], *, at: datetime, begun_before: datetime
    ) -> Collection[InstanceId]:
        """Note that attempts begin."""

        def begin(connection: Connection) -> Collection[InstanceId]:
            return [one for one in instances if _begin(connection, package_sha256, one, at, begun_before)]

        return self._transactions.write(begin)

    def save_shadows(self, statements: Sequence[ShadowStatement]) -> None:
        """Record statements."""
        if statements:
            values = [_values(statement) for statement in statements]
            self._transactions.write(lambda connection: connection.execute(_SAVE, values))

    def shadow_counts(self, package_sha256: str, since: datetime) -> ShadowCounts:
        """Count how far the candidate has come."""
        arrived = select(func.count()).select_from(instances).where(instances.c.received_at >= since)
        finished = select(func.count(shadow_statements.c.status), func.count()).where(
            shadow_statements.c.package_sha256 == package_sha256, shadow_statements.c.begun_at >= since
        )

        def count(connection: Connection) -> ShadowCounts:
            done, begun = connection.execute(finished).one()
            return ShadowCounts(arrived=connection.execute(arrived).scalar_one(), finished=done, begun=begun - done)

        return self._transactions.read(count)

    def shadow_pairs(self, package_sha256: str, since: datetime) -> Sequence[ShadowPair]:
        """Give the instances with statements of both."""
        asked = _PAIRS.where(
            shadow_statements.c.package_sha256 == package_sha256,
            shadow_statements.c.begun_at >= since,
            statements.c.package_sha256 != package_sha256,
        )
        return [_pair(row) for row in self._transactions.read(lambda one: one.execute(asked).mappings().all())]


_PAIRS = (
    select(
        instances.c.id,
        instances.c.study_id,
        studies.c.verdict,
        studies.c.band.label("study_band"),
        studies.c.reviewed_at,
        *(
            column.label(f"{side}_{column.name}")
            for side, table in (("serving", statements), ("shadow", shadow_statements))
            for column in (
                table.c.package_name,
                table.c.package_version,
                table.c.status,
                table.c.probability,
                table.c.band,
            )
        ),
    )
    .select_from(shadow_statements)
    .join(instances, instances.c.id == shadow_statements.c.instance_id)
    .join(
        statements,
        and_(statements.c.instance_id == instances.c.id, statements.c.number == instances.c.standing_statement),
    )
    .join(studies, studies.c.id == instances.c.study_id)
    .where(~_IS_BEGUN_ONLY)
    .order_by(instances.c.received_at, instances.c.id)
)


def _may_begin_again(begun_before: datetime) -> ColumnElement[bool]:
    return and_(
        _IS_BEGUN_ONLY,
        shadow_statements.c.attempts < MOST_ATTEMPTS,
        shadow_statements.c.begun_at < begun_before,
    )


def _begin(
    connection: Connection, package_sha256: str, instance: InstanceId, at: datetime, begun_before: datetime
) -> bool:
    first = {"instance_id": instance, "package_sha256": package_sha256, "begun_at": at, "attempts": 1}
    insert = insert_unless_there(shadow_statements, connection.dialect.name)
    if connection.execute(insert, first).rowcount == 1:
        return True
    again = (
        update(shadow_statements)
        .where(
            shadow_statements.c.instance_id == instance,
            shadow_statements.c.package_sha256 == package_sha256,
            _may_begin_again(begun_before),
        )
        .values(attempts=shadow_statements.c.attempts + 1, begun_at=at)
    )
    return connection.execute(again).rowcount == 1


def _values(statement: ShadowStatement) -> dict[str, object]:
    return {
        "of_instance": statement.instance,
        "of_package": statement.package_sha256,
        "package_name": statement.package_name,
        "package_version": statement.package_version,
        "status": statement.status.value,
        "assessed_at": statement.assessed_at,
        "seconds": statement.seconds,
        "code_version": statement.code_version,
        "reason": statement.reason,
        "probability": statement.probability,
        "band": None if statement.band is None else statement.band.value,
        "novelty": statement.novelty,
        "rule_out_threshold": statement.rule_out_threshold,
        "rule_in_threshold": statement.rule_in_threshold,
    }


def _pair(row: RowMapping) -> ShadowPair:
    # A verdict given before another radiograph of the study arrived says nothing of that one: the study waits again.
    stands = row["reviewed_at"] is not None and row["verdict"] is not None
    return ShadowPair(
        study=StudyId(row["study_id"]),
        instance=InstanceId(row["id"]),
        serving=_side(row, "serving"),
        shadow=_side(row, "shadow"),
        verdict=Verdict(row["verdict"]) if stands else None,
        band=band_of(row["study_band"]),
    )


def _side(row: RowMapping, side: str) -> Side:
    return Side(
        package=f"{row[f'{side}_package_name']}-{row[f'{side}_package_version']}",
        status=Status(row[f"{side}_status"]),
        probability=row[f"{side}_probability"],
        band=band_of(row[f"{side}_band"]),
    )
