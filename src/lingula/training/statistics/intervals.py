"""How sure a number is: intervals by resampling patients, and Wilson's interval; `paired` compares two models.

A patient's radiographs resemble each other, so the patient is drawn, not the radiograph.

References
----------
Wilson EB, JASA 1927; Field CA, Welsh AH, JRSS B 2007 (bootstrap of clusters).
"""

import math
from collections.abc import Callable, Mapping, Sequence

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
Z95 = 1.959963984540054
_LOW, _HIGH = 0.025, 0.975


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
    share, shrink = successes / trials, 1 + Z95**2 / trials
    middle = (share + Z95**2 / (2 * trials)) / shrink
    half = Z95 / shrink * math.sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2))
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
    z = Z95
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
    drawn = repeated(pairs, labels, patients, repeats=repeats, seed=seed)
    once = np.ones((1, len(labels)))
    return {
        name: estimate_of(float(statistic(labels, scores, once)[0]), values)
        for (name, statistic), values in zip(statistics.items(), drawn, strict=True)
    }


def repeated(
    pairs: list[tuple[Statistic, Scores]], labels: Labels, patients: NDArray[np.str_], *, repeats: int, seed: int
) -> list[NDArray[np.float64]]:
    """Give each statistic of its scores over the same resampled patients, shapes (repeats, ...)."""
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


def estimate_of(value: float, drawn: NDArray[np.float64]) -> Estimate | None:
    """Give a value with the percentile interval of its repetitions; None if more than half of them are undefined."""
    defined = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or 2 * len(defined) < len(drawn):
        return None
    low, high = np.quantile(defined, [_LOW, _HIGH])
    return Estimate(value=value, low=float(low), high=float(high))


def never_flawless(
    estimate: Estimate,
    statistic: Statistic,
    labels: Labels,
    scores: Scores,
    patients: NDArray[np.str_],
    *,
    seed: int = 0,
) -> Estimate:
    """Widen the interval of a ranking without a single misordered pair, or with misordered ones only.

    Resampling cannot draw an error that it never saw, and would say 1.000 to 1.000 of eight radiographs. So the
    interval reaches to where it would if the two closest radiographs of different labels had changed places: a flawless
    ranking is never surer than one with the least possible flaw.
    """
    if estimate.value not in (0.0, 1.0):
        return estimate
    sign = 1.0 if estimate.value == 1.0 else -1.0
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    lowest, highest = positives[np.argmin(sign * scores[positives])], negatives[np.argmax(sign * scores[negatives])]
    flawed = scores.copy()
    flawed[[lowest, highest]] = scores[[highest, lowest]]
    found = clustered_bootstraps({"": statistic}, labels, flawed, patients, seed=seed)[""]
    if found is None:
        return estimate
    return Estimate(value=estimate.value, low=min(estimate.value, found.low), high=max(estimate.value, found.high))


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
    (drawn,) = repeated([(statistic, scores)], labels, patients, repeats=repeats, seed=seed)
    limits = np.full((2, drawn.shape[1]), np.nan)
    kept = np.isfinite(drawn).mean(axis=0) >= 0.5  # noqa: PLR2004  half
    limits[:, kept] = np.nanquantile(drawn[:, kept], [_LOW, _HIGH], axis=0)
    return limits[0], limits[1]
