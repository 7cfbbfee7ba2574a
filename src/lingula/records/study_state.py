"""What the instances of a study decide together: pure, so that it can be read and tested on one page.

A study is as urgent as its most urgent instance. One that waits for its assessment counts as urgent, so an unassessed
radiograph never stands below one found unlikely.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Band, Priority, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceState:
    """What one instance contributes."""

    id: InstanceId
    status: Status
    priority: Priority
    received_at: datetime
    band: Band | None = None
    probability: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyState:
    """What they decide; `deciding` is the instance shown for the study."""

    status: Status
    band: Band | None
    priority: Priority
    deciding: InstanceId


_HIGHEST_BAND_FIRST = (Band.LIKELY, Band.UNSURE, Band.UNLIKELY)
# Whoever still waits holds the study open; a failure must not hide behind a success.
_DECIDING_STATUS_FIRST = (Status.RECEIVED, Status.FAILED, Status.ASSESSED, Status.NOT_ELIGIBLE)


def waiting_priority(*, is_stat: bool) -> Priority:
    """Give the priority of an instance that has not been assessed yet."""
    return Priority.STAT if is_stat else Priority.URGENT


def weigh_study(instances: Sequence[InstanceState]) -> StudyState:
    """Take the highest of the instances; there is at least one."""
    statuses = {instance.status for instance in instances}
    bands = {instance.band for instance in instances}
    deciding = min(instances, key=_place)
    return StudyState(
        status=next(status for status in _DECIDING_STATUS_FIRST if status in statuses),
        band=next((band for band in _HIGHEST_BAND_FIRST if band in bands), None),
        priority=deciding.priority,
        deciding=deciding.id,
    )


def _place(instance: InstanceState) -> tuple[int, float, datetime, InstanceId]:
    # Smallest rank, then highest probability, then earliest; the id makes the order total.
    probability = -1.0 if instance.probability is None else instance.probability
    return instance.priority.rank, -probability, instance.received_at, instance.id


def takes_effect(statement: Status, standing: Status, *, has_result_of_package: bool) -> bool:
    """Say whether a statement changes an instance.

    Exactly one result by each package: a late second one, from a worker whose lease had ended, changes nothing. A
    failure is no result: it never replaces one, and any result replaces it.

    Parameters
    ----------
    statement
        The status the statement gives.
    standing
        The instance's status now.
    has_result_of_package
        Whether the same package has already given a result for the instance.
    """
    if standing is Status.RECEIVED:
        return True
    return statement is not Status.FAILED and not has_result_of_package
