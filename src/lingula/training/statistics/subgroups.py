"""Whether a package is as good for everybody: by finding, site, age, sex, view and size of the picture.

A group with few radiographs gives a number that says nothing, so below `FEWEST` of a label nothing is computed and the
group says so. All groups are drawn again together: a patient is in or out for all of them, and gaps have intervals.

References
----------
ICH E11(R1), 2017, section 4 (age bands of children); Obermeyer Z et al., Science 2019;366:447 (why to look); Newcombe
RG, Statistics in Medicine 1998;17:873 (a difference's interval from those of its sides).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.manifest import Estimate, OperatingPoints
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.data.outcomes import Outcome
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.intervals import (
    Labels,
    Scores,
    Statistic,
    Weights,
    clustered_bootstraps,
    never_certain,
    never_flawless,
)
from lingula.training.statistics.metrics import weighted_auroc

FEWEST = 20
"""Radiographs of a label below which its numbers are not computed."""
UNKNOWN = "unknown"
_REPEATS = 1000
_AGES = (
    (28 / 365.25, "under 28 days"),
    (2.0, "28 days to 23 months"),
    (12.0, "2 to 11 years"),
    (18.0, "12 to 17 years"),
    (65.0, "18 to 64 years"),
    (np.inf, "65 years and over"),
)

Rows = NDArray[np.bool_]
"""Shape (N,): which radiographs."""


@dataclass(frozen=True, kw_only=True)
class Subgroup:
    """One group; what is None was not computed, and `note` says why.

    Parameters
    ----------
    kind, name
        What groups are told apart by, and which this is, such as ``sex`` and ``F``.
    radiographs, patients
        Of this group.
    positives, negatives
        What AUROC is measured on; of a finding, all radiographs of the other label are the other side.
    """

    kind: str
    name: str
    radiographs: int
    patients: int
    positives: int
    negatives: int
    auroc: Estimate | None
    sensitivity_rule_out: Estimate | None
    specificity_rule_out: Estimate | None
    sensitivity_rule_in: Estimate | None
    specificity_rule_in: Estimate | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The best and the worst group of a kind; chosen after looking, so some gap is to be expected by chance."""

    kind: str
    measure: str
    best: str
    worst: str
    difference: Estimate


@dataclass(frozen=True, kw_only=True)
class Subgroups:
    """All groups of a set, and the gap of each kind and measure."""

    groups: tuple[Subgroup, ...]
    gaps: tuple[Gap, ...]

    @property
    def worst_gap(self) -> Gap | None:
        """The largest gap of all whose interval lies above 0."""
        certain = [gap for gap in self.gaps if gap.difference.low > 0]
        return max(certain, key=lambda gap: gap.difference.value, default=None)


@dataclass(frozen=True, kw_only=True)
class _Group:
    """A group's rows, and the rows its AUROC is ranked over."""

    kind: str
    name: str
    rows: Rows
    ranked: Rows


def measure_subgroups(cases: Cases, points: OperatingPoints, *, repeats: int = _REPEATS, seed: int = 0) -> Subgroups:
    """Measure every group that the outcomes tell apart; a kind of which there is one group only is left out."""
    groups = list(_groups(cases))
    named: dict[tuple[int, str], Statistic] = {}
    for number, group in enumerate(groups):
        named |= {(number, name): made for name, made in _statistics(group, cases, points)}
    keys = {f"{number}/{name}": statistic for (number, name), statistic in named.items()}
    found = clustered_bootstraps(keys, cases.labels, cases.probabilities, cases.patients, repeats=repeats, seed=seed)
    made = tuple(
        _described(group, cases, {name: found.get(f"{number}/{name}") for name in _MEASURES})
        for number, group in enumerate(groups)
    )
    return Subgroups(groups=made, gaps=_gaps(made, named, cases, repeats=repeats, seed=seed))


_MEASURES = (
    "auroc",
    "sensitivity_rule_out",
    "specificity_rule_out",
    "sensitivity_rule_in",
    "specificity_rule_in",
)
_GAPS = {
    "auroc": "AUROC",
    "sensitivity_rule_out": "sensitivity at rule out",
    "specificity_rule_out": "specificity at rule out",
}


def _groups(cases: Cases) -> Iterator[_Group]:
    outcomes, everyone = cases.outcomes, np.ones(len(cases), dtype=np.bool_)
    for label in (1, 0):
        findings = [entry.finding if entry.label == label else None for entry in outcomes]
        for group in _told_apart("finding", findings, everyone):
            yield _Group(kind="finding", name=group.name, rows=group.rows, ranked=group.rows | (cases.labels != label))
    yield from _told_apart("site", [entry.site for entry in outcomes], everyone)
    yield from _told_apart("age", [_age_band(entry) for entry in outcomes], everyone, [name for _, name in _AGES])
    yield from _told_apart("sex", [entry.sex and entry.sex.upper() for entry in outcomes], everyone)
    yield from _told_apart("view", [entry.view and entry.view.upper() for entry in outcomes], everyone)
    sizes, order = _size_quarters(outcomes)
    yield from _told_apart("size", sizes, everyone, order)


def _told_apart(
    kind: str, values: Sequence[str | None], among: Rows, order: Sequence[str] | None = None
) -> Iterator[_Group]:
    """Give a group for each value, and one for those without, if there are two values or more."""
    known = sorted({value for value in values if value is not None})
    names = known if order is None else [name for name in order if name in known]
    if len(names) < 2:  # noqa: PLR2004  nothing to compare
        return
    for name in names:
        rows = np.array([value == name for value in values], dtype=np.bool_) & among
        yield _Group(kind=kind, name=name, rows=rows, ranked=rows)
    rest = np.array([value is None for value in values], dtype=np.bool_) & among
    if rest.any() and kind != "finding":
        yield _Group(kind=kind, name=UNKNOWN, rows=rest, ranked=rest)


def _age_band(outcome: Outcome) -> str | None:
    age = outcome.age_years
    return None if age is None else next(name for below, name in _AGES if age < below)


def _size_quarters(outcomes: Sequence[Outcome]) -> tuple[list[str | None], list[str]]:
    """Name the quarter of picture sizes each radiograph lies in by its range, smallest first."""
    sizes = np.array([(entry.rows or 0) * (entry.columns or 0) / 1e6 for entry in outcomes])
    known = sizes[sizes > 0]
    if not len(known):
        return [None] * len(sizes), []
    quarter = np.searchsorted(np.quantile(known, [0.25, 0.5, 0.75]), sizes, side="left")
    ranges = [known[quarter[sizes > 0] == number] for number in range(4)]
    names = [f"{inside.min():.2f} to {inside.max():.2f} megapixels" if len(inside) else "" for inside in ranges]
    return [names[number] if size > 0 else None for number, size in zip(quarter, sizes, strict=True)], names


def _statistics(group: _Group, cases: Cases, points: OperatingPoints) -> Iterator[tuple[str, Statistic]]:
    """Give what can be computed of a group."""
    of_label = [int((group.rows & (cases.labels == label)).sum()) for label in (0, 1)]
    ranked = [int((group.ranked & (cases.labels == label)).sum()) for label in (0, 1)]
    if min(ranked) >= FEWEST:
        yield "auroc", _area_of(group.ranked)
    for name, point in (("rule_out", points.rule_out), ("rule_in", points.rule_in)):
        flagged = cases.probabilities >= point.threshold
        if of_label[1] >= FEWEST:
            yield f"sensitivity_{name}", _share_of(flagged, group.rows & (cases.labels == 1))
        if of_label[0] >= FEWEST:
            yield f"specificity_{name}", _share_of(~flagged, group.rows & (cases.labels == 0))


def _area_of(rows: Rows) -> Statistic:
    def statistic(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
        return weighted_auroc(labels[rows], scores[rows], weights[:, rows])

    return statistic


def _share_of(right: Rows, among: Rows) -> Statistic:
    def statistic(_labels: Labels, _scores: Scores, weights: Weights) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            share: NDArray[np.float64] = weights @ (right & among).astype(np.float64) / (weights @ among)
        return share

    return statistic


def _described(group: _Group, cases: Cases, found: dict[str, Estimate | None]) -> Subgroup:
    labels, patients = cases.labels, cases.patients
    for (side, label), point in product((("sensitivity", 1), ("specificity", 0)), ("rule_out", "rule_in")):
        if (estimate := found[f"{side}_{point}"]) is not None:
            found[f"{side}_{point}"] = never_certain(estimate, patients[group.rows & (labels == label)])
    if (estimate := found["auroc"]) is not None:
        rows, scores = group.ranked, cases.probabilities
        found["auroc"] = never_flawless(estimate, weighted_auroc, labels[rows], scores[rows], patients[rows])
    positives, negatives = (int((group.ranked & (labels == label)).sum()) for label in (1, 0))
    return Subgroup(
        kind=group.kind,
        name=group.name,
        radiographs=int(group.rows.sum()),
        patients=len(np.unique(patients[group.rows])),
        positives=positives,
        negatives=negatives,
        note=_note(positives, negatives),
        **found,
    )


def _note(positives: int, negatives: int) -> str:
    few = [f"{count} with {LABEL_NAMES[label]}" for label, count in ((1, positives), (0, negatives)) if count < FEWEST]
    return f"not computed below {FEWEST}: {' and '.join(few)}" if few else ""


def _gaps(
    groups: Sequence[Subgroup], named: dict[tuple[int, str], Statistic], cases: Cases, *, repeats: int, seed: int
) -> tuple[Gap, ...]:
    pairs: dict[tuple[str, str], tuple[int, int]] = {}
    for kind, measure in product(dict.fromkeys(group.kind for group in groups), _GAPS):
        values = _values(groups, kind, measure)
        if len(values) > 1:
            pairs[kind, measure] = (max(values, key=values.__getitem__), min(values, key=values.__getitem__))
    statistics = {
        f"{kind}/{measure}": _difference(named[best, measure], named[worst, measure])
        for (kind, measure), (best, worst) in pairs.items()
    }
    found = clustered_bootstraps(
        statistics, cases.labels, cases.probabilities, cases.patients, repeats=repeats, seed=seed
    )
    return tuple(
        Gap(
            kind=kind,
            measure=_GAPS[measure],
            best=groups[best].name,
            worst=groups[worst].name,
            difference=_unflattered(difference, _of(groups[best], measure)),
        )
        for (kind, measure), (best, worst) in pairs.items()
        if (difference := found[f"{kind}/{measure}"]) is not None
    )


def _unflattered(difference: Estimate, best: Estimate | None) -> Estimate:
    """Add to a gap what resampling cannot see of a best group without an error: how much worse it may be."""
    if best is None or best.value < 1.0:
        return difference
    below = math.hypot(difference.value - difference.low, best.value - best.low)
    return Estimate(value=difference.value, low=difference.value - below, high=difference.high)


def _values(groups: Sequence[Subgroup], kind: str, measure: str) -> dict[int, float]:
    made: dict[int, float] = {}
    for number, group in enumerate(groups):
        estimate = _of(group, measure)
        if group.kind == kind and group.name != UNKNOWN and estimate is not None:
            made[number] = estimate.value
    return made


def _of(group: Subgroup, measure: str) -> Estimate | None:
    return getattr(group, measure)  # type: ignore[no-any-return] # a name of `_GAPS`


def _difference(first: Statistic, second: Statistic) -> Statistic:
    def statistic(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
        return first(labels, scores, weights) - second(labels, scores, weights)

    return statistic
