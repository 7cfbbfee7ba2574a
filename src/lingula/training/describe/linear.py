"""How well a plain linear model tells the label from some numbers, on patients it has not seen.

A linear model is the weakest reader there is: what it tells from numbers that show no lungs, a network will find too.

References
----------
Hastie T, Tibshirani R, Friedman J, The Elements of Statistical Learning, 4.4.1 (logistic regression by Newton's steps).
"""

import numpy as np
from numpy.typing import NDArray

from lingula.training.data.dealing import deal, group_strata

Features = NDArray[np.float32]
"""Shape (N, D)."""

FOLDS = 5
_PENALTY = 1e-2  # on half the squared weights, beside the mean loss; columns are standardised
_STEPS = 12
_SETTLED = 1e-4  # the largest change of a weight after which nothing moves any more
_FARTHEST = 5.0  # standard deviations; a cell that only a few pictures fill must not drown the rest
_HALVINGS = 8  # of a step that leads uphill
_FLAT = 1e-6  # a column that varies less holds nothing


def patient_folds(
    labels: NDArray[np.int64], patients: NDArray[np.str_], *, folds: int = FOLDS, seed: int = 0
) -> NDArray[np.int64]:
    """Deal patients to folds within each label; shape (N,), 0 to `folds` - 1."""
    strata = group_strata(
        (patient, label, "") for patient, label in zip(patients.tolist(), labels.tolist(), strict=True)
    )
    fold_of = deal(strata, {str(number): 1 / folds for number in range(folds)}, salt=f"{seed}/describe")
    return np.array([int(fold_of[patient]) for patient in patients.tolist()], np.int64)


def predict_held_out(features: Features, labels: NDArray[np.int64], folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give each radiograph the log odds that a logistic regression on the other folds' radiographs gives it.

    Parameters
    ----------
    features
        Shape (N, D); standardised here, on the radiographs learned from. Both labels weigh the same.
    folds
        Shape (N,), as `patient_folds` gives them.

    Returns
    -------
    NDArray
        Shape (N,).
    """
    odds = np.zeros(len(labels), np.float64)
    start: NDArray[np.float64] | None = None  # the folds before: near the answer, so few steps are left
    for fold in np.unique(folds):
        learn, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        middle, spread = features[learn].mean(axis=0), features[learn].std(axis=0)
        scaled = (features - middle) / np.where(spread > _FLAT, spread, np.inf)
        standard = np.clip(scaled, -_FARTHEST, _FARTHEST).astype(np.float32)
        if len(learn) < standard.shape[1]:
            standard, start = _along_rows(standard, learn), None
        start = _fit(standard[learn], labels[learn], start)
        odds[held] = standard[held] @ start[:-1] + start[-1]
    return odds


def _along_rows(standard: Features, learn: NDArray[np.intp]) -> Features:
    """Turn the axes to those that fewer rows than columns span: the same answer, since the penalty knows no axes."""
    _, _, axes = np.linalg.svd(standard[learn], full_matrices=False)
    return np.asarray(standard @ axes.T)


def _fit(
    standard: Features, labels: NDArray[np.int64], start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Find the weights and, last, the bias, (D + 1,), by Newton's method; the start changes only how soon."""
    columns = np.concatenate([standard, np.ones((len(standard), 1), np.float32)], axis=1)
    each = np.where(labels == 1, 0.5 / max(1, (labels == 1).sum()), 0.5 / max(1, (labels == 0).sum()))
    penalty = np.full(columns.shape[1], _PENALTY)
    penalty[-1] = 0.0  # the bias is free
    weights = np.zeros(columns.shape[1]) if start is None else start.copy()

    def loss(tried: NDArray[np.float64]) -> float:
        odds = columns @ tried.astype(np.float32)
        return float((each * np.logaddexp(0, np.where(labels == 1, -odds, odds))).sum() + penalty @ tried**2 / 2)

    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(columns @ weights.astype(np.float32), -30, 30)))
        slope = columns.T @ (each * (probability - labels)).astype(np.float32) + penalty * weights
        curve = np.sqrt(np.maximum(each * probability * (1 - probability), 1e-12)).astype(np.float32)
        bent = columns * curve[:, np.newaxis]
        step = np.linalg.solve((bent.T @ bent).astype(np.float64) + np.diag(penalty + 1e-9), slope)
        before = loss(weights)
        share = next((0.5**k for k in range(_HALVINGS) if loss(weights - 0.5**k * step) <= before), 0.0)
        weights -= share * step
        if share * np.abs(step).max() < _SETTLED:
            break
    return weights
