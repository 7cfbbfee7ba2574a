"""What a run measured, and the gate it must pass before a package is written.

Ranking (AUROC, stress, lungs blanked), plain accuracy and refusals are measured on radiographs that the judging
networks did not learn from; calibration and operating points on the tuning part, by the network that is shipped, each
patient by what the others chose.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lingula.errors import TrainingError
from lingula.modelpackage.gate import shortfalls
from lingula.modelpackage.manifest import Estimate, Histogram, Manifest, OperatingPoints, References
from lingula.training.recipe import Precision

_BINS = 20


class Effort(BaseModel):
    """What the trainings of a run cost; pictures and seconds of the classifier's epochs, watching not counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float
    shipped_seconds: float
    images_per_second: float


class Findings(BaseModel):
    """Everything measured in one run.

    Parameters
    ----------
    judged
        Who judged whom.
    radiographs, patients
        Those that were judged.
    auroc
        Over all of them together; by several networks, whose logits need not have one scale.
    fold_aurocs
        Of each pair of networks on its own radiographs.
    accuracy
        Of the judging networks' own sigmoids at 0.5, nothing calibrated or chosen.
    probed_auroc
        Of the radiographs that were judged under stress too, unchanged; None where those are all.
    operating_points
        None where none could be chosen; there is no package then.
    no_points
        Why there are none; empty where there are, and in findings of older versions, whose notes say it.
    cross_fitted
        Whether calibration error, Brier score and both points are of patients who did not choose them; those of older
        versions are not.
    arithmetic
        What the epochs of the classifier that ships calculated in, two if it went on elsewhere; empty where nobody
        wrote it down.
    notes
        What a reader must know before he believes the numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    judged: str
    radiographs: int
    patients: int
    auroc: Estimate
    fold_aurocs: tuple[float, ...]
    accuracy: Estimate
    by_finding: dict[str, Estimate]
    probed_auroc: Estimate | None = None
    stressed: dict[str, Estimate]
    lungs_blanked: Estimate
    false_refusal: Estimate
    tuning_radiographs: int
    tuning_patients: int
    tuning_auroc: Estimate
    expected_calibration_error: float
    brier_score: float
    operating_points: OperatingPoints | None
    no_points: str = ""
    cross_fitted: bool = False
    arithmetic: tuple[Precision, ...] = ()
    references: References
    effort: Effort
    notes: tuple[str, ...]

    @property
    def mean_auroc(self) -> float:
        """The mean over the pairs of networks that judged: free of their differences in scale."""
        return float(np.mean(self.fold_aurocs))

    @property
    def worst_stress(self) -> str:
        """The stress under which ranking suffers most."""
        return min(self.stressed, key=lambda name: self.stressed[name].value)

    @property
    def measured(self) -> dict[str, float]:
        """The numbers that runs are compared by."""
        return {
            "auroc": self.auroc.value,
            "mean_auroc_of_folds": self.mean_auroc,
            "accuracy": self.accuracy.value,
            "worst_stress_auroc": self.stressed[self.worst_stress].value,
            "lungs_blanked_auroc": self.lungs_blanked.value,
            "false_refusal": self.false_refusal.value,
            "expected_calibration_error": self.expected_calibration_error,
            "brier_score": self.brier_score,
            "training_seconds": self.effort.seconds,
            "images_per_second": self.effort.images_per_second,
        }

    def chosen_points(self) -> OperatingPoints:
        """Give the operating points; raises `TrainingError` saying why where there are none, and so no package."""
        if self.operating_points is None:
            raise TrainingError(f"no package is written: {self.no_points or '; '.join(self.notes)}")
        return self.operating_points

    def with_novelty(self, novelty: NDArray[np.float64]) -> Self:
        """Add the distribution of novelty on the tuning set, known once the limits are settled."""
        references = References(probability=self.references.probability, novelty=histogram(novelty, 0.0, 2.0))
        return self.model_copy(update={"references": references})

    def lines(self) -> list[str]:
        """Give what a person wants to read at the end of a run."""
        effort = self.effort
        return [
            f"{self.judged}: {self.radiographs} radiographs of {self.patients} patients",
            f"  AUROC {self.auroc.in_words()}" + self._by_folds(),
            f"  accuracy at probability 0.5, before calibration, {self.accuracy.in_words()}",
            *(f"  AUROC {name} against normal {value.in_words()}" for name, value in self.by_finding.items()),
            *self._unchanged(),
            *(f"  AUROC {name} {value.in_words()}" for name, value in self.stressed.items()),
            f"  AUROC with the lungs blanked out {self.lungs_blanked.in_words()}",
            f"  real radiographs refused {self.false_refusal.in_words()}",
            f"tuning set, {self.tuning_radiographs} radiographs of {self.tuning_patients} patients:",
            f"  AUROC {self.tuning_auroc.in_words()}",
            f"  calibration error {self.expected_calibration_error:.4f}, Brier score {self.brier_score:.4f}"
            + (", cross-fitted as the points are" if self.cross_fitted else ""),
            *self._points(),
            f"training: {effort.seconds:.0f} s, of it {effort.shipped_seconds:.0f} s for the networks that are shipped",
            f"  classifier at {effort.images_per_second:.1f} images/s",
            *(f"note: {note}" for note in self.notes),
        ]

    def _by_folds(self) -> str:
        if len(self.fold_aurocs) == 1:
            return ""
        return f"; mean of the folds {self.mean_auroc:.4f}, worst {min(self.fold_aurocs):.4f}"

    def _unchanged(self) -> list[str]:
        found = self.probed_auroc
        return [] if found is None else [f"  AUROC unchanged, of the radiographs probed {found.in_words()}"]

    def _points(self) -> list[str]:
        if self.operating_points is None:
            return [f"  {self.no_points or 'no operating points'}"]
        chosen = (("rule out", self.operating_points.rule_out), ("rule in", self.operating_points.rule_in))
        return [
            f"  {name} at {point.threshold:.4f} ({point.intended}): sensitivity {point.sensitivity.in_words()}, "
            f"specificity {point.specificity.in_words()}"
            for name, point in chosen
        ]


def histogram(values: NDArray[np.float64], low: float, high: float) -> Histogram:
    """Count values between two limits, for the monitoring of drift; what lies beyond counts at the edge."""
    counts, edges = np.histogram(np.clip(values, low, high), bins=_BINS, range=(low, high))
    return Histogram(edges=tuple(float(edge) for edge in edges), counts=tuple(int(count) for count in counts))


def check_gate(manifest: Manifest) -> None:
    """Raise `TrainingError` naming every number that does not reach the gate; promotion asks the same again."""
    if failed := shortfalls(manifest):
        raise TrainingError(f"no package is written: {'; '.join(failed)}; change the recipe, not the gate")
