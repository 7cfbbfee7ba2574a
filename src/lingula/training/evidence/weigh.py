"""From what was said of each radiograph to numbers with intervals, a calibration and two operating points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate, OperatingPoints, References
from lingula.training.data.dataset import Dataset, Rows
from lingula.training.data.labelled import Part
from lingula.training.data.split import Split
from lingula.training.evidence.crossvalidate import is_own_tuning
from lingula.training.evidence.findings import Effort, Findings, histogram
from lingula.training.evidence.judging import Judged
from lingula.training.evidence.settle import Observed
from lingula.training.learning.journal import Epoch
from lingula.training.recipe import Precision, Recipe, Sight
from lingula.training.statistics.calibrate import Calibration, cross_calibrated, fit_calibration
from lingula.training.statistics.intervals import (
    Labels,
    Scores,
    Weights,
    clustered_bootstrap,
    never_certain,
    never_flawless,
)
from lingula.training.statistics.measures import BALANCED
from lingula.training.statistics.metrics import Confusion, auroc, decision_statistic, weighted_auroc
from lingula.training.statistics.operating_point import choose_operating_points
from lingula.training.statistics.reliability import brier_score, expected_calibration_error

_UNCALIBRATED = Calibration(scale=1.0, bias=0.0)
_LOST = 0.1  # of the radiographs without a box of their own: more is no matter of single pictures
_OWN_ANSWER = decision_statistic(0.0, Confusion.accuracy)  # of logits: the network's own sigmoid at 0.5


def weigh(
    recipe: Recipe, dataset: Dataset, split: Split, judged: Judged, tuning: Observed, history: Sequence[Epoch]
) -> tuple[Findings, Calibration]:
    """Measure everything, fit the calibration and choose the operating points.

    Calibration error, Brier score and both points are measured cross-fitted: no patient of the tuning set is judged by
    what its own label decided. The calibration that is given back is fitted on all of them. Without operating points
    the two are measured on those who fitted it; nothing becomes a package then.

    A network that ranks the wrong way round, or promises what the recipe asks of no operating point, is measured all
    the same; the findings then say so and have no operating points.
    """
    rows = judged.rows
    labels, patients = dataset.labels[rows], dataset.patients[rows]
    part = split.rows(Part.TUNING)
    tuned, tuned_patients = dataset.labels[part], dataset.patients[part]

    decided = _decide(recipe, tuned, tuning.logits, tuned_patients)
    shipped = decided.calibration.probability(tuning.logits)
    counted = histogram(shipped, 0.0, 1.0)  # novelty's follows once its limits are settled
    findings = Findings(
        judged=judged.way,
        radiographs=len(rows),
        patients=len(set(patients.tolist())),
        auroc=_ranking(dataset, judged.logits, rows, recipe),
        fold_aurocs=_fold_aurocs(dataset, judged),
        accuracy=clustered_bootstrap(_OWN_ANSWER, labels, judged.logits[rows], patients, seed=recipe.seed),
        by_finding=_by_finding(dataset, judged, recipe),
        probed_auroc=None if judged.is_probed[rows].all() else _ranking(dataset, judged.logits, judged.probed, recipe),
        stressed={name: _ranking(dataset, logits, judged.probed, recipe) for name, logits in judged.stressed.items()},
        lungs_blanked=_ranking(dataset, judged.blanked, judged.probed, recipe),
        false_refusal=_refused(dataset, judged, recipe),
        tuning_radiographs=len(tuned),
        tuning_patients=len(set(tuned_patients.tolist())),
        tuning_auroc=_auroc(tuned, shipped, tuned_patients, recipe.seed),
        expected_calibration_error=expected_calibration_error(tuned, decided.probabilities, prevalence=BALANCED),
        brier_score=brier_score(tuned, decided.probabilities, prevalence=BALANCED),
        operating_points=decided.points,
        no_points=decided.no_points,
        cross_fitted=decided.points is not None,
        arithmetic=_arithmetic(history),
        references=References(probability=counted, novelty=counted),
        effort=effort_of(history),
        notes=tuple(_notes(recipe, split, judged)),
    )
    return findings, decided.calibration


def effort_of(history: Sequence[Epoch]) -> Effort:
    """Add up what a run's epochs cost."""
    pictures = [epoch for epoch in history if epoch.stage == "classifier"]
    seconds = sum(epoch.seconds for epoch in pictures)
    seen = sum(epoch.seconds * epoch.images_per_second for epoch in pictures)
    return Effort(
        seconds=sum(epoch.seconds for epoch in history),
        shipped_seconds=sum(epoch.seconds for epoch in history if epoch.fold is None),
        images_per_second=seen / seconds if seconds else 0.0,
    )


def _arithmetic(history: Sequence[Epoch]) -> tuple[Precision, ...]:
    """Give what the epochs of the classifier that ships calculated in."""
    shipped = [epoch.precision for epoch in history if epoch.stage == "classifier" and epoch.fold is None]
    return tuple(sorted({precision for precision in shipped if precision is not None}))


@dataclass(frozen=True, kw_only=True)
class _Decided:
    """What the tuning set decides.

    Parameters
    ----------
    probabilities
        (N,) of the tuning set; where there are operating points, each by a calibration fitted on other patients.
    no_points
        Why there are no operating points; empty where there are.
    """

    calibration: Calibration
    probabilities: Scores
    points: OperatingPoints | None = None
    no_points: str = ""


def _decide(recipe: Recipe, labels: Labels, logits: Scores, patients: NDArray[np.str_]) -> _Decided:
    """Calibrate and choose; where that cannot be done, say why and go without."""
    try:
        calibration = fit_calibration(labels, logits, prevalence=BALANCED)
    except TrainingError as error:
        unchanged = _UNCALIBRATED.probability(logits)
        return _Decided(calibration=_UNCALIBRATED, probabilities=unchanged, no_points=f"not calibrated: {error}")
    said, intended = calibration.probability(logits), recipe.operating_points.model_dump()
    try:
        points = choose_operating_points(labels, said, patients, **intended, seed=recipe.seed)
    except TrainingError as error:
        return _Decided(calibration=calibration, probabilities=said, no_points=f"no operating points: {error}")
    held = cross_calibrated(labels, logits, patients, prevalence=BALANCED, seed=recipe.seed)
    return _Decided(calibration=calibration, probabilities=held, points=points)


def _notes(recipe: Recipe, split: Split, judged: Judged) -> list[str]:
    """Say what flatters, or what the numbers do not cover."""
    notes = [] if split.cut.warning is None else [split.cut.warning]
    if is_own_tuning(judged, split):
        notes.append(
            "judged on the tuning part, whose labels also calibrated the probabilities of predictions.csv: calibration "
            "measured from that file flatters"
        )
    if len(judged.probed) < len(judged.rows):
        notes.append(f"stress and blanked lungs were judged on {len(judged.probed)} of {len(judged.rows)} radiographs")
    if recipe.classifier.schedule.patience is not None:
        notes.append("the tuning part also chose the epoch that is kept")
    if (begun := recipe.classifier.network.package) is not None:
        notes.append(f"begun with the weights of {begun}: radiographs it learnt from, if any are judged here, flatter")
    if recipe.classifier.network.sees is Sight.FRAME:
        notes.append("the network sees the whole frame, and what surrounds the lungs can betray the label")
    elif (lost := int(judged.fills_frame[judged.rows].sum())) > _LOST * len(judged.rows):
        notes.append(
            f"the lungs' box is the whole frame in {lost} of {len(judged.rows)} radiographs: the lung finder found no "
            "lungs there"
        )
    if recipe.split.folds and len(split.rows(Part.TEST)):
        notes.append(f"the test part of {len(split.rows(Part.TEST))} radiographs was not looked at")
    return notes


def _refused(dataset: Dataset, judged: Judged, recipe: Recipe) -> Estimate:
    """Give the share of the judged radiographs beyond the limit of novelty, over resampled patients."""
    rows = judged.rows
    patients, beyond = dataset.patients[rows], (judged.novelty[rows] > 1.0).astype(np.float64)
    drawn = clustered_bootstrap(_weighted_share, dataset.labels[rows], beyond, patients, seed=recipe.seed)
    return never_certain(drawn, patients)


def _weighted_share(_: Labels, is_so: Scores, weights: Weights) -> NDArray[np.float64]:
    """Give the share (repeats,) of ones among radiographs (N,) that count `weights` (repeats, N) times."""
    return np.asarray(weights @ is_so / weights.sum(axis=1))


def _fold_aurocs(dataset: Dataset, judged: Judged) -> tuple[float, ...]:
    folds = sorted(set(judged.folds[judged.rows].tolist()))
    return tuple(auroc(dataset.labels[judged.folds == fold], judged.logits[judged.folds == fold]) for fold in folds)


def _by_finding(dataset: Dataset, judged: Judged, recipe: Recipe) -> dict[str, Estimate]:
    """Rank each finding of the positives against all negatives."""
    known = judged.rows
    found = {}
    for finding in sorted(set(dataset.findings[known][dataset.labels[known] == 1].tolist())):
        rows = known[(dataset.labels[known] == 0) | (dataset.findings[known] == finding)]
        found[finding] = _ranking(dataset, judged.logits, rows, recipe)
    return found


def _ranking(dataset: Dataset, logits: NDArray[np.float64], rows: Rows, recipe: Recipe) -> Estimate:
    """Give the AUROC of the logits (N,) of some rows."""
    labels, patients = dataset.labels[rows], dataset.patients[rows]
    return _auroc(labels, logits[rows], patients, recipe.seed)


def _auroc(labels: Labels, scores: Scores, patients: NDArray[np.str_], seed: int) -> Estimate:
    drawn = clustered_bootstrap(weighted_auroc, labels, scores, patients, seed=seed)
    return never_flawless(drawn, weighted_auroc, labels, scores, patients, seed=seed)
