"""What a run measured, and the gate it must pass before a package is written.

Ranking (AUROC, stress, lungs blanked) and refusals are measured out of fold on every radiograph, by networks that never
saw its patient; calibration and operating points on the tuning set, by the network that is shipped.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lingula.errors import TrainingError
from lingula.modelpackage.gate import shortfalls
from lingula.modelpackage.manifest import Estimate, Histogram, Manifest, OperatingPoints, References
from lingula.training.calibrate import Calibration, fit_calibration
from lingula.training.crossvalidate import OutOfFold
from lingula.training.dataset import Dataset
from lingula.training.intervals import clustered_bootstrap, wilson_interval
from lingula.training.labelled import Part
from lingula.training.metrics import brier_score, expected_calibration_error, weighted_auroc
from lingula.training.operating_point import choose_operating_points
from lingula.training.recipe import Recipe
from lingula.training.settle import Observed
from lingula.training.split import Split

BALANCED = 0.5  # the prevalence at which probabilities hold: no hospital's own, and stated with every number
_BINS = 20


class Findings(BaseModel):
    """Everything measured in one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    radiographs: int
    patients: int
    folds: str
    auroc: Estimate
    by_finding: dict[str, Estimate]
    stressed: dict[str, Estimate]
    lungs_blanked: Estimate
    false_refusal: Estimate
    tuning_radiographs: int
    tuning_patients: int
    tuning_auroc: Estimate
    expected_calibration_error: float
    brier_score: float
    operating_points: OperatingPoints
    references: References

    @property
    def worst_stress(self) -> str:
        """The stress under which ranking suffers most."""
        return min(self.stressed, key=lambda name: self.stressed[name].value)

    def with_novelty(self, novelty: NDArray[np.float64]) -> Self:
        """Add the distribution of novelty on the tuning set, known once the limits are settled."""
        references = References(probability=self.references.probability, novelty=_histogram(novelty, 0.0, 2.0))
        return self.model_copy(update={"references": references})

    def lines(self) -> list[str]:
        """Give what a person wants to read at the end of a run."""
        points = self.operating_points
        return [
            f"out of fold, {self.radiographs} radiographs of {self.patients} patients, {self.folds} folds:",
            f"  AUROC {_text(self.auroc)}",
            *(f"  AUROC {name} against normal {_text(value)}" for name, value in self.by_finding.items()),
            *(f"  AUROC {name} {_text(value)}" for name, value in self.stressed.items()),
            f"  AUROC with the lungs blanked out {_text(self.lungs_blanked)}",
            f"  real radiographs refused {_text(self.false_refusal)}",
            f"tuning set, {self.tuning_radiographs} radiographs of {self.tuning_patients} patients:",
            f"  AUROC {_text(self.tuning_auroc)}",
            f"  calibration error {self.expected_calibration_error:.4f}, Brier score {self.brier_score:.4f}",
            *(
                f"  {name} at {point.threshold:.4f} ({point.intended}): sensitivity {_text(point.sensitivity)}, "
                f"specificity {_text(point.specificity)}"
                for name, point in (("rule out", points.rule_out), ("rule in", points.rule_in))
            ),
        ]


def _text(estimate: Estimate) -> str:
    return f"{estimate.value:.4f} ({estimate.low:.4f}-{estimate.high:.4f})"


def weigh(
    recipe: Recipe, dataset: Dataset, split: Split, judged: OutOfFold, tuning: Observed
) -> tuple[Findings, Calibration]:
    """Measure everything, fit the calibration and choose the operating points."""
    known = np.flatnonzero(np.isfinite(judged.logits))
    labels, patients = dataset.labels[known], dataset.patients[known]

    def ranking(logits: NDArray[np.float64]) -> Estimate:
        return clustered_bootstrap(weighted_auroc, labels, logits[known], patients, seed=recipe.seed)

    rows = split.rows(Part.TUNING)
    tuned = dataset.labels[rows]
    calibration = fit_calibration(tuned, tuning.logits, prevalence=BALANCED)
    probabilities = calibration.probability(tuning.logits)
    intended = recipe.operating_points.model_dump()
    points = choose_operating_points(tuned, probabilities, dataset.patients[rows], **intended)
    histogram = _histogram(probabilities, 0.0, 1.0)  # novelty's follows once its limits are settled
    findings = Findings(
        radiographs=len(known),
        patients=len(set(patients.tolist())),
        folds=f"{recipe.split.judged or split.fold_count} of {split.fold_count}",
        auroc=ranking(judged.logits),
        by_finding=_by_finding(dataset, known, judged, recipe.seed),
        stressed={name: ranking(logits) for name, logits in judged.stressed.items()},
        lungs_blanked=ranking(judged.blanked),
        false_refusal=_share(judged.is_refused[known]),
        tuning_radiographs=len(rows),
        tuning_patients=len(set(dataset.patients[rows].tolist())),
        tuning_auroc=clustered_bootstrap(
            weighted_auroc, tuned, probabilities, dataset.patients[rows], seed=recipe.seed
        ),
        expected_calibration_error=expected_calibration_error(tuned, probabilities, prevalence=BALANCED),
        brier_score=brier_score(tuned, probabilities, prevalence=BALANCED),
        operating_points=points,
        references=References(probability=histogram, novelty=histogram),
    )
    return findings, calibration


def _share(is_so: NDArray[np.bool_]) -> Estimate:
    """Give the share of true values with Wilson's interval."""
    low, high = wilson_interval(int(is_so.sum()), len(is_so))
    return Estimate(value=float(is_so.mean()), low=low, high=high)


def _by_finding(dataset: Dataset, known: NDArray[np.intp], judged: OutOfFold, seed: int) -> dict[str, Estimate]:
    """Rank each finding of the positives against all negatives."""
    found = {}
    for finding in sorted(set(dataset.findings[known][dataset.labels[known] == 1].tolist())):
        rows = known[(dataset.labels[known] == 0) | (dataset.findings[known] == finding)]
        found[finding] = clustered_bootstrap(
            weighted_auroc, dataset.labels[rows], judged.logits[rows], dataset.patients[rows], seed=seed
        )
    return found


def _histogram(values: NDArray[np.float64], low: float, high: float) -> Histogram:
    counts, edges = np.histogram(np.clip(values, low, high), bins=_BINS, range=(low, high))
    return Histogram(edges=tuple(float(edge) for edge in edges), counts=tuple(int(count) for count in counts))


def check_gate(manifest: Manifest) -> None:
    """Raise `TrainingError` naming every number that does not reach the gate; promotion asks the same again."""
    if failed := shortfalls(manifest):
        raise TrainingError(f"no package is written: {'; '.join(failed)}; change the recipe, not the gate")
