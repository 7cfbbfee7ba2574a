"""Where `unlikely` ends and `likely` begins: two thresholds chosen on the tuning set alone.

Rule-out keeps the intended sensitivity, rule-in the intended specificity. Each threshold lies in the middle of the gap
between two probabilities that occur, so that rounding on another machine moves nobody across.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate, OperatingPoint, OperatingPoints
from lingula.training.statistics.intervals import Labels, Scores, check_cases, clustered_bootstrap, never_certain
from lingula.training.statistics.metrics import Confusion, Measure, decision_statistic

_EXACT = 1e-9  # of a radiograph: 0.02 * 50 is one, whatever floating point makes of it


def choose_operating_points(  # noqa: PLR0913 - data and intentions, all by name at every call
    labels: Labels,
    probabilities: Scores,
    patients: NDArray[np.str_],
    *,
    rule_out_sensitivity: float = 0.98,
    rule_in_specificity: float = 0.95,
    measured_on: str = "tuning set",
    seed: int = 0,
) -> OperatingPoints:
    """Choose both operating points and measure them with intervals over patients.

    Where a model is so good that the rule-out threshold would come to lie above the rule-in threshold, the two change
    places: each then keeps more than it promised, and what lies between stays `unsure`.

    Raises
    ------
    TrainingError
        If there are too few patients to promise what is asked, or a point would decide about nobody.
    """
    check_cases(labels, probabilities)
    _refuse_too_few(labels, patients, rule_out_sensitivity, rule_in_specificity)
    rule_out = _highest_that_finds(rule_out_sensitivity, labels, probabilities)
    rule_in = _lowest_that_spares(rule_in_specificity, labels, probabilities)
    rule_out, rule_in = min(rule_out, rule_in), max(rule_out, rule_in)
    _refuse_useless(labels, probabilities, rule_out, rule_in)

    def point(threshold: float, intended: str) -> OperatingPoint:
        def estimate(label: int, measure: Measure) -> Estimate:
            drawn = clustered_bootstrap(
                decision_statistic(threshold, measure), labels, probabilities, patients, seed=seed
            )
            return never_certain(drawn, patients[labels == label])

        return OperatingPoint(
            threshold=threshold,
            intended=intended,
            sensitivity=estimate(1, Confusion.sensitivity),
            specificity=estimate(0, Confusion.specificity),
            measured_on=f"{measured_on}: {len(labels)} radiographs of {len(np.unique(patients))} patients",
        )

    return OperatingPoints(
        rule_out=point(rule_out, f"sensitivity at least {rule_out_sensitivity:g}"),
        rule_in=point(rule_in, f"specificity at least {rule_in_specificity:g}"),
    )


def _highest_that_finds(sensitivity: float, labels: Labels, probabilities: Scores) -> float:
    """Give the threshold that clears most while it finds the intended share of the positives."""
    found = np.sort(probabilities[labels == 1])
    lowest_kept = found[_allowed(len(found), sensitivity)]
    return _middle(probabilities[probabilities < lowest_kept].max(initial=0.0), lowest_kept)


def _lowest_that_spares(specificity: float, labels: Labels, probabilities: Scores) -> float:
    """Give the threshold that finds most while it spares the intended share of the negatives."""
    spared = np.sort(probabilities[labels == 0])[::-1]
    highest_spared = spared[_allowed(len(spared), specificity)]
    if highest_spared >= 1:
        raise TrainingError(
            "too many normal radiographs have probability 1: no rule-in threshold spares them; train on"
        )
    return _middle(highest_spared, probabilities[probabilities > highest_spared].min(initial=1.0))


def _allowed(count: int, share: float) -> int:
    """Give how many may be decided wrongly when `share` of `count` must be right."""
    return min(math.floor((1 - share) * count + _EXACT), count - 1)


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
