"""Whether a decision by the model does more good than flagging everybody or nobody.

Who flags at odds of 1:20 holds one missed pneumonia as bad as twenty needless looks. Net benefit counts the found, less
the needless weighted by these odds. It depends on the prevalence, so it is given at those hospitals have, and the
model's probabilities are moved there first: they hold at one prevalence (Bayes).

References
----------
Vickers AJ, Elkin EB, Medical Decision Making 2006;26:565 (decision curves); Van Calster B et al., BMC Medicine 2019;
17:230 (what miscalibration costs here).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate
from lingula.training.statistics.calibrate import Calibration, with_prevalence
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.intervals import Labels, Scores, Statistic, Weights, clustered_band
from lingula.training.statistics.measures import BALANCED, PREVALENCES

LEAST_ODDS, MOST_ODDS = 1 / 20, 1 / 2
"""The range of odds: one missed pneumonia against twenty or two needless looks."""
_PLACES = 25
_REPEATS = 500


@dataclass(frozen=True, kw_only=True)
class NetBenefit:
    """Net benefit per radiograph at one odds; flagging nobody gives 0.

    Parameters
    ----------
    probability
        The threshold at these odds: odds / (1 + odds).
    model
        Flagging who has this probability or more, once moved to the prevalence.
    rule_out
        Flagging who reaches the package's own rule-out point, whatever the odds.
    treat_all
        Flagging everybody.
    """

    odds: float
    probability: float
    model: Estimate
    rule_out: Estimate
    treat_all: float


@dataclass(frozen=True, kw_only=True)
class DecisionCurve:
    """Net benefit over odds at one prevalence."""

    prevalence: float
    points: tuple[NetBenefit, ...]


def measure_decision_curves(
    cases: Cases, rule_out: float, *, holds_at: float = BALANCED, seed: int = 0
) -> tuple[DecisionCurve, ...]:
    """Measure net benefit at each prevalence.

    Parameters
    ----------
    rule_out
        The threshold below which a radiograph is unlikely.
    holds_at
        The prevalence at which the probabilities hold; Lingula calibrates at one half.

    Raises
    ------
    TrainingError
        If the set has one label only, or `holds_at` is no prevalence.
    """
    if not cases.has_both_labels:
        raise TrainingError("a decision curve needs radiographs of both labels")
    return tuple(_curve(cases, rule_out, prevalence, holds_at, seed) for prevalence in PREVALENCES)


def threshold_at(odds: float, prevalence: float, holds_at: float = BALANCED) -> float:
    """Give the probability, as the model says it, that means these odds at another prevalence.

    >>> round(threshold_at(0.25, 0.5), 4), round(threshold_at(0.25, 0.2), 4)
    (0.2, 0.5)
    """
    moved = with_prevalence(Calibration(scale=1.0, bias=0.0), was=prevalence, now=holds_at)
    return float(moved.probability(np.array(math.log(odds))))


def net_benefit(thresholds: Sequence[float], odds: Sequence[float], prevalence: float) -> Statistic:
    """Make a statistic of shape (repeats, thresholds): net benefit of flagging at each threshold and its odds.

    Labels are weighed as if `prevalence` of the radiographs were positive.
    """

    def statistic(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
        flagged = scores[:, np.newaxis] >= np.array(thresholds)  # (N, thresholds)
        positive = (labels == 1).astype(np.float64)
        sides = [weights * side @ flagged.astype(np.float64) for side in (positive, 1 - positive)]
        totals = [(weights @ side)[:, np.newaxis] for side in (positive, 1 - positive)]
        with np.errstate(invalid="ignore", divide="ignore"):
            sensitivity, alarms = (side / total for side, total in zip(sides, totals, strict=True))
        return np.asarray(prevalence * sensitivity - (1 - prevalence) * alarms * np.array(odds))

    return statistic


def _curve(cases: Cases, rule_out: float, prevalence: float, holds_at: float, seed: int) -> DecisionCurve:
    places = np.geomspace(LEAST_ODDS, MOST_ODDS, _PLACES).tolist()
    by_model = net_benefit([threshold_at(odds, prevalence, holds_at) for odds in places], places, prevalence)
    by_rule = net_benefit([rule_out] * len(places), places, prevalence)
    models, rules = (_estimates(statistic, cases, seed) for statistic in (by_model, by_rule))
    return DecisionCurve(
        prevalence=prevalence,
        points=tuple(
            NetBenefit(
                odds=odds,
                probability=odds / (1 + odds),
                model=model,
                rule_out=rule,
                treat_all=prevalence - (1 - prevalence) * odds,
            )
            for odds, model, rule in zip(places, models, rules, strict=True)
        ),
    )


def _estimates(statistic: Statistic, cases: Cases, seed: int) -> list[Estimate]:
    given = (cases.labels, cases.probabilities)
    values = statistic(*given, np.ones((1, len(cases))))[0]
    low, high = clustered_band(statistic, *given, cases.patients, repeats=_REPEATS, seed=seed)
    rows = zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(value=value, low=lower, high=upper) for value, lower, upper in rows]
