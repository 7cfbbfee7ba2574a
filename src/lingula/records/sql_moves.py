"""Carrying records in tables; `lingula.records.moves.Moves` says what each method promises."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, union, update

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Status
from lingula.records.account_tables import accesses, sites, users
from lingula.records.locks import Lock, take
from lingula.records.moves import KeptOriginal, Log, LogRows, Row, StudyRows, Taken
from lingula.records.sql_instances import insert_unless_there
from lingula.records.tables import installation, instances, reviews, shadow_statements, statements, studies, timeline
from lingula.records.transactions import Transactions

_KEY = "key"
_OF_A_STUDY = (studies, instances, statements, shadow_statements, reviews)  # each after those it refers to
# What tells who knows more; a candidate's statements do not count, since nothing follows from them.
_TELLING = (instances, statements, reviews)
_LOGS = {Log.TIMELINE: timeline, Log.ACCESSES: accesses}
_SENDER = "site:"  # how the access log names a hospital that sent


class SqlMoves:
    """What gives and takes a site's rows."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def known_key(self) -> bytes | None:
        """Give the installation's key if there is one yet."""
        return self._transactions.read(_key)

    def take_key(self, key: bytes) -> None:
        """Go on with another installation's key."""
        self._transactions.write(lambda connection: _take_key(connection, key))

    def site_names(self) -> Sequence[SiteName]:
        """Give every site of which anything is known."""
        asked = union(select(sites.c.name), select(studies.c.site))
        found = self._transactions.read(lambda connection: connection.execute(asked).scalars().all())
        return sorted(SiteName(name) for name in found)

    def study_ids(self, site: SiteName, after: StudyId | None, at_most: int) -> Sequence[StudyId]:
        """Give a site's studies in the order of their ids."""
        asked = select(studies.c.id).where(studies.c.site == site).order_by(studies.c.id).limit(at_most)
        if after is not None:
            asked = asked.where(studies.c.id > after)
        return [StudyId(one) for one in self._transactions.read(lambda some: some.execute(asked).scalars().all())]

    def count_studies(self, site: SiteName) -> int:
        """Count a site's studies."""
        asked = select(func.count()).select_from(studies).where(studies.c.site == site)
        return self._transactions.read(lambda connection: connection.execute(asked).scalar_one())

    def give_study(self, study: StudyId) -> StudyRows:
        """Give all of a study."""
        rows = self._transactions.read(lambda connection: _rows_of(connection, study))
        if not rows[studies.name]:
            raise NotFound(f"no study {study} is recorded here")
        originals = [
            KeptOriginal(instance=InstanceId(str(row["id"])), key=str(row["store_key"]), sha256=str(row["sha256"]))
            for row in rows[instances.name]
        ]
        return StudyRows(study=study, rows=rows, originals=originals)

    def lacks(self, given: StudyRows) -> Taken:
        """Tell what would be taken."""
        return self._transactions.read(lambda connection: _compared(_rows_of(connection, given.study), given.rows))

    def take_study(self, given: StudyRows) -> Taken:
        """Take a study."""
        return self._transactions.write(lambda connection: _take_study(connection, given))

    def give_log(self, log: Log, site: SiteName | None, after: int, at_most: int) -> LogRows:
        """Give what a log says of a site."""
        table = _LOGS[log]
        asked = select(table).where(table.c.number > after).order_by(table.c.number).limit(at_most)

        def give(connection: Connection) -> LogRows:
            rows = [dict(row) for row in connection.execute(asked).mappings()]
            site_of = _sites_of_lines(connection, log, rows)
            of_site = [row for row, owner in zip(rows, site_of, strict=True) if owner == site]
            return LogRows(rows=of_site, up_to=_number(rows[-1]) if rows else None)

        return self._transactions.read(give)

    def taken_up_to(self, log: Log, site: SiteName | None) -> int:
        """Tell how far a log has been taken."""
        return self._transactions.read(lambda connection: _taken_up_to(connection, log, site))

    def take_log(self, log: Log, site: SiteName | None, given: LogRows) -> None:
        """Add lines."""
        self._transactions.write(lambda connection: _take_log(connection, log, site, given))


def _key(connection: Connection) -> bytes | None:
    return connection.execute(select(installation.c.value).where(installation.c.name == _KEY)).scalar_one_or_none()


def _take_key(connection: Connection, key: bytes) -> None:
    take(connection, Lock.BINDINGS)
    own = _key(connection)
    if own == key:
        return
    for table in (studies, instances, sites, users):
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise Conflict(
                "the records to move to belong to another installation, whose ids are made with another key; name a "
                "new database, or one that this installation was moved to before"
            )
    connection.execute(insert_unless_there(installation, connection.dialect.name), {"name": _KEY, "value": key})
    connection.execute(update(installation).where(installation.c.name == _KEY).values(value=key))


def _rows_of(connection: Connection, study: StudyId) -> dict[str, list[Row]]:
    of_instances = select(instances.c.id).where(instances.c.study_id == study)
    which: dict[str, ColumnElement[bool]] = {
        studies.name: studies.c.id == study,
        instances.name: instances.c.study_id == study,
        statements.name: statements.c.instance_id.in_(of_instances),
        shadow_statements.name: shadow_statements.c.instance_id.in_(of_instances),
        reviews.name: reviews.c.study_id == study,
    }
    return {
        table.name: [dict(row) for row in connection.execute(select(table).where(which[table.name])).mappings()]
        for table in _OF_A_STUDY
    }


def _compared(there: Mapping[str, Sequence[Row]], given: Mapping[str, Sequence[Row]]) -> Taken:
    if not there[studies.name]:
        return Taken.NEW
    known, told = (
        {(table.name, *_primary(table, row)) for table in _TELLING for row in rows[table.name]}
        for rows in (there, given)
    )
    if known - told:
        return Taken.AHEAD
    return Taken.RENEWED if told - known or _is_reopened(there, given) else Taken.THERE


def _is_reopened(there: Mapping[str, Sequence[Row]], given: Mapping[str, Sequence[Row]]) -> bool:
    """Say whether a failure was set back where it comes from; the other place cannot have failed it since by itself.

    Setting back adds no row. A failure at the place that takes would have added a statement, which is looked at before.
    """
    failed = {row["id"] for row in there[instances.name] if row["status"] == Status.FAILED.value}
    return any(row["id"] in failed and row["status"] == Status.RECEIVED.value for row in given[instances.name])


def _primary(table: Table, row: Row) -> tuple[object, ...]:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _take_study(connection: Connection, given: StudyRows) -> Taken:
    held = select(studies.c.id).where(studies.c.id == given.study).with_for_update()
    connection.execute(held).all()
    there = _rows_of(connection, given.study)
    outcome = _compared(there, given.rows)
    if outcome is Taken.RENEWED:
        of_instances = [row["id"] for row in there[instances.name]]
        for table in (statements, shadow_statements):
            connection.execute(delete(table).where(table.c.instance_id.in_(of_instances)))
        connection.execute(delete(reviews).where(reviews.c.study_id == given.study))
        connection.execute(delete(instances).where(instances.c.study_id == given.study))
        connection.execute(delete(studies).where(studies.c.id == given.study))
    if outcome in {Taken.NEW, Taken.RENEWED}:
        for table in _OF_A_STUDY:
            if rows := given.rows[table.name]:
                connection.execute(table.insert().inline(), [dict(row) for row in rows])
    return outcome


def _sites_of_lines(connection: Connection, log: Log, rows: Sequence[Row]) -> list[SiteName | None]:
    """Give the site each line belongs to: said by the line, by who sent, or by what was looked at."""
    if log is Log.TIMELINE:
        return [None if row["site"] is None else SiteName(str(row["site"])) for row in rows]
    known = _sites_of_ids(connection, {str(row["resource"]) for row in rows})
    return [_sender(str(row["who"])) or known.get(str(row["resource"])) for row in rows]


def _sender(who: str) -> SiteName | None:
    return SiteName(who.removeprefix(_SENDER)) if who.startswith(_SENDER) else None


def _sites_of_ids(connection: Connection, ids: Collection[str]) -> dict[str, SiteName]:
    asked = (select(table.c.id, table.c.site).where(table.c.id.in_(ids)) for table in (studies, instances))
    return {row.id: SiteName(row.site) for one in asked for row in connection.execute(one)}


def _number(row: Row) -> int:
    number = row["number"]
    assert isinstance(number, int)  # noqa: S101  # for mypy; the column holds nothing else
    return number


def _marker(log: Log, site: SiteName | None) -> str:
    return f"moved {log}" if site is None else f"moved {log} of {site}"


def _taken_up_to(connection: Connection, log: Log, site: SiteName | None) -> int:
    asked = select(installation.c.value).where(installation.c.name == _marker(log, site))
    found = connection.execute(asked).scalar_one_or_none()
    return 0 if found is None else int(found)


def _take_log(connection: Connection, log: Log, site: SiteName | None, given: LogRows) -> None:
    if given.up_to is None:
        return
    take(connection, Lock.TIMELINE)
    if _taken_up_to(connection, log, site) >= given.up_to:
        return  # somebody else carries the same site at the same time
    if given.rows:
        own = [{name: value for name, value in row.items() if name != "number"} for row in given.rows]
        connection.execute(_LOGS[log].insert().inline(), own)
    name, value = _marker(log, site), str(given.up_to).encode()
    connection.execute(insert_unless_there(installation, connection.dialect.name), {"name": name, "value": value})
    connection.execute(update(installation).where(installation.c.name == name).values(value=value))
