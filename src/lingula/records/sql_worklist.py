"""The worklist and the counts beside it.

The order is computed by the database from `now`, so that a page is right at the moment it is asked for and nothing has
to run in the background to promote whoever waited too long.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, func, select

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.columns import EPOCH
from lingula.records.records import Claim, Summary, Verdict, WorklistPage, WorklistQuery, WorklistRow
from lingula.records.rows import DESCRIPTION_COLUMNS, PRIORITIES, band_of, claim_of, description_of
from lingula.records.tables import IS_FAILED, IS_RECEIVED, IS_UNREVIEWED, instances, statements, studies

# Who waited longer than the cap is read with the next higher priority; `stat` is the sender's word alone.
_PROMOTED: Mapping[Priority, Priority] = MappingProxyType(
    {Priority.ROUTINE: Priority.URGENT, Priority.URGENT: Priority.ASAP}
)


def worklist_page(connection: Connection, query: WorklistQuery) -> WorklistPage:
    """Give a page in reading order: effective priority, then arrival, then id."""
    asked = _asked(query)
    total = connection.execute(select(func.count()).select_from(studies).where(*asked)).scalar_one()
    effective = _effective_rank(query).label("effective_rank")
    order = (effective, studies.c.received_at, studies.c.id)
    page = (
        select(studies.c.id.label("page_id"), effective)
        .where(*asked)
        .order_by(*order)
        .limit(query.page_size)
        .offset((max(query.page, 1) - 1) * query.page_size)
        .subquery("page")
    )
    found = connection.execute(
        _ROWS.add_columns(page.c.effective_rank)
        .select_from(_JOINED.join(page, page.c.page_id == studies.c.id))
        .order_by(page.c.effective_rank, studies.c.received_at, studies.c.id)
    )
    return WorklistPage(rows=[_row(row, query.now) for row in found.mappings()], total=total)


_JOINED = studies.join(instances, instances.c.id == studies.c.deciding_instance_id).outerjoin(
    statements,
    and_(statements.c.instance_id == instances.c.id, statements.c.number == instances.c.standing_statement),
)
_ROWS = select(
    *(column.label(f"study_{column.name}") for column in studies.c if not column.name.startswith("claimed")),
    studies.c.claimed_by,
    studies.c.claimed_until,
    *DESCRIPTION_COLUMNS,
    statements.c.probability,
    statements.c.novelty,
    statements.c.reason,
    statements.c.assessed_at,
)


def _asked(query: WorklistQuery) -> list[ColumnElement[bool]]:
    wanted = {
        studies.c.status: query.status,
        studies.c.band: query.band,
        studies.c.priority_rank: None if query.priority is None else query.priority.rank,
    }
    asked = [column == value for column, value in wanted.items() if value is not None]
    if query.is_reviewed is not None:
        asked.append(~IS_UNREVIEWED if query.is_reviewed else IS_UNREVIEWED)
    if query.sites is not None:
        asked.append(studies.c.site.in_(query.sites))
    if query.text:
        asked.append(studies.c.id.startswith(query.text.strip().lower(), autoescape=True))
    return asked


def _effective_rank(query: WorklistQuery) -> ColumnElement[int]:
    promoted = [
        (
            and_(studies.c.priority_rank == priority.rank, studies.c.received_at < _before(query.now, cap)),
            higher.rank,
        )
        for priority, higher in _PROMOTED.items()
        if (cap := query.caps.get(priority)) is not None
    ]
    return case(*promoted, else_=studies.c.priority_rank) if promoted else studies.c.priority_rank + 0


def _before(now: datetime, cap: timedelta) -> datetime:
    return EPOCH if cap > now - EPOCH else now - cap  # no cap reaches before 1970


def _row(row: RowMapping, now: datetime) -> WorklistRow:
    return WorklistRow(
        study=StudyId(row["study_id"]),
        site=SiteName(row["study_site"]),
        status=Status(row["study_status"]),
        band=band_of(row["study_band"]),
        priority=PRIORITIES[row["study_priority_rank"]],
        effective_priority=PRIORITIES[row["effective_rank"]],
        probability=row["probability"],
        novelty=row["novelty"],
        reason=row["reason"],
        received_at=row["study_received_at"],
        assessed_at=row["assessed_at"],
        instances=row["study_instance_count"],
        first_instance=InstanceId(row["study_deciding_instance_id"]),
        description=description_of(row),
        claim=_lasting(claim_of(row), now),
        verdict=None if row["study_verdict"] is None else Verdict(row["study_verdict"]),
    )


def _lasting(claim: Claim | None, now: datetime) -> Claim | None:
    return claim if claim is not None and claim.until > now else None


def summary_of(connection: Connection, sites: Collection[SiteName] | None) -> Summary:
    """Count what is known of these sites."""
    of_sites = [] if sites is None else [studies.c.site.in_(sites)]
    of_their_instances = [] if sites is None else [instances.c.site.in_(sites)]
    groups = connection.execute(
        select(
            studies.c.status,
            studies.c.band,
            studies.c.priority_rank,
            func.count().label("number"),
            func.min(studies.c.received_at).label("oldest"),
        )
        .where(IS_UNREVIEWED, *of_sites)
        .group_by(studies.c.status, studies.c.band, studies.c.priority_rank)
    ).all()
    reviewed = select(func.count()).select_from(studies).where(~IS_UNREVIEWED, *of_sites)
    failed = select(func.count()).select_from(instances).where(IS_FAILED, *of_their_instances)
    waiting = select(func.min(instances.c.received_at)).where(IS_RECEIVED, *of_their_instances)
    return Summary(
        by_status={status: sum(g.number for g in groups if g.status == status) for status in Status},
        by_band={band: sum(g.number for g in groups if g.band == band) for band in Band},
        by_priority={one: sum(g.number for g in groups if g.priority_rank == one.rank) for one in Priority},
        parked=connection.execute(failed).scalar_one(),
        unreviewed=sum(group.number for group in groups),
        reviewed=connection.execute(reviewed).scalar_one(),
        oldest_received_at=min((group.oldest for group in groups), default=None),
        oldest_unassessed_at=connection.execute(waiting).scalar_one(),
    )
