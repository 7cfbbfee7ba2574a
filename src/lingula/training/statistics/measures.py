"""What a set of probabilities is worth at a package's operating points: every number of an evaluation, with intervals.

Shares come with intervals over resampled patients; predictive values also at the prevalences hospitals have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.manifest import Estimate, OperatingPoints
from lingula.training.statistics.calibrate import Calibration, recalibrate
from lingula.training.statistics.intervals import (
    Labels,
    Scores,
    Statistic,
    clustered_bootstraps,
    never_certain,
    never_flawless,
)
from lingula.training.statistics.metrics import (
    Confusion,
    Decisions,
    Measure,
    auroc_interval,
    decide,
    decision_statistic,
    predictive_values,
    weighted_auroc,
    weighted_average_precision,
)
from lingula.training.statistics.reliability import (
    BrierParts,
    ReliabilityBin,
    brier_parts,
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_bins,
    weighted_brier,
)

PREVALENCES = (0.05, 0.15, 0.30)
"""Shares of pneumonia among the radiographs of an emergency department, a ward and an epidemic."""
BALANCED = 0.5
"""The prevalence at which probabilities hold: no hospital's own, and stated with every number."""
_MEASURES: dict[str, Measure] = {
    "sensitivity": Confusion.sensitivity,
    "specificity": Confusion.specificity,
    "ppv": Confusion.ppv,
    "npv": Confusion.npv,
    "accuracy": Confusion.accuracy,
    "f1": Confusion.f1,
    "mcc": Confusion.mcc,
}


@dataclass(frozen=True, kw_only=True)
class AtPrevalence:
    """Predictive values where so many of the radiographs show pneumonia; None where nobody is on that side."""

    prevalence: float
    ppv: float | None
    npv: float | None


@dataclass(frozen=True, kw_only=True)
class PointMeasured:
    """One threshold on one set; `estimates` has each measure by name, None where it is undefined."""

    name: str
    intended: str
    decisions: Decisions
    estimates: Mapping[str, Estimate | None]
    at_prevalence: tuple[AtPrevalence, ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Every number for one set of radiographs.

    The calibration error is given twice: as found, and with both labels weighing the same, since a probability that
    holds at one prevalence looks wrong at another.

    Parameters
    ----------
    recalibration
        What would make the probabilities hold with both labels weighing the same: a scale of 1 and a bias of 0 if they
        do. None where no finite line fits, see `recalibrate`.
    """

    radiographs: int
    patients: int
    positives: int
    auroc: Estimate | None
    average_precision: Estimate | None
    brier: Estimate | None
    brier_balanced: float
    calibration_error: float
    calibration_error_balanced: float
    brier_parts: BrierParts
    log_loss: float
    recalibration: Calibration | None
    reliability: tuple[ReliabilityBin, ...]
    points: tuple[PointMeasured, ...]


def measure(
    labels: Labels, probabilities: Scores, patients: NDArray[np.str_], points: OperatingPoints, *, seed: int = 0
) -> Measured:
    """Measure probabilities on one set.

    Raises
    ------
    TrainingError
        If the set has one label only.
    """
    named = (
        ("rule out", points.rule_out.intended, points.rule_out.threshold),
        ("rule in", points.rule_in.intended, points.rule_in.threshold),
        ("one half", "for comparison with others", 0.5),
    )
    decisions = [decide(labels, probabilities, threshold) for _, _, threshold in named]
    statistics: dict[str, Statistic] = {
        "auroc": weighted_auroc,
        "average precision": weighted_average_precision,
        "brier": weighted_brier,
    }
    for name, _, threshold in named:
        statistics |= {f"{name}/{what}": decision_statistic(threshold, how) for what, how in _MEASURES.items()}
    found = clustered_bootstraps(statistics, labels, probabilities, patients, seed=seed)

    def ranked(made: Estimate | None, how: Statistic) -> Estimate | None:
        return None if made is None else never_flawless(made, how, labels, probabilities, patients, seed=seed)

    return Measured(
        radiographs=len(labels),
        patients=len(np.unique(patients)),
        positives=int(labels.sum()),
        auroc=ranked(found["auroc"], weighted_auroc),
        average_precision=ranked(found["average precision"], weighted_average_precision),
        brier=found["brier"],
        brier_balanced=brier_score(labels, probabilities, prevalence=BALANCED),
        calibration_error=expected_calibration_error(labels, probabilities),
        calibration_error_balanced=expected_calibration_error(labels, probabilities, prevalence=BALANCED),
        brier_parts=brier_parts(labels, probabilities),
        log_loss=log_loss(labels, probabilities),
        recalibration=recalibrate(labels, probabilities, prevalence=BALANCED),
        reliability=tuple(reliability_bins(labels, probabilities)),
        points=tuple(
            _point(name, intended, made, found, (labels, probabilities, patients), seed)
            for (name, intended, _), made in zip(named, decisions, strict=True)
        ),
    )


def _point(
    name: str,
    intended: str,
    made: Decisions,
    found: Mapping[str, Estimate | None],
    cases: tuple[Labels, Scores, NDArray[np.str_]],
    seed: int,
) -> PointMeasured:
    estimates = _estimates(name, found, _drawn_from(made.threshold, *cases))
    for what in ("f1", "mcc"):
        if (estimate := estimates[what]) is not None and estimate.value == 1.0:
            how = decision_statistic(made.threshold, _MEASURES[what])
            estimates[what] = never_flawless(estimate, how, *cases, seed=seed)
    return PointMeasured(
        name=name,
        intended=intended,
        decisions=made,
        estimates=estimates,
        at_prevalence=_at_prevalences(made),
    )


def _estimates(
    name: str, found: Mapping[str, Estimate | None], drawn_from: Mapping[str, NDArray[np.str_]]
) -> dict[str, Estimate | None]:
    made = {what: found[f"{name}/{what}"] for what in _MEASURES}
    for what, patients in drawn_from.items():
        if (estimate := made[what]) is not None:
            made[what] = never_certain(estimate, patients)
    return made


def _drawn_from(
    threshold: float, labels: Labels, probabilities: Scores, patients: NDArray[np.str_]
) -> dict[str, NDArray[np.str_]]:
    """Give for each share the patients it is a share of."""
    flagged = probabilities >= threshold
    return {
        "sensitivity": patients[labels == 1],
        "specificity": patients[labels == 0],
        "ppv": patients[flagged],
        "npv": patients[~flagged],
        "accuracy": patients,
    }


def _at_prevalences(made: Decisions) -> tuple[AtPrevalence, ...]:
    values = [(share, *predictive_values(made.sensitivity, made.specificity, share)) for share in PREVALENCES]
    return tuple(AtPrevalence(prevalence=share, ppv=ppv, npv=npv) for share, ppv, npv in values)


@dataclass(frozen=True, kw_only=True)
class FindingMeasured:
    """One finding: how many, which bands, and how well its radiographs are told from those of the other label."""

    finding: str
    label: int
    radiographs: int
    auroc: Estimate | None
    rule_out: float
    rule_in: float


def measure_findings(
    findings: Sequence[str], labels: Labels, probabilities: Scores, patients: NDArray[np.str_], points: OperatingPoints
) -> tuple[FindingMeasured, ...]:
    """Measure each finding against all radiographs of the other label.

    `rule_out` and `rule_in` are shares decided rightly at these points: the sensitivity of a finding with label 1, the
    specificity of one with label 0.
    """
    named = np.array(findings, dtype=np.str_)
    made = []
    for finding, label in sorted(set(zip(findings, labels.tolist(), strict=True)), key=lambda pair: (pair[1], pair[0])):
        its_own = (named == finding) & (labels == label)
        rows = its_own | (labels != label)
        flagged = [probabilities[its_own] >= point.threshold for point in (points.rule_out, points.rule_in)]
        shares = [float((flags if label else ~flags).mean()) for flags in flagged]
        made.append(
            FindingMeasured(
                finding=finding,
                label=label,
                radiographs=int(its_own.sum()),
                auroc=auroc_interval(labels[rows], probabilities[rows], patients[rows]),
                rule_out=shares[0],
                rule_in=shares[1],
            )
        )
    return tuple(made)
