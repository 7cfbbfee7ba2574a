"""How sure a number is: intervals by resampling patients, Wilson's interval, and tests between two models.

A patient's radiographs resemble each other, so the patient is drawn, not the radiograph.

References
----------
Wilson EB, JASA 1927; DeLong ER et al., Biometrics 1988; Sun X, Xu W, IEEE Signal Processing Letters 2014 (fast DeLong);
Obuchowski NA, Biometrics 1997 (DeLong's test of clustered data); Field CA, Welsh AH, JRSS B 2007 (bootstrap of
clusters).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate

Labels = NDArray[np.int64]
"""Shape (N,), 0 or 1."""
Scores = NDArray[np.float64]
"""Shape (N,), higher means pneumonia."""
Weights = NDArray[np.float64]
"""Shape (repeats, N): how often a radiograph counts in each repetition."""
Statistic = Callable[[Labels, Scores, Weights], NDArray[np.float64]]

REPEATS = 2000
_CHUNK = 200  # repetitions held at once: 8 MB for 5,000 radiographs
_Z95 = 1.959963984540054
_LOW, _HIGH = 0.025, 0.975


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """The difference first minus second with its 95 % interval, and the two-sided p value."""

    difference: Estimate
    p_value: float


def check_cases(labels: Labels, scores: Scores) -> None:
    """Refuse what no statistic holds for: unequal lengths, labels but 0 and 1, one label alone, scores not finite."""
    if labels.shape != scores.shape or labels.ndim != 1:
        raise TrainingError(f"labels of shape {labels.shape} and scores of shape {scores.shape} do not belong together")
    if set(np.unique(labels).tolist()) != {0, 1}:
        raise TrainingError(f"labels {np.unique(labels).tolist()[:5]} must be 0 and 1, with at least one of each")
    if not np.isfinite(scores).all():
        raise TrainingError(f"{int((~np.isfinite(scores)).sum())} scores are not finite; the network has diverged")


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Give Wilson's 95 % interval of a share.

    >>> low, high = wilson_interval(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise TrainingError(f"{successes} of {trials} is no share; at least one trial is needed")
    share, shrink = successes / trials, 1 + _Z95**2 / trials
    middle = (share + _Z95**2 / (2 * trials)) / shrink
    half = _Z95 / shrink * math.sqrt(share * (1 - share) / trials + _Z95**2 / (4 * trials**2))
    # Exact at the ends, where rounding would leave the share outside its own interval.
    return (middle - half if successes else 0.0), (middle + half if successes < trials else 1.0)


def mean_interval(values: Sequence[float]) -> Estimate:
    """Give the mean of independent repetitions with Student's 95 % interval.

    >>> made = mean_interval([1.0, 2.0, 3.0, 4.0])
    >>> round(made.value, 3), round(made.low, 2), round(made.high, 2)
    (2.5, 0.45, 4.55)
    """
    if len(values) < 2:  # noqa: PLR2004  a variance needs two
        raise TrainingError(f"{len(values)} repetition has no interval; at least two are needed")
    drawn = np.array(values, dtype=np.float64)
    half = _student(len(values) - 1) * float(drawn.std(ddof=1)) / math.sqrt(len(values))
    middle = float(drawn.mean())
    return Estimate(value=middle, low=middle - half, high=middle + half)


def _student(freedom: int) -> float:
    """Give the 97.5 % quantile of Student's distribution; Abramowitz and Stegun 26.7.5, to 0.001 from 4 on."""
    exact = {1: 12.7062, 2: 4.3027, 3: 3.1824}
    z = _Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return exact.get(freedom) or z + sum(term / freedom**power for power, term in enumerate(terms, start=1))


def never_certain(estimate: Estimate, patients: NDArray[np.str_]) -> Estimate:
    """Widen the interval of a share in which resampling saw no error to Wilson's over the patients it is a share of."""
    if estimate.low < estimate.high:
        return estimate
    count = len(np.unique(patients))
    low, high = wilson_interval(round(estimate.value * count), count)
    return Estimate(value=estimate.value, low=low, high=high)


def never_flawless(estimate: Estimate, labels: Labels, patients: NDArray[np.str_]) -> Estimate:
    """Widen the interval of an AUROC or average precision in which no pair was misordered.

    Resampling cannot draw an error that it never saw, so it would say 1.000 to 1.000 of eight radiographs. Wilson's
    interval over the patients of the rarer label stands in: each of them might have been the misordered one.
    """
    if estimate.value not in (0.0, 1.0):
        return estimate
    fewest = min(len(np.unique(patients[labels == label])) for label in (0, 1))
    low, high = wilson_interval(round(estimate.value * fewest), fewest)
    return Estimate(value=estimate.value, low=low, high=high)


def clustered_bootstrap(
    statistic: Statistic,
    labels: Labels,
    scores: Scores,
    patients: NDArray[np.str_],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Estimate:
    """Give a statistic with the percentile interval over resampled patients.

    Repetitions in which the statistic is undefined (one label alone was drawn) are left aside.

    Parameters
    ----------
    patients
        Shape (N,); who is drawn. Give each radiograph a value of its own where patients are unknown.

    Raises
    ------
    TrainingError
        If the statistic is undefined on the whole set or in more than half of the repetitions.
    """
    (found,) = clustered_bootstraps({"only": statistic}, labels, scores, patients, repeats=repeats, seed=seed).values()
    if found is None:
        raise TrainingError("the statistic is undefined on this set: it has too few patients of one label")
    return found


def clustered_bootstraps(
    statistics: Mapping[str, Statistic],
    labels: Labels,
    scores: Scores,
    patients: NDArray[np.str_],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, Estimate | None]:
    """Give several statistics over the same repetitions, None for those that are undefined on this set."""
    pairs = [(statistic, scores) for statistic in statistics.values()]
    drawn = _repeated(pairs, labels, patients, repeats=repeats, seed=seed)
    once = np.ones((1, len(labels)))
    return {
        name: _estimate(float(statistic(labels, scores, once)[0]), values)
        for (name, statistic), values in zip(statistics.items(), drawn, strict=True)
    }


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
    first, second = _repeated(both, labels, patients, repeats=repeats, seed=seed)
    once = np.ones((1, len(labels)))
    value = float(statistic(labels, pair[0], once)[0] - statistic(labels, pair[1], once)[0])
    drawn = first - second
    drawn = drawn[np.isfinite(drawn)]
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(1.0, 2 * (int(beyond) + 1) / (len(drawn) + 1))
    if (difference := _estimate(value, drawn)) is None:
        raise TrainingError("the statistic is undefined on this set: it has too few patients of one label")
    return PairedTest(difference=difference, p_value=p_value)


def _repeated(
    pairs: list[tuple[Statistic, Scores]], labels: Labels, patients: NDArray[np.str_], *, repeats: int, seed: int
) -> list[NDArray[np.float64]]:
    names, member = np.unique(patients, return_inverse=True)
    rng = np.random.default_rng(seed)
    made: list[list[NDArray[np.float64]]] = [[] for _ in pairs]
    for start in range(0, repeats, _CHUNK):
        weights = _draw(rng, min(_CHUNK, repeats - start), len(names))[:, member]
        for values, (statistic, scores) in zip(made, pairs, strict=True):
            values.append(statistic(labels, scores, weights))
    return [np.concatenate(values) for values in made]


def _draw(rng: np.random.Generator, repeats: int, patients: int) -> Weights:
    """Draw patients with replacement and count how often each came."""
    drawn = rng.integers(patients, size=(repeats, patients)) + np.arange(repeats)[:, np.newaxis] * patients
    return np.bincount(drawn.ravel(), minlength=repeats * patients).reshape(repeats, patients).astype(np.float64)


def _estimate(value: float, drawn: NDArray[np.float64]) -> Estimate | None:
    defined = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or 2 * len(defined) < len(drawn):
        return None
    low, high = np.quantile(defined, [_LOW, _HIGH])
    return Estimate(value=value, low=float(low), high=float(high))


def clustered_band(
    statistic: Statistic,
    labels: Labels,
    scores: Scores,
    patients: NDArray[np.str_],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the lower and upper limits of many values at once: of a statistic of shape (repeats, places).

    A place is NaN where the statistic is undefined in more than half of the repetitions.
    """
    (drawn,) = _repeated([(statistic, scores)], labels, patients, repeats=repeats, seed=seed)
    limits = np.full((2, drawn.shape[1]), np.nan)
    kept = np.isfinite(drawn).mean(axis=0) >= 0.5  # noqa: PLR2004  half
    limits[:, kept] = np.nanquantile(drawn[:, kept], [_LOW, _HIGH], axis=0)
    return limits[0], limits[1]


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
    low, high = difference - _Z95 * error, difference + _Z95 * error
    return PairedTest(difference=Estimate(value=difference, low=low, high=high), p_value=p_value)


def _placements(positives: Scores, negatives: Scores) -> tuple[Scores, Scores]:
    """Give for each positive the share of negatives below it, for each negative the share of positives above."""
    low, high = np.sort(negatives), np.sort(positives)
    below = (np.searchsorted(low, positives, "left") + np.searchsorted(low, positives, "right")) / 2
    above = len(high) - (np.searchsorted(high, negatives, "left") + np.searchsorted(high, negatives, "right")) / 2
    return below / len(low), above / len(high)
