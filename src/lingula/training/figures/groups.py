"""Every subgroup's number with its interval, one below the other."""

from collections.abc import Iterator, Sequence
from typing import Literal

from lingula.modelpackage.manifest import Estimate
from lingula.training.charts import Axis, Chart, Dots, Line, Mark, Words, ticks_between
from lingula.training.statistics.subgroups import Subgroup

GroupMeasure = Literal["auroc", "sensitivity_rule_out", "specificity_rule_out"]
_NAMES: dict[GroupMeasure, str] = {
    "auroc": "AUROC",
    "sensitivity_rule_out": "sensitivity at rule out",
    "specificity_rule_out": "specificity at rule out",
}
_LONGEST_NAME = 46  # letters
_ROW, _AROUND = 17, 78  # units of height, for a row and for everything else


def draw_subgroups(
    groups: Sequence[Subgroup], measure: GroupMeasure = "auroc", overall: Estimate | None = None
) -> Chart:
    """Draw each group's value and interval; the dashed line is all radiographs together.

    A group that was not computed has its place and says so, so that nobody overlooks it; a finding has none in what it
    cannot have, such as specificity if it means pneumonia.
    """
    groups = [group for group in groups if group.note or _estimate(group, measure) is not None]
    estimates = [_estimate(group, measure) for group in groups]
    lows = [estimate.low for estimate in (*estimates, overall) if estimate is not None]
    low = max(0.0, min(lows, default=0.5) - 0.02)
    places = [len(groups) - number - 0.5 for number in range(len(groups))]
    marks: list[Mark] = []
    if overall is not None:
        marks.append(Line(points=((overall.value, 0), (overall.value, len(groups)))))
    for place, estimate in zip(places, estimates, strict=True):
        marks += _row(place, estimate, low)
    names = [f"{group.kind}: {group.name} ({group.radiographs})" for group in groups]
    return Chart(
        title=f"{_NAMES[measure][0].upper()}{_NAMES[measure][1:]} by group",
        x=Axis(title=f"{_NAMES[measure]}, 95 % interval", low=low, high=1.0, ticks=ticks_between(low, 1.0)),
        y=Axis(
            title="",
            high=float(max(1, len(groups))),
            ticks=tuple((place, _short(name)) for place, name in zip(places, names, strict=True)),
        ),
        marks=tuple(marks),
        width=576,
        height=_AROUND + _ROW * max(2, len(groups)),
        left=276,
    )


def _estimate(group: Subgroup, measure: GroupMeasure) -> Estimate | None:
    match measure:
        case "auroc":
            return group.auroc
        case "sensitivity_rule_out":
            return group.sensitivity_rule_out
        case "specificity_rule_out":
            return group.specificity_rule_out


def _row(place: float, estimate: Estimate | None, left: float) -> Iterator[Mark]:
    if estimate is None:
        yield Words(x=left + 0.02 * (1 - left), y=place, words="not computed")
        return
    yield Line(points=((estimate.low, place), (estimate.high, place)), series=0, is_thin=True)
    yield Dots(points=((estimate.value, place),), series=0)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
