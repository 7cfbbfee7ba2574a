"""What every source of labelled radiographs gives: rows that name a file, its label and its patient.

A source only says where radiographs lie and what is claimed of them; `dataset` looks whether that can be trusted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

LABEL_NAMES = ("normal", "pneumonia")
"""What 0 and 1 mean."""

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


class Part(StrEnum):
    """The part of a data set a radiograph belongs to."""

    TRAINING = "training"  # weights are fitted on it
    TUNING = "tuning"  # calibration and operating points are chosen on it
    TEST = "test"  # looked at once


@dataclass(frozen=True, kw_only=True)
class Box:
    """Where somebody saw a finding: a rectangle in pixels of the picture as it is in the file.

    `x` and `y` are its upper left corner, counted from the picture's.
    """

    finding: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class LabelledRadiograph:
    """One row of a source; what a source does not say is None.

    Parameters
    ----------
    path
        Where the file lies.
    label
        0 normal, 1 pneumonia, None unknown.
    patient_id
        The source's key of the patient, the same for all radiographs of one person.
    finding
        A finer word than the label, such as ``bacteria``.
    split
        The part the source itself puts the radiograph in.
    site
        The hospital or collection it comes from.
    age_years, sex, view
        As the source or the file's header says them; sex is ``F``, ``M`` or ``O`` where it is known.
    boxes
        Where findings were marked, if the source marks them.
    name
        How reports call the radiograph if its path may not be shown, as it carries a patient's identity.
    """

    path: Path
    label: int | None
    patient_id: str | None = None
    finding: str | None = None
    split: Part | None = None
    site: str | None = None
    age_years: float | None = None
    sex: str | None = None
    view: str | None = None
    boxes: tuple[Box, ...] = ()
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Labelled radiographs from one place, with what is known of their origin.

    `notes` says in sentences what reading the source had to assume or leave aside.
    """

    name: str
    root: Path
    rows: tuple[LabelledRadiograph, ...]
    licence: str | None = None
    citation: str | None = None
    notes: tuple[str, ...] = ()

    def name_of(self, row: LabelledRadiograph) -> str:
        """Give a row's path as people read it: relative to the source where it lies inside, or what hides it."""
        if row.name is not None:
            return row.name
        try:
            return row.path.relative_to(self.root).as_posix()
        except ValueError:
            return row.path.as_posix()

    def only(self, part: Part) -> Self:
        """Keep the rows that the source itself puts in one part."""
        return replace(self, rows=tuple(row for row in self.rows if row.split is part))
