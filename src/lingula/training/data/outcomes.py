"""What became of each radiograph when a model was asked about it: the form in which every statistic takes answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.radiology.study import Band, Status


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one radiograph.

    Parameters
    ----------
    status
        `assessed`, `not eligible`, or `failed` where the file cannot be read.
    probability, novelty
        What the graph says; also of a radiograph that is not eligible, None only where there are no pixels.
    band
        What a doctor is told; None unless assessed.
    patient
        The source's key; None where it is unknown.
    site, age_years, sex, view
        What the source says, or the file where the source is silent; None where neither does.
    rows, columns
        The picture's size in pixels as the file has it; None where it cannot be read.
    """

    name: str
    label: int | None
    finding: str
    status: Status
    reason: str | None = None
    probability: float | None = None
    band: Band | None = None
    novelty: float | None = None
    patient: str | None = None
    site: str | None = None
    age_years: float | None = None
    sex: str | None = None
    view: str | None = None
    rows: int | None = None
    columns: int | None = None


def patients_of(outcomes: Sequence[Outcome]) -> NDArray[np.str_]:
    """Give who is drawn in intervals: the patient, or the radiograph itself where the patient is unknown."""
    return np.array([entry.patient or f"radiograph {entry.name}" for entry in outcomes], dtype=np.str_)
