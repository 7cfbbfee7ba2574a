"""Where `unlikely` ends and `likely` begins: two thresholds chosen on the tuning set alone.

Rule-out keeps the intended sensitivity, rule-in the intended specificity. Each threshold lies in the middle of the gap
between two probabilities that occur, so that rounding on another machine moves nobody across.

What the points reach is measured by cross-fitting: a patient's own label has no say in the thresholds that decide about
it (`cross_fitting`).

References
----------
David HA, Nagaraja HN, Order Statistics 2003, 2.5 (what share lies below the k-th of n: k / (n + 1) is expected).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate, OperatingPoint, OperatingPoints
from lingula.training.statistics.cross_fitting import cross_fitted
from lingula.training.statistics.intervals import Labels, Scores, check_cases, clustered_bootstrap, never_certain
from lingula.training.statistics.metrics import Confusion, Measure, decision_statistic

_EXACT = 1e-9  # of a radiograph: 0.02 * 50 is one, whatever floating point makes of it


def choose_operating_points(
    labels: Labels,
    probabilities: Scores,
    patients: NDArray[np.str_],
    *,
    rule_out_sensitivity: float = 0.98,
    rule_in_specificity: float = 0.95,
    seed: int = 0,
) -> OperatingPoints:
    """Choose both operating points on all patients, and measure them cross-fitted with intervals over patients.

    Where a model is so good that the rule-out threshold would come to lie above the rule-in threshold, the two change
    places: each then keeps more than it promised, and what lies between stays `unsure`.

    Raises
    ------
    TrainingError
        If there are too few patients to promise what is asked, or a point would decide about nobody.
    """
    check_cases(labels, probabilities)
    _refuse_too_few(labels, patients, rule_out_sensitivity, rule_in_specificity)
    missed = _Rank.allowed(rule_out_sensitivity, of=int((labels == 1).sum()))
    flagged = _Rank.allowed(rule_in_specificity, of=int((labels == 0).sum()))
    rule_out = _highest_that_finds(missed, labels, probabilities)
    rule_in = _lowest_that_spares(flagged, labels, probabilities)
    rule_out, rule_in = min(rule_out, rule_in), max(rule_out, rule_in)
    _refuse_useless(labels, probabilities, rule_out, rule_in)

    def learn(labels: Labels, probabilities: Scores) -> Callable[[Scores], Scores]:
        ends = missed.among(probabilities[labels == 1]), flagged.among(-probabilities[labels == 0])
        return partial(_reached, sorted((ends[0], -ends[1])))

    reached = cross_fitted(labels, probabilities, patients, learn, seed=seed)
    decided = _Decided(labels=labels, reached=reached, patients=patients, seed=seed)
    return OperatingPoints(
        rule_out=decided.point(1, rule_out, f"sensitivity at least {rule_out_sensitivity:g}"),
        rule_in=decided.point(2, rule_in, f"specificity at least {rule_in_specificity:g}"),
    )


@dataclass(frozen=True, kw_only=True)
class _Decided:
    """How many thresholds each radiograph reached, each of those that other patients chose."""

    labels: Labels
    reached: Scores
    patients: NDArray[np.str_]
    seed: int

    def point(self, number: int, threshold: float, intended: str) -> OperatingPoint:
        """Measure the point whose threshold is the first or the second."""
        patients = len(np.unique(self.patients))
        return OperatingPoint(
            threshold=threshold,
            intended=intended,
            sensitivity=self._estimate(number, 1, Confusion.sensitivity),
            specificity=self._estimate(number, 0, Confusion.specificity),
            measured_on=f"tuning set, cross-fitted: {len(self.labels)} radiographs of {patients} patients",
        )

    def _estimate(self, number: int, label: int, measure: Measure) -> Estimate:
        how = decision_statistic(number, measure)
        drawn = clustered_bootstrap(how, self.labels, self.reached, self.patients, seed=self.seed)
        return never_certain(drawn, self.patients[self.labels == label])


@dataclass(frozen=True, kw_only=True)
class _Rank:
    """Which score of one label a threshold was set at: its place from the wrong end, counted from 0, of how many.

    One of 50 may be missed, but none of 40: the promise itself, asked of the fewer that teach in cross-fitting, would
    be kept more strictly there than in what is shipped, and what is measured would be better than what is shipped.
    """

    place: int
    of: int

    @classmethod
    def allowed(cls, share: float, *, of: int) -> "_Rank":
        """Give where as many lie before it as may be decided wrongly when `share` of all must be right."""
        return cls(place=min(math.floor((1 - share) * of + _EXACT), of - 1), of=of)

    def among(self, scores: Scores) -> float:
        """Give the score that is expected to cut off as much of what is yet to come, between two scores if need be."""
        place = (self.place + 1) * (len(scores) + 1) / (self.of + 1) - 1
        return float(np.interp(place, np.arange(len(scores)), np.sort(scores)))


def _reached(thresholds: Sequence[float], probabilities: Scores) -> Scores:
    """Count the thresholds that each probability reaches: 0 is `unlikely`, 2 is `likely`."""
    return np.searchsorted(thresholds, probabilities, side="right").astype(np.float64)


def _highest_that_finds(missed: _Rank, labels: Labels, probabilities: Scores) -> float:
    """Give the threshold that clears most while it finds the intended share of the positives."""
    found = np.sort(probabilities[labels == 1])
    lowest_kept = found[missed.place]
    return _middle(probabilities[probabilities < lowest_kept].max(initial=0.0), lowest_kept)


def _lowest_that_spares(flagged: _Rank, labels: Labels, probabilities: Scores) -> float:
    """Give the threshold that finds most while it spares the intended share of the negatives."""
    spared = np.sort(probabilities[labels == 0])[::-1]
    highest_spared = spared[flagged.place]
    if highest_spared >= 1:
        raise TrainingError(
            "too many normal radiographs have probability 1: no rule-in threshold spares them; train on"
        )
    return _middle(highest_spared, probabilities[probabilities > highest_spared].min(initial=1.0))


def _middle(low: float, high: float) -> float:
    """Halve a gap; where no number lies inside it the upper end is as good, since a threshold itself is flagged."""
    middle = float((low + high) / 2)
    return middle if middle > low else float(high)


def _refuse_too_few(labels: Labels, patients: NDArray[np.str_], sensitivity: float, specificity: float) -> None:
    for label, name, share in ((1, "pneumonia", sensitivity), (0, "normal", specificity)):
        if not 0 < share < 1:
            raise TrainingError(
                f"an intended share of {share} of {name} cannot be promised; choose one between 0 and 1"
            )
        needed, found = math.ceil(1 / (1 - share) - _EXACT), len(np.unique(patients[labels == label]))
        if found < needed:
            raise TrainingError(
                f"{found} {name} patients in the tuning set are too few to promise {share:g}; at least {needed} are "
                "needed: enlarge the tuning set or promise less"
            )


def _refuse_useless(labels: Labels, probabilities: Scores, rule_out: float, rule_in: float) -> None:
    if not (probabilities[labels == 0] < rule_out).any():
        raise TrainingError("no normal radiograph lies below the rule-out threshold: it would clear nobody; train on")
    if not (probabilities[labels == 1] >= rule_in).any():
        raise TrainingError("no pneumonia lies above the rule-in threshold: it would flag nobody; train on")
