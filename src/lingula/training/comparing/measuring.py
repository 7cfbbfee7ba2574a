"""Each run's numbers on its own radiographs, beside the tests of each against the first.

Numbers in columns of different radiographs must not be compared, so the tests say on how many they stand.

References
----------
Holm S, Scandinavian Journal of Statistics 1979 (several tests at once).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.manifest import Estimate
from lingula.training.comparing.pairing import HALF, SIDES, PairMeasured, flagged, measure_pair
from lingula.training.comparing.runs import JudgedRun
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.intervals import Statistic, clustered_bootstraps, never_certain, never_flawless
from lingula.training.statistics.metrics import (
    Confusion,
    decision_statistic,
    weighted_auroc,
    weighted_average_precision,
)
from lingula.training.statistics.reliability import expected_calibration_error, weighted_brier


@dataclass(frozen=True, kw_only=True)
class RunMeasured:
    """One run on all radiographs it judged.

    Parameters
    ----------
    without_band
        Radiographs with a probability but no band: not eligible, or from another program. They are in no decision at
        the rule-out point.
    sensitivity, specificity
        At the run's own rule-out point: band `unlikely` or not. None where the run has no bands.
    calibration_error
        Without an interval: drawing patients again adds to it, so an interval would lie above the number.
    """

    name: str
    radiographs: int
    patients: int
    positives: int
    without_band: int
    auroc: Estimate | None
    average_precision: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    accuracy: Estimate | None
    brier: Estimate | None
    calibration_error: float
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs side by side, the first being what the others are compared with."""

    runs: tuple[RunMeasured, ...]
    pairs: tuple[PairMeasured, ...]
    notes: tuple[str, ...]


def compare(runs: Sequence[JudgedRun], *, seed: int = 0) -> Comparison:
    """Measure each run, and each against the first.

    Raises
    ------
    TrainingError
        If two runs share no radiograph of both labels, or contradict each other's labels.
    """
    first = runs[0]
    pairs = [measure_pair(first, other, seed) for other in runs[1:]]
    adjusted = holm([pair.drawn.p_value for pair in pairs])
    return Comparison(
        runs=tuple(_measure_run(run, seed) for run in runs),
        pairs=tuple(replace(pair, adjusted_p=p_value) for pair, p_value in zip(pairs, adjusted, strict=True)),
        notes=tuple(_notes(runs, pairs)),
    )


def _measure_run(run: JudgedRun, seed: int) -> RunMeasured:
    cases = run.cases
    found = clustered_bootstraps(
        {
            "auroc": weighted_auroc,
            "average precision": weighted_average_precision,
            "brier": weighted_brier,
            "accuracy": decision_statistic(HALF, Confusion.accuracy),
        },
        cases.labels,
        cases.probabilities,
        cases.patients,
        seed=seed,
    )
    banded = Cases.of([outcome for outcome in cases.outcomes if outcome.band is not None])
    at_point = _at_own_point(banded, seed)
    return RunMeasured(
        name=run.name,
        radiographs=len(cases),
        patients=len(np.unique(cases.patients)),
        positives=int(cases.labels.sum()),
        without_band=len(cases) - len(banded),
        auroc=_ranked(found["auroc"], weighted_auroc, cases, seed),
        average_precision=_ranked(found["average precision"], weighted_average_precision, cases, seed),
        sensitivity=at_point["sensitivity"],
        specificity=at_point["specificity"],
        accuracy=_widened(found["accuracy"], cases.patients),
        brier=found["brier"],
        calibration_error=expected_calibration_error(cases.labels, cases.probabilities),
        notes=() if run.warning is None else (run.warning,),
    )


def _at_own_point(banded: Cases, seed: int) -> dict[str, Estimate | None]:
    if not banded.has_both_labels:
        return {"sensitivity": None, "specificity": None}
    found = clustered_bootstraps(
        {name: decision_statistic(HALF, measure) for name, _, measure in SIDES},
        banded.labels,
        flagged([outcome.band for outcome in banded.outcomes]),
        banded.patients,
        seed=seed,
    )
    return {name: _widened(found[name], banded.patients[banded.labels == label]) for name, label, _ in SIDES}


def _ranked(estimate: Estimate | None, how: Statistic, cases: Cases, seed: int) -> Estimate | None:
    if estimate is None:
        return None
    return never_flawless(estimate, how, cases.labels, cases.probabilities, cases.patients, seed=seed)


def _widened(estimate: Estimate | None, patients: NDArray[np.str_]) -> Estimate | None:
    return None if estimate is None else never_certain(estimate, patients)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for being several, by Holm's step-down: shape as given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, so_far = [0.0] * len(p_values), 0.0
    for done, place in enumerate(order):
        so_far = max(so_far, min(1.0, p_values[place] * (len(p_values) - done)))
        adjusted[place] = so_far
    return adjusted


def _notes(runs: Sequence[JudgedRun], pairs: Sequence[PairMeasured]) -> Iterator[str]:
    for run in runs:
        if run.warning is not None:
            yield f"{run.name}: {run.warning}"
    for pair, run in zip(pairs, runs[1:], strict=True):
        if not pair.radiographs == len(run.cases) == len(runs[0].cases):
            yield (
                f"{pair.first} judged {len(runs[0].cases)} radiographs and {pair.second} {len(run.cases)}, both of "
                f"them {pair.radiographs}: read their difference in the tests, not in the columns"
            )
    if any(outcome.patient is None for run in runs for outcome in run.cases.outcomes):
        yield "some radiographs name no patient, each counts as a patient of its own: intervals may be too narrow"
