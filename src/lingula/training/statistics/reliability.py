"""Whether probabilities hold: of a hundred radiographs with probability 0.3, thirty should show pneumonia.

A probability holds at one prevalence. Measured at another it looks wrong though the model is the same, so each function
takes the `prevalence` at which the probabilities are meant to hold and lets both labels weigh accordingly.

References
----------
Brier GW, Monthly Weather Review 1950; Murphy AH, Journal of Applied Meteorology 1973 (its parts);
Guo C et al., ICML 2017 (expected calibration error).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.training.statistics.intervals import Labels, Scores, Weights, check_cases, wilson_interval

BINS = 15
_LEAST_SAID = 1e-9  # a probability of 0 that was wrong would cost infinitely much


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Radiographs of similar probability: what was said and what was so, with a 95 % Wilson interval."""

    count: int
    mean_probability: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class BrierParts:
    """What a Brier score is made of: `reliability` - `resolution` + `uncertainty`, but for what differs within bins.

    Parameters
    ----------
    reliability
        What probabilities that do not hold cost; 0 is best.
    resolution
        What telling radiographs apart gains; `uncertainty` is the most.
    uncertainty
        The score of saying the same of every radiograph.
    """

    reliability: float
    resolution: float
    uncertainty: float


def brier_parts(labels: Labels, probabilities: Scores, bins: int = BINS) -> BrierParts:
    """Take a Brier score apart over bins of equally many radiographs.

    >>> parts = brier_parts(np.array([0, 0, 1, 1]), np.array([0.1, 0.1, 0.8, 0.8]), bins=2)
    >>> round(parts.reliability, 3), round(parts.resolution, 3), round(parts.uncertainty, 3)
    (0.025, 0.25, 0.25)
    """
    check_cases(labels, probabilities)
    made, share = reliability_bins(labels, probabilities, bins), float(labels.mean())
    counts = [entry.count for entry in made]
    return BrierParts(
        reliability=float(
            np.average([(entry.mean_probability - entry.observed) ** 2 for entry in made], weights=counts)
        ),
        resolution=float(np.average([(entry.observed - share) ** 2 for entry in made], weights=counts)),
        uncertainty=share * (1 - share),
    )


def log_odds(probabilities: Scores) -> Scores:
    """Give the logarithm of p / (1 - p), of any shape; what is nearly 0 or 1 counts as `_LEAST_SAID` away from it.

    >>> log_odds(np.array([0.5, 0.9, 1.0])).round(2).tolist()
    [0.0, 2.2, 20.72]
    """
    held = np.clip(probabilities, _LEAST_SAID, 1 - _LEAST_SAID)
    return np.asarray(np.log(held / (1 - held)))


def log_loss(labels: Labels, probabilities: Scores) -> float:
    """Give the mean negative logarithm of what was said of the label that was so.

    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    check_cases(labels, probabilities)
    said = np.where(labels == 1, probabilities, 1 - probabilities)
    return float(-np.log(np.maximum(said, _LEAST_SAID)).mean())


def brier_score(labels: Labels, probabilities: Scores, *, prevalence: float | None = None) -> float:
    """Give the mean squared distance between probability and label."""
    check_cases(labels, probabilities)
    return float(weighted_brier(labels, probabilities, _weights(labels, prevalence)[np.newaxis])[0])


def weighted_brier(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
    """Brier score for each row of weights."""
    mean: NDArray[np.float64] = weights @ np.square(scores - labels) / weights.sum(axis=1)
    return mean


def reliability_bins(
    labels: Labels, probabilities: Scores, bins: int = BINS, *, prevalence: float | None = None
) -> list[ReliabilityBin]:
    """Sort by probability into bins of equally many radiographs; those of one probability stay together."""
    weights = _weights(labels, prevalence)
    made = []
    for rows in _binned(probabilities, bins):
        drawn, positive = weights[rows], labels[rows] == 1
        low, high = wilson_interval(int(positive.sum()), len(rows))
        made.append(
            ReliabilityBin(
                count=len(rows),
                mean_probability=float(np.average(probabilities[rows], weights=drawn)),
                observed=float(np.average(positive, weights=drawn)),
                low=_moved(low, labels, prevalence),
                high=_moved(high, labels, prevalence),
            )
        )
    return made


def expected_calibration_error(
    labels: Labels, probabilities: Scores, bins: int = BINS, *, prevalence: float | None = None
) -> float:
    """Give the mean distance between what was said and what was so, over bins of equally many radiographs."""
    check_cases(labels, probabilities)
    weights = _weights(labels, prevalence)
    masses = [float(weights[rows].sum()) for rows in _binned(probabilities, bins)]
    made = reliability_bins(labels, probabilities, bins, prevalence=prevalence)
    distances = [abs(entry.mean_probability - entry.observed) for entry in made]
    return float(np.average(distances, weights=masses))


def _binned(probabilities: Scores, bins: int) -> list[NDArray[np.intp]]:
    """Give the rows of each bin, lowest first; a cut among equal probabilities would sort them by their file names."""
    order = np.argsort(probabilities, kind="stable")
    ends = np.cumsum([len(rows) for rows in np.array_split(order, min(bins, len(order)))])[:-1]
    cuts = np.unique(np.searchsorted(probabilities[order], probabilities[order][ends]))
    return [rows for rows in np.split(order, cuts) if len(rows)]


def _weights(labels: Labels, prevalence: float | None) -> NDArray[np.float64]:
    """Let each label weigh as if `prevalence` of the radiographs showed pneumonia."""
    if prevalence is None:
        return np.ones(len(labels))
    if not 0 < prevalence < 1:
        raise TrainingError(f"a prevalence of {prevalence} leaves nothing to tell apart; it must lie between 0 and 1")
    found = float(labels.mean())
    return np.where(labels == 1, prevalence / found, (1 - prevalence) / (1 - found))


def _moved(share: float, labels: Labels, prevalence: float | None) -> float:
    """Move a share observed at the set's own prevalence to another (Bayes)."""
    if prevalence is None:
        return share
    found = float(labels.mean())
    positive, negative = share * prevalence / found, (1 - share) * (1 - prevalence) / (1 - found)
    return positive / (positive + negative)
