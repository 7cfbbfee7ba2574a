"""What happened, in the order it was recorded."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, select

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.records.locks import Lock, take
from lingula.records.records import TimelineEntry
from lingula.records.tables import timeline

NEWEST_ONLY = -1
_ADD = timeline.insert().inline()  # built once: composing a statement costs more than running it


def add_timeline(connection: Connection, entries: Sequence[TimelineEntry]) -> None:
    """Add what happened; numbers are given in the order of `entries`.

    Whoever adds waits for others that do, from before its numbers are given until it is committed: so no smaller number
    ever appears after a greater one, and who follows from where they stopped misses nothing.
    """
    if entries:
        take(connection, Lock.TIMELINE)
        connection.execute(_ADD, [_values(entry) for entry in entries])


def timeline_after(
    connection: Connection, after: int, sites: Collection[SiteName] | None, at_most: int
) -> Sequence[TimelineEntry]:
    """Give entries with a greater number, oldest first, or only the newest."""
    asked = select(timeline) if sites is None else select(timeline).where(timeline.c.site.in_(sites))
    if after == NEWEST_ONLY:
        asked = asked.order_by(timeline.c.number.desc()).limit(min(at_most, 1))
    else:
        asked = asked.where(timeline.c.number > after).order_by(timeline.c.number).limit(at_most)
    return [_entry(row) for row in connection.execute(asked).mappings()]


def timeline_of_study(connection: Connection, study: StudyId) -> Sequence[TimelineEntry]:
    """Give all that happened to a study."""
    asked = select(timeline).where(timeline.c.study_id == study).order_by(timeline.c.number)
    return [_entry(row) for row in connection.execute(asked).mappings()]


def _values(entry: TimelineEntry) -> dict[str, object]:
    return {
        "action": entry.action,
        "at": entry.at,
        "site": entry.site,
        "study_id": entry.study,
        "instance_id": entry.instance,
        "detail": json.dumps(dict(entry.detail), ensure_ascii=False, separators=(",", ":")),
    }


def _entry(row: RowMapping) -> TimelineEntry:
    return TimelineEntry(
        action=row["action"],
        at=row["at"],
        site=None if row["site"] is None else SiteName(row["site"]),
        study=None if row["study_id"] is None else StudyId(row["study_id"]),
        instance=None if row["instance_id"] is None else InstanceId(row["instance_id"]),
        detail=json.loads(row["detail"]),
        number=row["number"],
    )
