"""A candidate beside the serving package on the same radiographs of a hospital: how often and where they differ.

What is known for certain is how often bands agree and how far probabilities lie apart. Which of the two is right is
known only where doctors left a verdict, and those doctors had seen the serving package's answer and not the
candidate's: the comparison leans towards the serving package, and says so. Studies are named by Lingula's own id.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lingula.modelpackage.manifest import Estimate
from lingula.radiology.study import Band, Status
from lingula.records.reviews import Verdict
from lingula.records.shadows import ShadowCounts, ShadowPair, Side
from lingula.training.statistics.intervals import (
    Scores,
    Statistic,
    clustered_bootstrap,
    never_certain,
    never_flawless,
    wilson_interval,
)
from lingula.training.statistics.metrics import Confusion, decision_statistic, weighted_auroc
from lingula.training.statistics.paired import clustered_difference

LEAST_OF_EACH = 5  # studies with and without pneumonia by the verdicts; with fewer no number is worth its interval
LEANING = (
    "the doctors had seen the serving package's answer and not the candidate's, so these numbers lean towards the "
    "serving package"
)
_SHARES = (0.025, 0.25, 0.5, 0.75, 0.975)
_HALF = 0.5


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Differences(_Part):
    """Probability of the candidate minus that of the serving package."""

    mean: float
    standard_deviation: float
    greatest: float
    quantiles: dict[str, float]  # by their share


class Measured(_Part):
    """One statistic of both packages on the reviewed studies; `difference` is candidate minus serving."""

    name: str
    serving: Estimate
    shadow: Estimate
    difference: Estimate
    p_value: float


class Reviewed(_Part):
    """What doctors' verdicts say of both packages, study by study."""

    studies: int
    with_pneumonia: int
    measured: tuple[Measured, ...]  # none if there are too few studies
    caution: str = LEANING


class Disagreement(_Part):
    """A radiograph on which the packages say different things; named without identity."""

    study: str
    instance: str
    serving: str  # band, or the status if there is none
    shadow: str
    serving_probability: float | None
    shadow_probability: float | None


class ShadowReport(_Part):
    """Everything that is compared."""

    package: str
    serving: dict[str, int]  # how many radiographs by package: it may have been replaced meanwhile
    arrived: int  # since the shadow began
    finished: int
    begun: int  # attempts that have not ended
    compared: int  # both packages gave a probability
    agreement: Estimate | None  # share of `compared` with the same band
    statuses: dict[str, dict[str, int]]  # serving, then candidate
    bands: dict[str, dict[str, int]]  # the same
    differences: Differences | None
    reviewed: Reviewed
    disagreements: tuple[Disagreement, ...]  # the farthest apart first


def report_shadow(package: str, pairs: Sequence[ShadowPair], counts: ShadowCounts, *, seed: int = 0) -> ShadowReport:
    """Compare a candidate with what served.

    Parameters
    ----------
    package
        The candidate's label.
    pairs
        As the records give them.
    seed
        Of the bootstrap over studies.
    """
    both = [pair for pair in pairs if _is_assessed(pair.serving) and _is_assessed(pair.shadow)]
    same = sum(pair.serving.band is pair.shadow.band for pair in both)
    return ShadowReport(
        package=package,
        serving=dict(Counter(pair.serving.package for pair in pairs)),
        arrived=counts.arrived,
        finished=counts.finished,
        begun=counts.begun,
        compared=len(both),
        agreement=_share(same, len(both)) if both else None,
        statuses=_matrix(pairs, lambda side: side.status.value),
        bands=_matrix(both, lambda side: (side.band or Band.UNSURE).value),
        differences=_differences(both) if both else None,
        reviewed=_reviewed(both, seed),
        disagreements=tuple(_disagreements(pairs)),
    )


def _is_assessed(side: Side) -> bool:
    return side.status is Status.ASSESSED and side.probability is not None


def _share(part: int, whole: int) -> Estimate:
    low, high = wilson_interval(part, whole)
    return Estimate(value=part / whole, low=low, high=high)


def _matrix(pairs: Sequence[ShadowPair], word: Callable[[Side], str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for pair in pairs:
        row = found.setdefault(word(pair.serving), {})
        row[word(pair.shadow)] = row.get(word(pair.shadow), 0) + 1
    return found


def _differences(both: Sequence[ShadowPair]) -> Differences:
    apart = np.array([_apart(pair) for pair in both])
    return Differences(
        mean=float(apart.mean()),
        standard_deviation=float(apart.std()),
        greatest=float(np.abs(apart).max()),
        quantiles={f"{share:g}": float(np.quantile(apart, share)) for share in _SHARES},
    )


def _apart(pair: ShadowPair) -> float:
    return (pair.shadow.probability or 0.0) - (pair.serving.probability or 0.0)


def _reviewed(both: Sequence[ShadowPair], seed: int) -> Reviewed:
    """Judge both by the verdicts: a study takes its radiographs' highest probability and band, as on the worklist."""
    studies: dict[str, list[ShadowPair]] = {}
    for pair in both:
        if _has_pneumonia(pair) is not None:
            studies.setdefault(pair.study, []).append(pair)
    labels = np.array([int(bool(_has_pneumonia(pairs[0]))) for pairs in studies.values()], np.int64)
    positives = int(labels.sum())
    is_enough = min(positives, len(labels) - positives) >= LEAST_OF_EACH
    return Reviewed(
        studies=len(studies),
        with_pneumonia=positives,
        measured=tuple(_measured(list(studies.values()), labels, seed)) if is_enough else (),
    )


def _has_pneumonia(pair: ShadowPair) -> bool | None:
    """Say what the verdict means: agreeing with `likely` or disagreeing with `unlikely` is pneumonia; else unknown."""
    if pair.verdict not in {Verdict.AGREE, Verdict.DISAGREE} or pair.band not in {Band.LIKELY, Band.UNLIKELY}:
        return None
    return (pair.verdict is Verdict.AGREE) == (pair.band is Band.LIKELY)


def _measured(studies: Sequence[Sequence[ShadowPair]], labels: NDArray[np.int64], seed: int) -> Sequence[Measured]:
    above_rule_out = _both(studies, lambda side: float(side.band in {Band.LIKELY, Band.UNSURE}))
    above_rule_in = _both(studies, lambda side: float(side.band is Band.LIKELY))
    sensitivity = decision_statistic(_HALF, Confusion.sensitivity)
    specificity = decision_statistic(_HALF, Confusion.specificity)
    asked: list[tuple[str, Statistic, tuple[Scores, Scores]]] = [
        ("AUROC", weighted_auroc, _both(studies, lambda side: side.probability or 0.0)),
        ("sensitivity at rule-out", sensitivity, above_rule_out),
        ("specificity at rule-out", specificity, above_rule_out),
        ("sensitivity at rule-in", sensitivity, above_rule_in),
        ("specificity at rule-in", specificity, above_rule_in),
    ]
    return [_compared(name, statistic, labels, scores, seed) for name, statistic, scores in asked]


def _both(studies: Sequence[Sequence[ShadowPair]], value: Callable[[Side], float]) -> tuple[Scores, Scores]:
    return (
        np.array([max(value(pair.serving) for pair in pairs) for pairs in studies]),
        np.array([max(value(pair.shadow) for pair in pairs) for pairs in studies]),
    )


def _compared(
    name: str, statistic: Statistic, labels: NDArray[np.int64], scores: tuple[Scores, Scores], seed: int
) -> Measured:
    studies = np.arange(len(labels)).astype(np.str_)  # whose they are is not asked: a study counts once
    serving, shadow = (clustered_bootstrap(statistic, labels, one, studies, seed=seed) for one in scores)
    test = clustered_difference(statistic, labels, (scores[1], scores[0]), studies, seed=seed)
    judged = {"sensitivity": studies[labels == 1], "specificity": studies[labels == 0]}.get(name.partition(" ")[0])
    if judged is not None:
        serving, shadow = never_certain(serving, judged), never_certain(shadow, judged)
    else:
        serving, shadow = (
            never_flawless(one, statistic, labels, said, studies, seed=seed)
            for one, said in zip((serving, shadow), scores, strict=True)
        )
    return Measured(name=name, serving=serving, shadow=shadow, difference=test.difference, p_value=test.p_value)


def _disagreements(pairs: Sequence[ShadowPair]) -> Sequence[Disagreement]:
    different = [pair for pair in pairs if _word(pair.serving) != _word(pair.shadow)]
    return [
        Disagreement(
            study=pair.study,
            instance=pair.instance,
            serving=_word(pair.serving),
            shadow=_word(pair.shadow),
            serving_probability=pair.serving.probability,
            shadow_probability=pair.shadow.probability,
        )
        for pair in sorted(different, key=lambda pair: -abs(_apart(pair)))
    ]


def _word(side: Side) -> str:
    return side.band.value if side.band else side.status.value


def report_lines(report: ShadowReport, *, most: int = 20) -> list[str]:
    """Write a report for people, with at most so many disagreements."""
    of_whom = ", ".join(f"{name} ({number})" for name, number in report.serving.items()) or "nothing yet"
    lines = [
        f"{report.package} in shadow beside {of_whom}",
        f"  {report.finished} of {report.arrived} radiographs that arrived since it began"
        + (f", {report.begun} begun and not ended" if report.begun else ""),
        f"  {report.compared} with a probability from both",
    ]
    if report.agreement is not None and report.differences is not None:
        apart = report.differences
        spread = f"standard deviation {apart.standard_deviation:.4f}, greatest {apart.greatest:.4f}"
        lines += [
            f"  same band {report.agreement.in_words()}",
            *_matrix_lines(report.bands, [band.value for band in Band]),
            f"  probability, candidate minus serving: mean {apart.mean:+.4f}, {spread}",
            "    quantiles " + ", ".join(f"{share}: {value:+.4f}" for share, value in apart.quantiles.items()),
        ]
    lines += _matrix_lines(report.statuses, [one.value for one in Status if one is not Status.RECEIVED])
    return [*lines, *_reviewed_lines(report.reviewed), *_disagreement_lines(report.disagreements, most)]


def _matrix_lines(matrix: Mapping[str, Mapping[str, int]], words: Sequence[str]) -> list[str]:
    head = "    serving \\ candidate".ljust(26) + "".join(word.rjust(14) for word in words)
    rows = [
        "    " + row.ljust(22) + "".join(str(matrix.get(row, {}).get(word, 0)).rjust(14) for word in words)
        for row in words
    ]
    return [head, *rows]


def _reviewed_lines(reviewed: Reviewed) -> list[str]:
    lines = [f"  by doctors' verdicts: {reviewed.studies} studies, {reviewed.with_pneumonia} with pneumonia"]
    if not reviewed.measured:
        return [*lines, f"    too few to measure: at least {LEAST_OF_EACH} with and {LEAST_OF_EACH} without are needed"]
    lines.append(f"    {reviewed.caution}")
    return [*lines, *(f"    {_measured_text(one)}" for one in reviewed.measured)]


def _measured_text(one: Measured) -> str:
    apart = f"{one.difference.in_words(signed=True)}, p {one.p_value:.3g}"
    return f"{one.name}: serving {one.serving.in_words()}, candidate {one.shadow.in_words()}, difference {apart}"


def _disagreement_lines(disagreements: Sequence[Disagreement], most: int) -> list[str]:
    lines = [f"  {len(disagreements)} disagreements" + (", the farthest apart first:" if disagreements else "")]
    for one in disagreements[:most]:
        numbers = [
            f" {value:.4f}" if value is not None else "" for value in (one.serving_probability, one.shadow_probability)
        ]
        lines.append(f"    study {one.study}: serving {one.serving}{numbers[0]}, candidate {one.shadow}{numbers[1]}")
    if len(disagreements) > most:
        lines.append(f"    and {len(disagreements) - most} more: --json names all")
    return lines
