"""What is learnt from some labels, measured on others: each patient is judged by what the rest of them taught.

A calibration or a threshold measured on the radiographs that chose it looks better than it is. Here the patients are
dealt to parts, and what all but one teach is tried on that one, in turn: all of the few hundred radiographs choose and
all are measured, none by itself. What is shipped is chosen on all of them, hence on somewhat more than is measured.

References
----------
Stone M, J R Stat Soc B 1974;36:111 (cross-validatory choice and assessment).
"""

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.training.statistics.intervals import Labels, Scores

Learner = Callable[[Labels, Scores], Callable[[Scores], Scores]]
"""Gives, for the labels and scores of some patients, what to say of the scores of others."""

_PARTS = 5  # at most: fewer where one label has fewer patients


def cross_fitted(labels: Labels, scores: Scores, patients: NDArray[np.str_], learn: Learner, *, seed: int) -> Scores:
    """Say of every score (N,) what the labels of the other parts' patients teach.

    Each part holds patients of both labels, and so do those who teach it.

    Raises
    ------
    TrainingError
        If one label has a single patient: nobody else could teach what is said of that one.
    """
    part_of = _parts(labels, patients, seed)
    said = np.empty(len(scores), np.float64)
    for part in np.unique(part_of):
        held = part_of == part
        said[held] = learn(labels[~held], scores[~held])(scores[held])
    return said


def _parts(labels: Labels, patients: NDArray[np.str_], seed: int) -> NDArray[np.intp]:
    """Deal the patients round, in an order that a seed decides: those with pneumonia, those with both, the normal.

    Patients of one label then sit next to each other, so every part gets some of them and no part gets them all.
    """
    names, owner = np.unique(patients, return_inverse=True)
    has = [np.isin(np.arange(len(names)), owner[labels == label]) for label in (0, 1)]
    count = min(_PARTS, *(int(some.sum()) for some in has))
    if count < 2:  # noqa: PLR2004 - who teaches and who is judged
        raise TrainingError(
            "one label has a single patient: what is chosen there cannot be measured on another patient"
        )
    drawn = [hashlib.sha256(f"cross-fitting/{seed}/{name}".encode()).digest() for name in names.tolist()]
    order = sorted(range(len(names)), key=lambda place: (has[0][place], not has[1][place], drawn[place]))
    part_of_patient = np.empty(len(names), np.intp)
    part_of_patient[order] = np.arange(len(names)) % count
    return part_of_patient[owner]
