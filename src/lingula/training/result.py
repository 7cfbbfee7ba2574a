"""What an evaluation found, in one value: written as JSON, drawn as a page, printed in a few lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lingula.modelpackage.manifest import Estimate
from lingula.training.measures import FindingMeasured, Measured
from lingula.training.outcomes import Outcome


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """A package measured on one source.

    Parameters
    ----------
    intended_use
        The package's own statement; an evaluation outside it says nothing about use inside it.
    by_status
        How many radiographs were `assessed`, `not eligible` or `failed`.
    intervals_by
        Who was drawn for the intervals: `patient`, or `radiograph` where the source does not know its patients.
    everyone
        All radiographs with a label and readable pixels, eligible or not; None if they have one label only.
    assessed_only
        Those a hospital would get an assessment for; None if they have one label only.
    bands
        For each label how many fell into each band, or had none.
    refusals
        What was not assessed, and why.
    most_wrong
        Assessed radiographs whose probability contradicts the label most.
    """

    package: str
    package_sha256: str
    intended_use: str
    source: str
    evaluated_at: datetime
    radiographs: int
    by_status: Mapping[str, int]
    intervals_by: str
    everyone: Measured | None
    assessed_only: Measured | None
    by_finding: tuple[FindingMeasured, ...]
    bands: Mapping[str, Mapping[str, int]]
    refusals: tuple[Outcome, ...]
    most_wrong: tuple[Outcome, ...]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Give what a person wants to read at the end."""
        counts = ", ".join(f"{count} {status}" for status, count in self.by_status.items() if count)
        head = [f"{self.package} on {self.source}: {self.radiographs} radiographs, {counts}"]
        if (made := self.everyone) is not None:
            head.append(f"AUROC {write_estimate(made.auroc)}, intervals by {self.intervals_by}")
            head += [
                f"{point.name} at {point.decisions.threshold:.4f}: "
                f"sensitivity {write_estimate(point.estimates['sensitivity'])}, "
                f"specificity {write_estimate(point.estimates['specificity'])}"
                for point in made.points
            ]
            head.append(
                f"calibration error {made.calibration_error:.4f} as found, "
                f"{made.calibration_error_balanced:.4f} with both labels weighing the same"
            )
        return [*head, *(f"note: {note}" for note in self.notes)]


def write_estimate(estimate: Estimate | None, digits: int = 4) -> str:
    """Write a number with its interval, or that there is none."""
    if estimate is None:
        return "undefined"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"
