"""What became of the rows of a source: kept, left out, there twice; printed, and part of every description."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A radiograph that did not become part of the data set, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A radiograph that is there already, pixel for pixel, as `first`, and what differs between the two."""

    name: str
    first: str
    other_patient: bool
    other_part: bool
    other_label: bool


@dataclass(frozen=True, kw_only=True)
class DatasetReport:
    """What was kept and what was not; `str` gives it as text, `dataclasses.asdict` as JSON."""

    name: str
    licence: str | None
    citation: str | None
    kept: int
    patients: int
    by_label: dict[str, int]
    by_finding: dict[str, int]
    duplicates: int
    without_patient: int
    left_out: tuple[LeftOut, ...]
    repeats: tuple[Repeat, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.by_label.items())
        findings = ", ".join(f"{name} {count}" for name, count in self.by_finding.items())
        reasons = Counter(entry.reason for entry in self.left_out)
        lines = [
            f"{self.name}: {self.kept} radiographs of {self.patients} patients ({counts})",
            f"  findings: {findings}",
            f"  licence: {self.licence or 'not stated'}",
            *(f"  left out: {count} x {reason}" for reason, count in reasons.most_common()),
            *(f"  note: {note}" for note in self.notes),
        ]
        if self.without_patient:
            lines.append(f"  {self.without_patient} radiographs name no patient: each counts as a patient of its own")
        return "\n".join(lines)
