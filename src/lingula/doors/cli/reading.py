"""The worklist's own order, in the form a simulated reading room takes it: the two halves meet only in a door."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingula.training.statistics.reading_queue import ReadingRules


def reading_rules() -> "ReadingRules":
    """Give triage's bands, caps and steps up.

    >>> rules = reading_rules()
    >>> {priority.value: minutes for priority, minutes in rules.caps.items()}
    {'urgent': 60.0, 'routine': 240.0}
    """
    from lingula.radiology.study import Band
    from lingula.training.statistics.reading_queue import ReadingRules
    from lingula.triage.priority import DEFAULT_CAPS, effective_priority, priority_of

    came = datetime(2000, 1, 1, tzinfo=UTC)
    bands: tuple[Band | None, ...] = (*Band, None)
    return ReadingRules(
        priority_of={band: priority_of(band, is_stat=False) for band in bands},
        caps={priority: cap.total_seconds() / 60 for priority, cap in DEFAULT_CAPS.items()},
        promoted={
            priority: effective_priority(priority, came, came + cap + timedelta(seconds=1), DEFAULT_CAPS)
            for priority, cap in DEFAULT_CAPS.items()
        },
    )
