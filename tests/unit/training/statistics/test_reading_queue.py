import math
from datetime import UTC, datetime, timedelta

import pytest
from made.outcomes import made_outcomes

from lingula.doors.cli.reading import reading_rules
from lingula.errors import TrainingError
from lingula.radiology.study import Band, Priority
from lingula.training.statistics.intervals import mean_interval
from lingula.training.statistics.reading_queue import (
    BY_PRIORITY,
    FIRST_COME,
    WITH_CAP,
    CaseMix,
    OrderMeasured,
    ReadingRoom,
    Traffic,
    simulate_reading,
)
from lingula.triage.priority import DEFAULT_CAPS, effective_priority

RULES = reading_rules()
PERFECT = CaseMix(positives={Band.LIKELY: 1}, negatives={Band.UNLIKELY: 1})
REAL = CaseMix(
    positives={Band.LIKELY: 80, Band.UNSURE: 15, Band.UNLIKELY: 4, None: 1},
    negatives={Band.LIKELY: 5, Band.UNSURE: 20, Band.UNLIKELY: 74, None: 1},
)


def order(room: ReadingRoom, name: str) -> OrderMeasured:
    return next(each for each in room.orders if each.order == name)


def close(found: float, expected: float) -> bool:
    return abs(found / expected - 1) < 0.06


def test_waits_are_cobhams_where_positives_and_negatives_are_two_priorities() -> None:
    traffic = Traffic(arrivals=8.4, reading_minutes=5, prevalence=0.3, studies=6000, replications=20)

    room = simulate_reading(PERFECT, RULES, traffic)

    load, ill = 0.7, 0.7 * 0.3
    rest = load * 5  # what is left of the radiograph being read: arrivals times half the mean square of reading time
    plain, ranked = order(room, FIRST_COME), order(room, BY_PRIORITY)
    assert room.utilisation == pytest.approx(load)
    assert close(plain.positives.mean.value, rest / (1 - load))
    assert close(plain.negatives.mean.value, rest / (1 - load))
    assert close(ranked.positives.mean.value, rest / (1 - ill))
    assert close(ranked.negatives.mean.value, rest / (1 - ill) / (1 - load))
    assert close(ranked.saved.value, rest / (1 - load) - rest / (1 - ill))


def test_fixed_reading_times_halve_the_wait() -> None:
    traffic = Traffic(arrivals=8.4, reading="fixed", studies=6000, replications=20)

    room = simulate_reading(REAL, RULES, traffic)

    assert close(order(room, FIRST_COME).negatives.mean.value, 0.7 * 5 / 2 / 0.3)  # Pollaczek and Khinchine


def test_several_readers_wait_as_erlang_says() -> None:
    traffic = Traffic(arrivals=25.2, readers=3, studies=6000, replications=20)

    room = simulate_reading(REAL, RULES, traffic)

    busy = 2.1  # readers on average
    all_busy = busy**3 / 6 / 0.3
    waits = all_busy / (sum(busy**number / math.factorial(number) for number in range(3)) + all_busy)
    assert close(order(room, FIRST_COME).negatives.mean.value, waits * 5 / (3 - busy))


def test_a_cap_shortens_the_longest_wait_and_spares_most_of_what_priority_saves() -> None:
    room = simulate_reading(REAL, RULES, Traffic(arrivals=11.6, studies=1500, replications=20))

    plain, ranked, capped = (order(room, name) for name in (FIRST_COME, BY_PRIORITY, WITH_CAP))
    assert plain.saved.value == 0
    assert ranked.saved.low > 0
    assert capped.saved.low > 0
    assert ranked.positives.mean.value < capped.positives.mean.value < plain.positives.mean.value
    assert plain.negatives.mean.value < ranked.negatives.mean.value
    assert capped.negatives.longest.value < ranked.negatives.longest.value
    assert 0.05 < room.beyond_cap < 0.9
    assert ranked.missed is not None
    assert ranked.missed.mean.value > ranked.positives.mean.value


def test_the_order_never_changes_how_much_is_waited_in_all() -> None:
    mix = CaseMix(positives=REAL.positives, negatives=REAL.positives)
    room = simulate_reading(mix, RULES, Traffic(arrivals=9, prevalence=0.5, reading="fixed", replications=10))

    means = [(each.positives.mean.value + each.negatives.mean.value) / 2 for each in room.orders]
    assert means[1] == pytest.approx(means[0], rel=0.03)  # where reading times are equal, orders only swap places
    assert means[2] == pytest.approx(means[0], rel=0.03)


def test_the_rules_are_the_worklists_own() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    assert RULES.priority_of == {
        Band.LIKELY: Priority.ASAP,
        Band.UNSURE: Priority.URGENT,
        Band.UNLIKELY: Priority.ROUTINE,
        None: Priority.URGENT,
    }
    for priority in (Priority.URGENT, Priority.ROUTINE):
        for minutes in (0, 59, 61, 239, 241, 5000):
            waited = timedelta(minutes=minutes)
            said = RULES.promoted[priority] if minutes > RULES.caps[priority] else priority
            assert said is effective_priority(priority, start, start + waited, DEFAULT_CAPS)


def test_the_mix_is_counted_from_outcomes() -> None:
    outcomes = made_outcomes(200)

    mix = CaseMix.of(outcomes)

    assert sum(mix.positives.values()) == sum(entry.label == 1 for entry in outcomes)
    assert mix.negatives[Band.LIKELY] == sum(entry.label == 0 and entry.band is Band.LIKELY for entry in outcomes)
    with pytest.raises(TrainingError, match="both labels"):
        CaseMix.of([entry for entry in outcomes if entry.label == 1])


def test_the_same_seed_gives_the_same_waits() -> None:
    traffic = Traffic(arrivals=10, studies=200, replications=3)

    assert simulate_reading(REAL, RULES, traffic) == simulate_reading(REAL, RULES, traffic)


def test_a_reading_room_that_cannot_be_is_refused() -> None:
    with pytest.raises(TrainingError, match="12 radiographs an hour keep 1 readers busy 100%"):
        simulate_reading(REAL, RULES, Traffic(arrivals=12))
    with pytest.raises(TrainingError, match="prevalence between 0 and 1"):
        simulate_reading(REAL, RULES, Traffic(arrivals=1, prevalence=1))


def test_an_interval_of_one_repetition_is_refused() -> None:
    with pytest.raises(TrainingError, match="at least two"):
        mean_interval([1.0])
