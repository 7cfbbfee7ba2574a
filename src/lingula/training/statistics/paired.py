"""Two models on the same radiographs: by how much one is better, and whether chance explains it.

References
----------
DeLong ER et al., Biometrics 1988; Sun X, Xu W, IEEE Signal Processing Letters 2014 (fast DeLong); Obuchowski NA,
Biometrics 1997 (DeLong's test of clustered data).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate
from lingula.training.statistics.intervals import REPEATS, Z95, Labels, Scores, Statistic, estimate_of, repeated


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """The difference first minus second with its 95 % interval, and the two-sided p value."""

    difference: Estimate
    p_value: float


def clustered_difference(
    statistic: Statistic,
    labels: Labels,
    pair: tuple[Scores, Scores],
    patients: NDArray[np.str_],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> PairedTest:
    """Compare two models on the same radiographs, drawing the same patients for both."""
    both = [(statistic, scores) for scores in pair]
    first, second = repeated(both, labels, patients, repeats=repeats, seed=seed)
    once = np.ones((1, len(labels)))
    value = float(statistic(labels, pair[0], once)[0] - statistic(labels, pair[1], once)[0])
    drawn = first - second
    drawn = drawn[np.isfinite(drawn)]
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(1.0, 2 * (int(beyond) + 1) / (len(drawn) + 1))
    if (difference := estimate_of(value, drawn)) is None:
        raise TrainingError("the statistic is undefined on this set: it has too few patients of one label")
    return PairedTest(difference=difference, p_value=p_value)


def delong_test(labels: Labels, first: Scores, second: Scores) -> PairedTest:
    """Compare two AUROCs measured on the same radiographs; it takes radiographs as independent.

    Where patients have several radiographs `clustered_delong_test` and `clustered_difference` are the safer answers.
    """
    return clustered_delong_test(labels, first, second, np.arange(len(labels)).astype(np.str_))


def clustered_delong_test(labels: Labels, first: Scores, second: Scores, patients: NDArray[np.str_]) -> PairedTest:
    """Compare two AUROCs measured on the same radiographs, of which a patient may have several.

    With one radiograph per patient this is DeLong's test.

    Raises
    ------
    TrainingError
        If a label has radiographs of fewer than two patients.

    References
    ----------
    Obuchowski NA, Nonparametric analysis of clustered ROC curve data, Biometrics 1997;53:567-578, equations 2 to 5,
    applied to the difference of two curves.
    """
    positive, negative = labels == 1, labels == 0
    parts = [_placements(scores[positive], scores[negative]) for scores in (first, second)]
    names, member = np.unique(patients, return_inverse=True)
    sides = []
    for rows, (of_first, of_second) in zip((positive, negative), zip(*parts, strict=True), strict=True):
        differences, owners = of_first - of_second, member[rows]
        if len(np.unique(owners)) < 2:  # noqa: PLR2004  a variance needs two
            raise TrainingError("a test between two AUROCs needs radiographs of two patients or more of each label")
        centred = differences - differences.mean()
        sides.append((np.bincount(owners, centred, len(names)), len(np.unique(owners)), int(rows.sum())))
    (by_positive, ill, positives), (by_negative, well, negatives) = sides
    variance = (
        ill / (ill - 1) * float(np.square(by_positive).sum()) / positives**2
        + well / (well - 1) * float(np.square(by_negative).sum()) / negatives**2
        + 2 * len(names) / (len(names) - 1) * float(by_positive @ by_negative) / (positives * negatives)
    )
    difference = float(parts[0][0].mean() - parts[1][0].mean())
    error = math.sqrt(max(variance, 0.0))
    p_value = math.erfc(abs(difference) / error / math.sqrt(2)) if error > 0 else float(difference == 0)
    low, high = difference - Z95 * error, difference + Z95 * error
    return PairedTest(difference=Estimate(value=difference, low=low, high=high), p_value=p_value)


def _placements(positives: Scores, negatives: Scores) -> tuple[Scores, Scores]:
    """Give for each positive the share of negatives below it, for each negative the share of positives above."""
    low, high = np.sort(negatives), np.sort(positives)
    below = (np.searchsorted(low, positives, "left") + np.searchsorted(low, positives, "right")) / 2
    above = len(high) - (np.searchsorted(high, negatives, "left") + np.searchsorted(high, negatives, "right")) / 2
    return below / len(low), above / len(high)
