"""Two runs on the radiographs both judged: tests of their ranking and of their decisions.

A test pairs: the same radiographs, the same patients drawn for both. Every difference is the second run's minus the
first's.

References
----------
McNemar Q, Psychometrika 1947 (decisions, in its exact binomial form); for the tests between ROC curves see `intervals`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lingula.radiology.study import Band
from lingula.training.comparing.runs import JudgedRun, Pair, matched
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.intervals import Labels, Scores
from lingula.training.statistics.metrics import Confusion, Measure, auroc, decision_statistic, weighted_auroc
from lingula.training.statistics.paired import PairedTest, clustered_delong_test, clustered_difference, delong_test

HALF = 0.5
SIDES: tuple[tuple[str, int, Measure], ...] = (
    ("sensitivity", 1, Confusion.sensitivity),
    ("specificity", 0, Confusion.specificity),
)


@dataclass(frozen=True, kw_only=True)
class DecisionsCompared:
    """The same decision by two runs.

    Parameters
    ----------
    only_second_right, only_first_right
        Radiographs that one run decided rightly and the other wrongly.
    mcnemar_p
        Exact; takes radiographs as independent.
    drawn
        The difference of the shares, second minus first, over patients drawn again.
    """

    name: str
    radiographs: int
    only_second_right: int
    only_first_right: int
    mcnemar_p: float
    drawn: PairedTest


@dataclass(frozen=True, kw_only=True)
class PairMeasured:
    """A run against the first, on the radiographs both judged; differences are the run's minus the first's.

    Parameters
    ----------
    drawn
        AUROC, patients drawn again: the test to quote.
    clustered_delong
        AUROC, by Obuchowski's form of DeLong's test, which knows that a patient's radiographs resemble each other.
    delong
        AUROC, by DeLong's own test, which takes radiographs as independent.
    adjusted_p
        The p of `drawn` by Holm, since several runs are tested at once.
    same_band
        Share of radiographs with the same band; None where a run has none.
    most_apart
        The largest distance of two probabilities of one radiograph.
    """

    first: str
    second: str
    radiographs: int
    patients: int
    first_auroc: float
    second_auroc: float
    drawn: PairedTest
    clustered_delong: PairedTest
    delong: PairedTest
    adjusted_p: float
    decisions: tuple[DecisionsCompared, ...]
    same_band: float | None
    most_apart: float


def flagged(bands: Sequence[Band | None]) -> Scores:
    """Give 1 where a doctor is told anything but unlikely."""
    return np.array([band is not Band.UNLIKELY for band in bands], dtype=np.float64)


def mcnemar(only_first: int, only_second: int) -> float:
    """Give the exact two-sided p that two deciders err equally often, from the radiographs only one had right.

    >>> round(mcnemar(1, 6), 4)
    0.125
    """
    count, fewer = only_first + only_second, min(only_first, only_second)
    ways, below = 1, 0  # ways to choose 0, 1, ... of `count`
    for chosen in range(fewer + 1):
        below += ways
        ways = ways * (count - chosen) // (chosen + 1)
    return min(1.0, float(2 * below / 2**count))


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """Radiographs of two runs as arrays."""

    labels: Labels
    patients: NDArray[np.str_]
    first: Scores
    second: Scores

    @property
    def both(self) -> tuple[Scores, Scores]:
        """Second before first: every difference says how much better the second is."""
        return self.second, self.first


def measure_pair(first: JudgedRun, second: JudgedRun, seed: int = 0) -> PairMeasured:
    """Test a run against the first.

    Raises
    ------
    TrainingError
        If they share no radiograph, contradict each other's labels, or share too few patients of a label.
    """
    pairs = matched(first, second)
    shared = _shared(pairs)
    given = (shared.labels, *shared.both)
    banded = [pair for pair in pairs if pair.first.band is not None and pair.second.band is not None]
    drawn = clustered_difference(weighted_auroc, shared.labels, shared.both, shared.patients, seed=seed)
    return PairMeasured(
        first=first.name,
        second=second.name,
        radiographs=len(pairs),
        patients=len(np.unique(shared.patients)),
        first_auroc=auroc(shared.labels, shared.first),
        second_auroc=auroc(shared.labels, shared.second),
        drawn=drawn,
        clustered_delong=clustered_delong_test(*given, shared.patients),
        delong=delong_test(*given),
        adjusted_p=drawn.p_value,
        decisions=tuple(_decisions(shared, banded, seed)),
        same_band=sum(pair.first.band is pair.second.band for pair in banded) / len(banded) if banded else None,
        most_apart=float(np.abs(shared.first - shared.second).max()),
    )


def _shared(pairs: Sequence[Pair]) -> _Shared:
    """Put pairs into arrays; a patient only one run knows is known."""
    firsts = Cases.of([replace(pair.first, patient=pair.first.patient or pair.second.patient) for pair in pairs])
    seconds = Cases.of([pair.second for pair in pairs])
    return _Shared(
        labels=firsts.labels, patients=firsts.patients, first=firsts.probabilities, second=seconds.probabilities
    )


def _decisions(shared: _Shared, banded: Sequence[Pair], seed: int) -> Iterator[DecisionsCompared]:
    halved = replace(
        shared, first=(shared.first >= HALF).astype(np.float64), second=(shared.second >= HALF).astype(np.float64)
    )
    if banded:
        told = replace(
            _shared(banded),
            first=flagged([pair.first.band for pair in banded]),
            second=flagged([pair.second.band for pair in banded]),
        )
        for name, label, measure in SIDES:
            if (told.labels == label).any():
                yield _decision(f"{name} at own rule-out point", told, told.labels == label, measure, seed)
    yield _decision(
        "accuracy at one half", halved, np.ones(len(halved.labels), dtype=np.bool_), Confusion.accuracy, seed
    )


def _decision(name: str, told: _Shared, among: NDArray[np.bool_], measure: Measure, seed: int) -> DecisionsCompared:
    """Compare decisions, 1 being flagged, of the radiographs `among`."""
    second, first = (((scores > 0) == (told.labels == 1))[among] for scores in told.both)
    only_second, only_first = int((second & ~first).sum()), int((first & ~second).sum())
    statistic = decision_statistic(HALF, measure)
    return DecisionsCompared(
        name=name,
        radiographs=int(among.sum()),
        only_second_right=only_second,
        only_first_right=only_first,
        mcnemar_p=mcnemar(only_first, only_second),
        drawn=clustered_difference(statistic, told.labels, told.both, told.patients, seed=seed),
    )
