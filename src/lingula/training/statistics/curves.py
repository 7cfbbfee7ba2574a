"""ROC and precision-recall curves, each with the band in which it lies when patients are drawn again.

References
----------
Fawcett T, Pattern Recognition Letters 2006 (curves by distinct thresholds; bands by vertical averaging).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.training.statistics.intervals import Labels, Scores, Weights, check_cases, clustered_band
from lingula.training.statistics.metrics import weighted_by_score

PLACES = 101
"""At how many places along a curve its band is given."""
_BAND_REPEATS = 500

Curve = NDArray[np.float64]
"""Shape (points, 2)."""
_OverGrid = Callable[[Labels, Scores, Weights], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Banded:
    """A curve and its 95 % band, each row ``(place, low, high)``; the band has no rows if patients are too few."""

    curve: Curve
    band: NDArray[np.float64]


def roc_points(labels: Labels, scores: Scores) -> Curve:
    """Give (share of false alarms, sensitivity) from the strictest threshold to the mildest.

    >>> roc_points(np.array([0, 1, 1]), np.array([0.1, 0.1, 0.9])).tolist()
    [[0.0, 0.0], [0.0, 0.5], [1.0, 1.0]]
    """
    found, alarms = _counted(labels, scores)
    return _with_start(0.0, 0.0, alarms / alarms[-1], found / found[-1])


def precision_recall_points(labels: Labels, scores: Scores) -> Curve:
    """Give (sensitivity, precision) from the strictest threshold to the mildest."""
    found, alarms = _counted(labels, scores)
    precision = found / (found + alarms)
    return _with_start(0.0, float(precision[0]), found / found[-1], precision)


def roc_with_band(labels: Labels, scores: Scores, patients: NDArray[np.str_], *, seed: int = 0) -> Banded:
    """Give the ROC curve with the interval of sensitivity at each share of false alarms."""
    return _banded(roc_points(labels, scores), _sensitivities, (labels, scores, patients), seed)


def precision_recall_with_band(labels: Labels, scores: Scores, patients: NDArray[np.str_], *, seed: int = 0) -> Banded:
    """Give the precision-recall curve with the interval of precision at each sensitivity."""
    return _banded(precision_recall_points(labels, scores), _precisions, (labels, scores, patients), seed)


def _banded(curve: Curve, over_grid: _OverGrid, cases: tuple[Labels, Scores, NDArray[np.str_]], seed: int) -> Banded:
    labels, scores, patients = cases
    low, high = clustered_band(over_grid, labels, scores, patients, repeats=_BAND_REPEATS, seed=seed)
    rows = np.stack([_grid(), low, high], axis=1)
    return Banded(curve=curve, band=rows[np.isfinite(rows).all(axis=1)])


def _grid() -> NDArray[np.float64]:
    return np.linspace(0, 1, PLACES)


def _counted(labels: Labels, scores: Scores) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    check_cases(labels, scores)
    found, alarms = _cumulated(labels, scores, np.ones((1, len(labels))))
    return found[0], alarms[0]


def _cumulated(labels: Labels, scores: Scores, weights: Weights) -> tuple[Weights, Weights]:
    """Count true and false positives at each distinct score, highest first; shape (repeats, scores) each."""
    positive, negative = (side[:, ::-1] for side in weighted_by_score(labels, scores, weights))
    return np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)


def _with_start(x: float, y: float, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> Curve:
    return np.stack([np.insert(xs, 0, x), np.insert(ys, 0, y)], axis=1)


def _sensitivities(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
    found, alarms = _cumulated(labels, scores, weights)
    made = np.full((len(weights), PLACES), np.nan)
    for row, (hits, misses) in enumerate(zip(found, alarms, strict=True)):
        if hits[-1] and misses[-1]:
            steps = _with_start(0, 0, misses / misses[-1], hits / hits[-1])
            made[row] = np.interp(_grid(), steps[:, 0], steps[:, 1])
    return made


def _precisions(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
    found, alarms = _cumulated(labels, scores, weights)
    made = np.full((len(weights), PLACES), np.nan)
    for row, (hits, misses) in enumerate(zip(found, alarms, strict=True)):
        drawn = hits + misses > 0
        if hits[-1]:
            recall, precision = hits[drawn] / hits[-1], hits[drawn] / (hits[drawn] + misses[drawn])
            # The first threshold that reaches a sensitivity is the one to pay for it.
            made[row] = precision[np.searchsorted(recall, _grid() - 1e-12)]
    return made
