"""How good probabilities are: ranking and decisions at a threshold.

Every statistic takes a weight per radiograph and repetition, shape (repeats, N), and answers for all repetitions at
once; a bootstrap is then only another set of weights, and the plain value is one repetition with weights of 1.

References
----------
Hanley JA, McNeil BJ, Radiology 1982 (AUROC with ties).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.manifest import Estimate
from lingula.training.statistics.intervals import (
    Labels,
    Scores,
    Statistic,
    Weights,
    check_cases,
    clustered_bootstraps,
    never_flawless,
)


def auroc(labels: Labels, scores: Scores) -> float:
    """Give the area under the ROC curve; a tie between a positive and a negative counts half.

    >>> auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    return _plain(weighted_auroc, labels, scores)


def auroc_interval(labels: Labels, scores: Scores, patients: NDArray[np.str_], *, seed: int = 0) -> Estimate | None:
    """Give the AUROC with its interval over resampled patients (N,), never without width; None where undefined."""
    found = clustered_bootstraps({"auroc": weighted_auroc}, labels, scores, patients, seed=seed)["auroc"]
    return None if found is None else never_flawless(found, weighted_auroc, labels, scores, patients, seed=seed)


def average_precision(labels: Labels, scores: Scores) -> float:
    """Give the area under the precision-recall curve, by steps and without interpolation."""
    return _plain(weighted_average_precision, labels, scores)


def weighted_auroc(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
    """AUROC for each row of weights; NaN where a repetition has drawn one label only."""
    positive, negative = weighted_by_score(labels, scores, weights)
    below = np.cumsum(negative, axis=1) - negative / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        area: NDArray[np.float64] = (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
    return area


def weighted_average_precision(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
    """Average precision for each row of weights; NaN where a repetition has drawn no positive."""
    positive, negative = (side[:, ::-1] for side in weighted_by_score(labels, scores, weights))
    found = np.cumsum(positive, axis=1)
    flagged = found + np.cumsum(negative, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(flagged > 0, found / flagged, 0.0)
        area: NDArray[np.float64] = (positive * precision).sum(axis=1) / positive.sum(axis=1)
    return area


def _plain(statistic: Statistic, labels: Labels, scores: Scores) -> float:
    check_cases(labels, scores)
    return float(statistic(labels, scores, np.ones((1, len(labels))))[0])


def weighted_by_score(labels: Labels, scores: Scores, weights: Weights) -> tuple[Weights, Weights]:
    """Sum the weights of positives and of negatives at each distinct score, lowest first; (repeats, scores) each."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    drawn, is_positive = weights[:, order], labels[order] == 1
    return (
        np.add.reduceat(drawn * is_positive, starts, axis=1),
        np.add.reduceat(drawn * ~is_positive, starts, axis=1),
    )


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Weights of the four outcomes at one threshold, shape (repeats,) each; undefined shares are NaN."""

    true_positive: NDArray[np.float64]
    false_positive: NDArray[np.float64]
    true_negative: NDArray[np.float64]
    false_negative: NDArray[np.float64]

    @classmethod
    def at(cls, threshold: float, labels: Labels, scores: Scores, weights: Weights) -> "Confusion":
        """Count; a score at the threshold is flagged."""
        flagged, positive = scores >= threshold, labels == 1
        kinds = (flagged & positive, flagged & ~positive, ~flagged & ~positive, ~flagged & positive)
        counted = weights @ np.stack(kinds, axis=1).astype(np.float64)  # (repeats, 4); the weights are read once
        return cls(
            true_positive=counted[:, 0],
            false_positive=counted[:, 1],
            true_negative=counted[:, 2],
            false_negative=counted[:, 3],
        )

    def sensitivity(self) -> NDArray[np.float64]:
        """Share of the positives that are flagged."""
        return _share(self.true_positive, self.false_negative)

    def specificity(self) -> NDArray[np.float64]:
        """Share of the negatives that are not flagged."""
        return _share(self.true_negative, self.false_positive)

    def ppv(self) -> NDArray[np.float64]:
        """Share of the flagged that are positive."""
        return _share(self.true_positive, self.false_positive)

    def npv(self) -> NDArray[np.float64]:
        """Share of the not flagged that are negative."""
        return _share(self.true_negative, self.false_negative)

    def accuracy(self) -> NDArray[np.float64]:
        """Share of all that are decided rightly."""
        return _share(self.true_positive + self.true_negative, self.false_positive + self.false_negative)

    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of sensitivity and positive predictive value."""
        return _share(2 * self.true_positive, self.false_positive + self.false_negative)

    def mcc(self) -> NDArray[np.float64]:
        """Matthews' correlation coefficient; 0 where a margin is empty."""
        tp, fp, tn, fn = self.true_positive, self.false_positive, self.true_negative, self.false_negative
        margins = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return np.asarray(np.where(margins > 0, (tp * tn - fp * fn) / np.where(margins > 0, margins, 1.0), 0.0))


def _share(part: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / (part + rest))


Measure = Callable[[Confusion], NDArray[np.float64]]


def decision_statistic(threshold: float, measure: Measure) -> Statistic:
    """Make a statistic of a threshold and a measure, e.g. ``decision_statistic(0.5, Confusion.sensitivity)``."""

    def statistic(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
        return measure(Confusion.at(threshold, labels, scores, weights))

    return statistic


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What one threshold does on one set: counts and shares."""

    threshold: float
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    sensitivity: float
    specificity: float
    ppv: float | None
    npv: float | None
    accuracy: float
    f1: float
    mcc: float


def decide(labels: Labels, scores: Scores, threshold: float) -> Decisions:
    """Count what a threshold does; a predictive value is None where nobody is flagged, or everybody."""
    check_cases(labels, scores)
    table = Confusion.at(threshold, labels, scores, np.ones((1, len(labels))))
    return Decisions(
        threshold=threshold,
        true_positive=int(table.true_positive[0]),
        false_positive=int(table.false_positive[0]),
        true_negative=int(table.true_negative[0]),
        false_negative=int(table.false_negative[0]),
        sensitivity=float(table.sensitivity()[0]),
        specificity=float(table.specificity()[0]),
        ppv=_defined(table.ppv()),
        npv=_defined(table.npv()),
        accuracy=float(table.accuracy()[0]),
        f1=float(table.f1()[0]),
        mcc=float(table.mcc()[0]),
    )


def _defined(value: NDArray[np.float64]) -> float | None:
    return None if np.isnan(value[0]) else float(value[0])


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float | None, float | None]:
    """Give positive and negative predictive value where `prevalence` of the patients have pneumonia (Bayes).

    >>> ppv, npv = predictive_values(0.9, 0.8, 0.1)
    >>> round(ppv, 4), round(npv, 4)
    (0.3333, 0.9863)
    """
    true_positive, false_positive = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    true_negative, false_negative = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    flagged, cleared = true_positive + false_positive, true_negative + false_negative
    return (true_positive / flagged if flagged else None), (true_negative / cleared if cleared else None)
