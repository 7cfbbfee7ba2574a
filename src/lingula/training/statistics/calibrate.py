"""From scores to probabilities: a straight line on the logits, fitted on the tuning set and folded into the graph.

Two numbers only, so the ranking stays as it is and a few hundred radiographs are enough. A probability holds at one
prevalence; `prevalence` says which, since a hospital's is not that of a data set collected for training.

References
----------
Platt J, Advances in Large Margin Classifiers 1999 (the fit, and targets a little inside 0 and 1); Elkan C, IJCAI 2001
(change of prevalence).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.training.statistics.cross_fitting import cross_fitted
from lingula.training.statistics.intervals import Labels, Scores, check_cases
from lingula.training.statistics.reliability import log_odds

_STEPS = 100
_PRECISE = 1e-10  # of the loss per radiograph, where Newton's steps end
_SMALLEST_HALVING = 1e-8
_RIDGE = 1e-9  # keeps the curvature invertible where every score is the same


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """``probability = sigmoid(scale * logit + bias)``."""

    scale: float
    bias: float

    def probability(self, logits: Scores) -> NDArray[np.float64]:
        """Give the probability of pneumonia for logits of any shape."""
        return sigmoid(self.scale * np.asarray(logits, dtype=np.float64) + self.bias)


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give 1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1 / (1 + small), small / (1 + small))


def fit_calibration(labels: Labels, logits: Scores, *, prevalence: float | None = None) -> Calibration:
    """Fit scale and bias on the tuning set (Platt).

    Parameters
    ----------
    prevalence
        Share of pneumonia at which the probabilities shall hold; None keeps the tuning set's own.

    Raises
    ------
    TrainingError
        If a label is missing, or higher logits do not mean pneumonia more often.
    """
    check_cases(labels, logits)
    return _checked(_fitted(labels, logits, prevalence))


def cross_calibrated(
    labels: Labels, logits: Scores, patients: NDArray[np.str_], *, prevalence: float | None = None, seed: int = 0
) -> Scores:
    """Give each radiograph of the tuning set (N,) the probability by a line that was fitted on other patients.

    Raises
    ------
    TrainingError
        If a label is missing, or has a single patient.
    """
    check_cases(labels, logits)

    def learn(labels: Labels, logits: Scores) -> Callable[[Scores], Scores]:
        return _fitted(labels, logits, prevalence).probability  # it may even fall: that is measured too

    return cross_fitted(labels, logits, patients, learn, seed=seed)


def _fitted(labels: Labels, logits: Scores, prevalence: float | None) -> Calibration:
    scale, bias = _newton(np.stack([logits, np.ones_like(logits)], axis=1), _softened(labels))
    return Calibration(scale=scale, bias=bias + _shift(labels, prevalence))


def recalibrate(labels: Labels, probabilities: Scores, *, prevalence: float | None = None) -> Calibration | None:
    """Fit what would make given probabilities hold on a set: a scale of 1 and a bias of 0 if they do already.

    A scale below 1 means that they are too extreme, a bias above 0 that they are too low. None where the labels are
    told apart without an error, but for some at one single border: no finite line fits then.

    Parameters
    ----------
    prevalence
        Share of pneumonia at which the probabilities are meant to hold; None means the set's own.

    References
    ----------
    Cox DR, Biometrika 1958;45:562; Van Calster B et al., BMC Medicine 2019;17:230.
    """
    check_cases(labels, probabilities)
    logits = log_odds(probabilities)
    if logits[labels == 1].min() >= logits[labels == 0].max():
        return None
    scale, bias = _newton(np.stack([logits, np.ones_like(logits)], axis=1), labels.astype(np.float64))
    return Calibration(scale=scale, bias=bias + _shift(labels, prevalence))


def with_prevalence(calibration: Calibration, *, was: float, now: float) -> Calibration:
    """Move probabilities that hold at one prevalence to another; the ranking does not change.

    >>> moved = with_prevalence(Calibration(scale=1.0, bias=0.0), was=0.5, now=0.1)
    >>> round(float(moved.probability(np.array([0.0]))[0]), 3)
    0.1
    """
    return Calibration(scale=calibration.scale, bias=calibration.bias + _log_odds(now) - _log_odds(was))


def _shift(labels: Labels, prevalence: float | None) -> float:
    return 0.0 if prevalence is None else _log_odds(prevalence) - _log_odds(float(labels.mean()))


def _log_odds(share: float) -> float:
    if not 0 < share < 1:
        raise TrainingError(f"a prevalence of {share} leaves nothing to tell apart; it must lie between 0 and 1")
    return math.log(share / (1 - share))


def _softened(labels: Labels) -> NDArray[np.float64]:
    """Give Platt's targets: one doubtful case of each label keeps a perfect ranking from becoming certainty."""
    positives, negatives = int(labels.sum()), int((1 - labels).sum())
    return np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def _checked(calibration: Calibration) -> Calibration:
    if calibration.scale <= 0:
        raise TrainingError(
            f"higher logits mean pneumonia less often (scale {calibration.scale:.3g}); are the labels exchanged?"
        )
    return calibration


def _newton(design: NDArray[np.float64], targets: NDArray[np.float64]) -> list[float]:
    """Minimise the cross entropy of a logistic model; design has shape (N, parameters)."""
    weights = np.zeros(design.shape[1])
    loss = _loss(design @ weights, targets)
    for _ in range(_STEPS):
        said = sigmoid(design @ weights)
        gradient = design.T @ (said - targets) / len(targets)
        curvature = (design * (said * (1 - said))[:, np.newaxis]).T @ design / len(targets)
        step = np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), gradient)
        share = 1.0
        while (found := _loss(design @ (weights - share * step), targets)) > loss and share > _SMALLEST_HALVING:
            share /= 2
        weights = weights - share * step
        if loss - found < _PRECISE:
            break
        loss = found
    return [float(weight) for weight in weights]


def _loss(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0, logits) - targets * logits).mean())
