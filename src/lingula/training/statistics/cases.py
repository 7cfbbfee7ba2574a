"""Outcomes as arrays: the radiographs of a set that can be measured, in the form every statistic takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.data.outcomes import Outcome, patients_of
from lingula.training.statistics.intervals import Labels, Scores


@dataclass(frozen=True, kw_only=True)
class Cases:
    """The outcomes that have a label and a probability, and what is known of them, shape (N,) each.

    Parameters
    ----------
    patients
        Who is drawn in intervals: the patient, or the radiograph itself where the patient is unknown.
    """

    outcomes: tuple[Outcome, ...]
    labels: Labels
    probabilities: Scores
    patients: NDArray[np.str_]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Keep what can be measured, eligible or not."""
        kept = tuple(entry for entry in outcomes if entry.label is not None and entry.probability is not None)
        return cls(
            outcomes=kept,
            labels=np.array([entry.label for entry in kept], dtype=np.int64),
            probabilities=np.array([entry.probability for entry in kept], dtype=np.float64),
            patients=patients_of(kept),
        )

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def has_both_labels(self) -> bool:
        """Say whether ranking can be measured at all."""
        return len(set(self.labels.tolist())) == len(LABEL_NAMES)
