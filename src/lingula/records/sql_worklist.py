"""The worklist and the counts beside it.

The order is computed by the database from `now`, so that a page is right at the moment it is asked for and nothing has
to run in the background to promote whoever waited too long. A priority promotes those before one moment, so the list is
a few stretches of an index that is in the right order already: they are counted, the stretches a page falls into are
merged, and nothing is ever sorted as a whole.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, RowMapping, Subquery, and_, func, literal, select, union_all

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.columns import EPOCH
from lingula.records.records import Summary, WorklistPage, WorklistQuery, WorklistRow
from lingula.records.reviews import Claim, Verdict
from lingula.records.rows import DESCRIPTION_COLUMNS, PRIORITIES, band_of, claim_of, description_of
from lingula.records.tables import IS_FAILED, IS_RECEIVED, IS_UNREVIEWED, instances, statements, studies

# Who waited longer than the cap is read with the next higher priority; `stat` is the sender's word alone.
_PROMOTED: Mapping[Priority, Priority] = MappingProxyType(
    {Priority.ROUTINE: Priority.URGENT, Priority.URGENT: Priority.ASAP}
)


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """Studies that are read with one effective priority and lie in order of arrival in one index."""

    effective_rank: int
    condition: ColumnElement[bool]


def worklist_page(connection: Connection, query: WorklistQuery) -> WorklistPage:
    """Give a page in reading order: effective priority, then arrival, then id."""
    stretches = list(_stretches(query))
    if not stretches:
        return WorklistPage(rows=[], total=0)
    number_of = _count_by_rank(connection, stretches)
    first = (max(query.page, 1) - 1) * query.page_size
    total = sum(number_of.values())
    ranks, before = _ranks_on_page(number_of, first, query.page_size)
    touched = [stretch for stretch in stretches if stretch.effective_rank in ranks]
    if not touched:
        return WorklistPage(rows=[], total=total)
    page = _merged(touched, skip=first - before, size=query.page_size)
    found = connection.execute(
        _ROWS.add_columns(page.c.effective_rank)
        .select_from(_JOINED.join(page, page.c.id == studies.c.id))
        .order_by(page.c.effective_rank, studies.c.received_at, studies.c.id)
    )
    return WorklistPage(rows=[_row(row, query.now) for row in found.mappings()], total=total)


def _stretches(query: WorklistQuery) -> Iterator[_Stretch]:
    halves = {False: [IS_UNREVIEWED], True: [~IS_UNREVIEWED], None: [IS_UNREVIEWED, ~IS_UNREVIEWED]}
    for half in halves[query.is_reviewed]:
        for priority in Priority if query.priority is None else [query.priority]:
            asked = and_(half, studies.c.priority_rank == priority.rank, *_asked(query))
            higher, cap = _PROMOTED.get(priority), query.caps.get(priority)
            if higher is None or cap is None:
                yield _Stretch(effective_rank=priority.rank, condition=asked)
                continue
            moment = _before(query.now, cap)
            yield _Stretch(effective_rank=higher.rank, condition=and_(asked, studies.c.received_at < moment))
            yield _Stretch(effective_rank=priority.rank, condition=and_(asked, studies.c.received_at >= moment))


def _asked(query: WorklistQuery) -> Iterator[ColumnElement[bool]]:
    if query.status is not None:
        yield studies.c.status == query.status.value
    if query.band is not None:
        yield studies.c.band == query.band.value
    if query.sites is not None:
        yield studies.c.site.in_(query.sites)
    if query.text:
        yield studies.c.id.startswith(query.text.strip().lower(), autoescape=True)


def _count_by_rank(connection: Connection, stretches: Sequence[_Stretch]) -> dict[int, int]:
    counts = (
        select(literal(stretch.effective_rank).label("effective_rank"), func.count().label("number"))
        .select_from(studies)
        .where(stretch.condition)
        for stretch in stretches
    )
    number_of: dict[int, int] = {}
    for rank, number in connection.execute(union_all(*counts)):
        number_of[rank] = number_of.get(rank, 0) + number
    return number_of


def _ranks_on_page(number_of: Mapping[int, int], first: int, size: int) -> tuple[Sequence[int], int]:
    """Give the ranks that the page from `first` shows some of, and how many studies the ranks before them have."""
    ranks: list[int] = []
    before = passed = 0
    for rank in sorted(number_of):
        begins, passed = passed, passed + number_of[rank]
        if passed <= first:
            before = passed
        elif begins < first + size:
            ranks.append(rank)
    return ranks, before


def _merged(stretches: Sequence[_Stretch], skip: int, size: int) -> Subquery:
    """Merge the beginnings of stretches, each as long as the page could need, and cut the page out."""
    beginnings = (
        select(studies.c.id, studies.c.received_at, literal(stretch.effective_rank).label("effective_rank"))
        .where(stretch.condition)
        .order_by(studies.c.received_at, studies.c.id)
        .limit(skip + size)
        .subquery()
        for stretch in stretches
    )
    merged = union_all(*(select(beginning) for beginning in beginnings)).subquery()
    return (
        select(merged.c.id, merged.c.effective_rank)
        .order_by(merged.c.effective_rank, merged.c.received_at, merged.c.id)
        .limit(size)
        .offset(skip)
        .subquery("page")
    )


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
    statements.c.rule_out_threshold,
    statements.c.rule_in_threshold,
    statements.c.novelty,
    statements.c.reason,
    statements.c.assessed_at,
)


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
        rule_out_threshold=row["rule_out_threshold"],
        rule_in_threshold=row["rule_in_threshold"],
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
