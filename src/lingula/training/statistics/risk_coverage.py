"""What is gained where the model may stay silent: errors among the radiographs it is surest of.

A radiograph's confidence is the distance of its probability from the threshold, in log-odds: 0.001 and 0.01 are then as
far apart as 0.1 and 0.5. The curve is walked by distinct confidences, so that ties cannot be ordered by luck.

References
----------
Geifman Y, El-Yaniv R, NeurIPS 2017 (risk and coverage); Geifman Y et al., ICLR 2019 (area and its excess).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.intervals import (
    Labels,
    Scores,
    Statistic,
    Weights,
    clustered_band,
    clustered_bootstraps,
    never_certain,
)
from lingula.training.statistics.metrics import weighted_by_score
from lingula.training.statistics.reliability import log_odds

COVERAGES = (1.0, 0.95, 0.9)
"""At which shares of decided radiographs accuracy is given."""
_PLACES = np.linspace(0.02, 1, 50)
_BAND_REPEATS = 500
_REPEATS = 1000
_SMALLEST = 1e-9  # of the radiographs; less than one of them


@dataclass(frozen=True, kw_only=True)
class SelectiveAccuracy:
    """Accuracy where at least `asked` of the radiographs are decided, those of highest confidence; `decided` were."""

    asked: float
    decided: float
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class RiskCoverage:
    """Errors over the share of radiographs decided.

    Parameters
    ----------
    curve
        Rows of coverage, share of errors, and the limits of its 95 % interval.
    area
        Mean share of errors over all coverages (AURC); 0 is perfect.
    least_area
        What a model with the same errors would have if its errors were its least sure radiographs.
    """

    threshold: float
    curve: tuple[tuple[float, float, float, float], ...]
    area: Estimate
    least_area: float
    selective: tuple[SelectiveAccuracy, ...]


def measure_risk_coverage(cases: Cases, threshold: float, *, seed: int = 0) -> RiskCoverage:
    """Measure errors at one threshold over the share of radiographs that is decided.

    Raises
    ------
    TrainingError
        If there is no case.
    """
    if not len(cases):
        raise TrainingError("risk and coverage need at least one radiograph with a label and a probability")
    wrong = ((cases.probabilities >= threshold) != (cases.labels == 1)).astype(np.int64)
    sureness = confidence(cases.probabilities, threshold)
    given = (wrong, sureness, cases.patients)
    statistics: dict[str, Statistic] = {"area": weighted_area}
    statistics |= {f"{asked}": _accuracy_at(asked) for asked in COVERAGES}
    found = clustered_bootstraps(statistics, *given, repeats=_REPEATS, seed=seed)
    low, high = clustered_band(_risks_over_places, *given, repeats=_BAND_REPEATS, seed=seed)
    once = np.ones((1, len(cases)))
    risks = _risks_over_places(wrong, sureness, once)[0]
    return RiskCoverage(
        threshold=threshold,
        curve=tuple(zip(_PLACES.tolist(), risks.tolist(), low.tolist(), high.tolist(), strict=True)),
        area=_defined(found["area"]),
        least_area=float(weighted_area(wrong, 1.0 - wrong - np.arange(len(wrong)) * _SMALLEST, once)[0]),
        selective=tuple(
            SelectiveAccuracy(
                asked=asked,
                decided=float(_decided(wrong, sureness, asked)),
                accuracy=never_certain(_defined(found[f"{asked}"]), cases.patients),
            )
            for asked in COVERAGES
        ),
    )


def confidence(probabilities: Scores, threshold: float) -> Scores:
    """Give the distance from a threshold in log-odds, shape (N,).

    >>> confidence(np.array([0.5, 0.9, 0.1]), 0.5).round(2).tolist()
    [0.0, 2.2, 2.2]
    """
    # Rounded, because 0.1 and 0.9 are equally far from 0.5 and only arithmetic says otherwise.
    return np.abs(log_odds(probabilities) - log_odds(np.array(threshold))).round(9)


def weighted_area(wrong: Labels, sureness: Scores, weights: Weights) -> NDArray[np.float64]:
    """Area under the risk-coverage curve for each row of weights: each radiograph counts the risk where it comes in."""
    risks, counted = _risks(wrong, sureness, weights)
    area: NDArray[np.float64] = np.nansum(risks * counted, axis=1) / counted.sum(axis=1)
    return area


def _risks(wrong: Labels, sureness: Scores, weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the share of errors down to each distinct confidence, surest first, and how much weight each adds."""
    errors, rights = (side[:, ::-1] for side in weighted_by_score(wrong, sureness, weights))
    counted = errors + rights
    with np.errstate(invalid="ignore"):
        risks = np.cumsum(errors, axis=1) / np.cumsum(counted, axis=1)
    return risks, counted


def _reaching(counted: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.intp]:
    """Give where each row has first counted at least each share of its weight, shape (repeats, shares)."""
    reached = np.cumsum(counted, axis=1)
    asked = shares * reached[:, -1:] * (1 - _SMALLEST)
    return np.stack([np.searchsorted(row, wanted) for row, wanted in zip(reached, asked, strict=True)])


def _accuracy_at(share: float) -> Statistic:
    def statistic(wrong: Labels, sureness: Scores, weights: Weights) -> NDArray[np.float64]:
        risks, counted = _risks(wrong, sureness, weights)
        return np.asarray(1 - np.take_along_axis(risks, _reaching(counted, np.array([share])), axis=1)[:, 0])

    return statistic


def _decided(wrong: Labels, sureness: Scores, share: float) -> float:
    _, counted = _risks(wrong, sureness, np.ones((1, len(wrong))))
    return float(counted[0, : _reaching(counted, np.array([share]))[0, 0] + 1].sum() / counted.sum())


def _risks_over_places(wrong: Labels, sureness: Scores, weights: Weights) -> NDArray[np.float64]:
    risks, counted = _risks(wrong, sureness, weights)
    return np.take_along_axis(risks, _reaching(counted, _PLACES), axis=1)


def _defined(estimate: Estimate | None) -> Estimate:
    if estimate is None:
        raise TrainingError("the share of errors is undefined on this set")
    return estimate
