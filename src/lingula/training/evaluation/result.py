"""What an evaluation found, in one value: written as JSON, drawn as a page, printed in a few lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lingula.modelpackage.manifest import Estimate
from lingula.training.data.labelled import Part
from lingula.training.data.outcomes import Outcome
from lingula.training.probes import Probes
from lingula.training.statistics.decision_curve import DecisionCurve
from lingula.training.statistics.measures import FindingMeasured, Measured
from lingula.training.statistics.reading_queue import ReadingRoom
from lingula.training.statistics.risk_coverage import RiskCoverage
from lingula.training.statistics.subgroups import Subgroups


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """A package measured on one source.

    Parameters
    ----------
    intended_use
        The package's own statement; an evaluation outside it says nothing about use inside it.
    lungs_blanked_allowed
        AUROC without lungs that the package's own gate allows; None if it has no gate.
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
    subgroups, risk_coverage, decision_curves
        Of all with a label and readable pixels; None or empty if they have one label only.
    reading_room
        How long who waits with these bands; None if one label only, or if nobody said how a worklist is ordered.
    probes
        What changed radiographs and weights told; None if none were asked for or there is one label only.
    seen
        How many of the radiographs were in each part of the package's own split; None if nobody gave the split.
    most_wrong, most_right
        Assessed radiographs whose probability contradicts the label most, and those surest and right, some of each
        label.
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
    subgroups: Subgroups | None
    risk_coverage: RiskCoverage | None
    decision_curves: tuple[DecisionCurve, ...]
    bands: Mapping[str, Mapping[str, int]]
    refusals: tuple[Outcome, ...]
    most_wrong: tuple[Outcome, ...]
    most_right: tuple[Outcome, ...]
    notes: tuple[str, ...]
    reading_room: ReadingRoom | None = None
    probes: Probes | None = None
    seen: Mapping[str, int] | None = None
    lungs_blanked_allowed: float | None = None

    @property
    def seen_in_words(self) -> str | None:
        """Say whether the radiographs took part in making the package; None if its split is not known here."""
        if self.seen is None:
            return None
        before = {part: count for part, count in self.seen.items() if count > 0 and part != Part.TEST}
        if not before:
            return "None of the radiographs took part in making the package, by its own split."
        counted = " and ".join(f"{count} in its {part} set" for part, count in before.items())
        return f"The package has seen radiographs of these before, {counted}: its numbers here flatter."

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
        if self.probes is not None:
            head += _probe_lines(self.probes)
        if (seen := self.seen_in_words) is not None:
            head.append(f"note: {seen}")
        return [*head, *(f"note: {note}" for note in self.notes)]


def _probe_lines(probes: Probes) -> list[str]:
    stress = probes.stress
    return [
        f"probed on {probes.radiographs} radiographs:",
        f"  AUROC {stress.worst.name}, the worst stress: {write_estimate(stress.worst.auroc)}",
        f"  AUROC {stress.lungs_blanked.name}: {write_estimate(stress.lungs_blanked.auroc)}",
        f"  AUROC {stress.surroundings_blanked.name}: {write_estimate(stress.surroundings_blanked.auroc)}",
    ]


def write_estimate(estimate: Estimate | None, digits: int = 4) -> str:
    """Write a number with its interval, or that there is none."""
    return "undefined" if estimate is None else estimate.in_words(digits)
