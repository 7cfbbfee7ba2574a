"""How long who waits for a doctor: first come first, by priority, and by priority with a cap on waiting.

A simulation of a reading room with the package's own bands: radiographs arrive at random, each shows pneumonia with the
prevalence of the place and has the band the package gave to radiographs of its label, doctors read one after the other.
All three orders read the same radiographs. Nothing is interrupted: who is being read is read to the end.

References
----------
Cobham A, Operations Research 1954;2:70 (the closed form this is tested against); Baltruschat I et al., Eur Radiol
2021;31:3837 (priority alone lets some wait for ever, a cap mends it); Thompson YLE et al., QuCAD, 2024 (what the FDA
measures: the wait of the ill with the device less that without).
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate
from lingula.radiology.study import Band, Priority
from lingula.training.data.outcomes import Outcome
from lingula.training.statistics.intervals import mean_interval

FIRST_COME, BY_PRIORITY, WITH_CAP = "first come", "by priority", "by priority with a cap"
_WARM_UP = 0.2  # of the radiographs arrive before counting begins, since every queue starts empty


@dataclass(frozen=True, kw_only=True)
class ReadingRules:
    """The worklist's order; triage's own, handed in by the door.

    Parameters
    ----------
    priority_of
        What a band means for reading; None is a radiograph without a statement.
    caps
        After how many minutes a priority is read with the next higher one.
    promoted
        Which one that is.
    """

    priority_of: Mapping[Band | None, Priority]
    caps: Mapping[Priority, float]
    promoted: Mapping[Priority, Priority]


@dataclass(frozen=True, kw_only=True)
class CaseMix:
    """How often radiographs of each label fell into each band, None being without a statement."""

    positives: Mapping[Band | None, int]
    negatives: Mapping[Band | None, int]

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Self:
        """Count outcomes; raises `TrainingError` if a label is missing."""
        counted = {label: Counter[Band | None]() for label in (0, 1)}
        for entry in outcomes:
            if entry.label is not None:
                counted[entry.label][entry.band] += 1
        if not all(counted.values()):
            raise TrainingError("a reading room can be simulated only from radiographs of both labels")
        return cls(positives=counted[1], negatives=counted[0])


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What arrives and who reads.

    Parameters
    ----------
    arrivals
        Radiographs per hour, at random times (Poisson).
    reading_minutes
        Of one radiograph by one reader, on average.
    reading
        How reading times vary: not at all, or exponentially.
    studies, replications
        How many radiographs arrive each time, and how many times; the intervals are over the times.
    """

    arrivals: float
    reading_minutes: float = 5.0
    readers: int = 1
    prevalence: float = 0.15
    reading: Literal["exponential", "fixed"] = "exponential"
    studies: int = 2000
    replications: int = 30
    seed: int = 0

    @property
    def utilisation(self) -> float:
        """The share of their time that readers read; at 1 the queue grows without end."""
        return self.arrivals * self.reading_minutes / (60 * self.readers)

    def check(self) -> None:
        """Raise `TrainingError` for a reading room that cannot be."""
        if not 0 < self.utilisation < 1:
            raise TrainingError(
                f"{self.arrivals:g} radiographs an hour keep {self.readers} readers busy {self.utilisation:.0%} of "
                "their time; it must be below 100 %, or the queue grows without end"
            )
        if not 0 < self.prevalence < 1 or min(self.replications, self.studies) < 2:  # noqa: PLR2004  an interval, a wait
            raise TrainingError("a simulation needs a prevalence between 0 and 1, two radiographs and two replications")


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Minutes until reading begins: the mean, and the longest of a replication, averaged over replications."""

    mean: Estimate
    longest: Estimate


@dataclass(frozen=True, kw_only=True)
class OrderMeasured:
    """Who waits how long in one order; None where nobody of that kind came.

    Parameters
    ----------
    missed
        Radiographs with pneumonia whose band is `unlikely`: they pay for a wrong model.
    saved
        Minutes a radiograph with pneumonia waits less than first come first, on average.
    """

    order: str
    positives: Waits
    negatives: Waits
    missed: Waits | None
    saved: Estimate


@dataclass(frozen=True, kw_only=True)
class ReadingRoom:
    """A reading room measured in all three orders.

    `beyond_cap` is the share of radiographs, 0-1, that wait longer than their cap by priority alone.
    """

    traffic: Traffic
    utilisation: float
    caps: Mapping[Priority, float]
    beyond_cap: float
    orders: tuple[OrderMeasured, ...]


def simulate_reading(mix: CaseMix, rules: ReadingRules, traffic: Traffic) -> ReadingRoom:
    """Let a reading room read in each order.

    Raises
    ------
    TrainingError
        If the readers cannot keep up, or a number is out of range.
    """
    traffic.check()
    arrived = [
        _arrive(mix, traffic, np.random.default_rng((traffic.seed, number))) for number in range(traffic.replications)
    ]
    waits = {order: [_wait(each, rules, traffic.readers, order) for each in arrived] for order in _ORDERS}
    return ReadingRoom(
        traffic=traffic,
        utilisation=traffic.utilisation,
        caps=rules.caps,
        beyond_cap=_beyond_cap(arrived, waits[BY_PRIORITY], rules),
        orders=tuple(_measured(order, arrived, waits) for order in _ORDERS),
    )


_ORDERS = (FIRST_COME, BY_PRIORITY, WITH_CAP)


@dataclass(frozen=True, kw_only=True)
class _Arrived:
    """The radiographs of one replication, in order of arrival; times in minutes."""

    at: NDArray[np.float64]
    takes: NDArray[np.float64]
    is_positive: NDArray[np.bool_]
    bands: Sequence[Band | None]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which of them arrived after the warm-up."""
        return np.asarray(np.arange(len(self.at)) >= _WARM_UP * len(self.at))

    @property
    def missed(self) -> NDArray[np.bool_]:
        is_ruled_out = np.array([band is Band.UNLIKELY for band in self.bands], dtype=np.bool_)
        return np.asarray(self.is_positive & is_ruled_out)


def _arrive(mix: CaseMix, traffic: Traffic, rng: np.random.Generator) -> _Arrived:
    count = traffic.studies
    at = np.cumsum(rng.exponential(60 / traffic.arrivals, count))
    if traffic.reading == "fixed":
        takes = np.full(count, traffic.reading_minutes)
    else:
        takes = rng.exponential(traffic.reading_minutes, count)
    is_positive = rng.random(count) < traffic.prevalence
    drawn = {label: _draw(mix.positives if label else mix.negatives, rng, count) for label in (False, True)}
    bands = [drawn[ill][number] for number, ill in enumerate(is_positive.tolist())]
    return _Arrived(at=at, takes=takes, is_positive=is_positive, bands=bands)


def _draw(counts: Mapping[Band | None, int], rng: np.random.Generator, count: int) -> list[Band | None]:
    bands = list(counts)
    shares = np.array([counts[band] for band in bands], dtype=np.float64)
    return [bands[number] for number in rng.choice(len(bands), size=count, p=shares / shares.sum()).tolist()]


def _wait(arrived: _Arrived, rules: ReadingRules, readers: int, order: str) -> NDArray[np.float64]:
    """Give how long each radiograph waits, in minutes."""
    at, takes = arrived.at.tolist(), arrived.takes.tolist()
    priorities = [Priority.ROUTINE if order == FIRST_COME else rules.priority_of[band] for band in arrived.bands]
    caps = _steps_up(rules) if order == WITH_CAP else {}
    waiting: dict[int, deque[int]] = {priority.rank: deque() for priority in Priority}
    free = [0.0] * readers
    waits, admitted = np.zeros(len(at)), 0
    for _ in at:
        now = heapq.heappop(free)
        if not any(waiting.values()):
            now = max(now, at[admitted])
        while admitted < len(at) and at[admitted] <= now:
            waiting[priorities[admitted].rank].append(admitted)
            admitted += 1
        chosen = waiting[_next(waiting, at, now, caps)].popleft()
        waits[chosen] = now - at[chosen]
        heapq.heappush(free, now + takes[chosen])
    return waits


def _beyond_cap(arrived: Sequence[_Arrived], waits: Sequence[NDArray[np.float64]], rules: ReadingRules) -> float:
    beyond, counted = 0, 0
    for each, waited in zip(arrived, waits, strict=True):
        caps = np.array([rules.caps.get(rules.priority_of[band], math.inf) for band in each.bands])
        beyond += int((waited > caps)[each.counted].sum())
        counted += int(each.counted.sum())
    return beyond / counted


def _steps_up(rules: ReadingRules) -> dict[int, tuple[float, int]]:
    return {
        priority.rank: (cap, rules.promoted[priority].rank)
        for priority, cap in rules.caps.items()
        if priority in rules.promoted
    }


def _next(
    waiting: Mapping[int, deque[int]], at: Sequence[float], now: float, caps: Mapping[int, tuple[float, int]]
) -> int:
    """Give the rank whose longest-waiting radiograph is next; within a rank nobody overtakes."""
    best, chosen = (math.inf, math.inf), -1
    for rank, queue in waiting.items():
        if queue:
            arrived = at[queue[0]]
            cap, higher = caps.get(rank, (math.inf, rank))
            place = (higher if now - arrived > cap else rank, arrived)
            if place < best:
                best, chosen = place, rank
    return chosen


def _measured(
    order: str, arrived: Sequence[_Arrived], waits: Mapping[str, Sequence[NDArray[np.float64]]]
) -> OrderMeasured:
    positives = [each.counted & each.is_positive for each in arrived]
    negatives = [each.counted & ~each.is_positive for each in arrived]
    missed = [each.counted & each.missed for each in arrived]
    of_ill, of_well, of_missed = (_waits(waits[order], rows) for rows in (positives, negatives, missed))
    if of_ill is None or of_well is None:
        raise TrainingError("too few radiographs arrived to see both labels; simulate more of them")
    pairs = zip(waits[FIRST_COME], waits[order], positives, strict=True)
    saved = [float((first[rows] - other[rows]).mean()) for first, other, rows in pairs if rows.any()]
    return OrderMeasured(order=order, positives=of_ill, negatives=of_well, missed=of_missed, saved=mean_interval(saved))


def _waits(waits: Sequence[NDArray[np.float64]], rows: Sequence[NDArray[np.bool_]]) -> Waits | None:
    """Measure the radiographs in `rows`; None if fewer than two replications had one."""
    found = list(_chosen(waits, rows))
    if len(found) < 2:  # noqa: PLR2004  an interval needs two
        return None
    return Waits(
        mean=mean_interval([float(each.mean()) for each in found]),
        longest=mean_interval([float(each.max()) for each in found]),
    )


def _chosen(waits: Sequence[NDArray[np.float64]], rows: Sequence[NDArray[np.bool_]]) -> Iterator[NDArray[np.float64]]:
    for each, chosen in zip(waits, rows, strict=True):
        if chosen.any():
            yield each[chosen]
