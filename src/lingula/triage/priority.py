"""In which order studies are read, and why each one is where it is.

The sender's `stat` comes first, then what the model says; an instance without a statement is urgent, so that an error
never looks like a negative. Within a priority who waits longest is first. So that nobody waits for ever behind newer,
worse-looking studies, whoever has waited longer than the cap of their priority is read with the next higher one, but
never among those the sender marked `stat`.

References
----------
Default caps: NICE QS110 statement 2 wants chest X-ray and antibiotic within 4 hours of presentation, so after 4 hours
even an unlikely study is read as urgent, and an urgent one after a quarter of that, which leaves time to treat.
Starvation by AI worklists: Baltruschat et al., *Eur Radiol* 2021;31:3837 (a maximum waiting time mends it).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from lingula.radiology.study import Band, Priority, Status
from lingula.records.records import WorklistRow

Caps = Mapping[Priority, timedelta]

DEFAULT_CAPS: Caps = {Priority.URGENT: timedelta(hours=1), Priority.ROUTINE: timedelta(hours=4)}

_LEAST_CERTAIN, _MOST_CERTAIN = 0.01, 0.99  # what two digits can say without saying never or always

_BY_BAND = {Band.LIKELY: Priority.ASAP, Band.UNSURE: Priority.URGENT, Band.UNLIKELY: Priority.ROUTINE}
_NEXT_HIGHER = {Priority.ROUTINE: Priority.URGENT, Priority.URGENT: Priority.ASAP}


def priority_of(band: Band | None, *, is_stat: bool) -> Priority:
    """Give the priority of one instance; `band` is None where there is no statement."""
    if is_stat:
        return Priority.STAT
    return Priority.URGENT if band is None else _BY_BAND[band]


def effective_priority(priority: Priority, received_at: datetime, now: datetime, caps: Caps) -> Priority:
    """Give the priority a study is read with after its wait is counted; one step up at most.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> effective_priority(Priority.ROUTINE, now - timedelta(hours=5), now, DEFAULT_CAPS).value
    'urgent'
    """
    cap = caps.get(priority)
    if cap is None or now - received_at <= cap:
        return priority
    return _NEXT_HIGHER.get(priority, priority)


def why(row: WorklistRow, now: datetime, caps: Caps) -> str:
    """Say in one sentence why a study is where it is on the worklist."""
    waited = now - row.received_at
    reason = _reason(row)
    if effective_priority(row.priority, row.received_at, now, caps) is row.priority:
        return f"{reason}; waiting {words(waited)}."
    cap = caps[row.priority]
    return (
        f"{reason}; waiting {words(waited)}, longer than {words(cap)} for {row.priority}, "
        f"so it is read as {_NEXT_HIGHER[row.priority]}."
    )


def _reason(row: WorklistRow) -> str:
    if row.priority is Priority.STAT:
        return "The sender marked it stat"
    reason = row.reason or "no reason recorded"
    match row.status:
        case Status.RECEIVED:
            return "Not assessed yet"
        case Status.FAILED:
            return f"Could not be assessed ({reason})"
        case Status.NOT_ELIGIBLE:
            return f"Not eligible for assessment ({reason})"
    probability = "" if row.probability is None else f" (probability {probability_words(row.probability)})"
    return f"Pneumonia {row.band or 'not rated'}{probability}"


def probability_words(probability: float) -> str:
    """Write a probability with two digits, and never as certainty.

    >>> probability_words(0.934), probability_words(0.9999), probability_words(0.0001)
    ('0.93', 'above 0.99', 'below 0.01')
    """
    if probability > _MOST_CERTAIN:
        return f"above {_MOST_CERTAIN:.2f}"
    return f"{probability:.2f}" if probability >= _LEAST_CERTAIN else f"below {_LEAST_CERTAIN:.2f}"


def words(duration: timedelta) -> str:
    """Write a duration as people say it.

    >>> words(timedelta(minutes=125)), words(timedelta(seconds=20)), words(timedelta(days=2, hours=3))
    ('2 h 5 min', 'less than a minute', '2 d 3 h')
    """
    minutes = int(duration.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (rest, "min")]
    shown = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(shown)
