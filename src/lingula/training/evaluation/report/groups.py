"""Whether the package is as good for everybody."""

from collections.abc import Mapping, Sequence

from lingula.training.charts import Chart
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.evaluation.report.drawing import drawn
from lingula.training.evaluation.report.words import estimate, stacked_estimate
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.page import Html, Section, figures, joined, section, small_print, table
from lingula.training.statistics.subgroups import FEWEST, Subgroup, Subgroups

_HEAD = (
    "group",
    "radiographs",
    "patients",
    "AUROC",
    "sensitivity, rule out",
    "specificity, rule out",
    "sensitivity, rule in",
    "specificity, rule in",
)


def findings_section(result: EvaluationResult) -> Section:
    """Give each finding against the other label."""
    rows = [
        (
            entry.finding,
            LABEL_NAMES[entry.label],
            str(entry.radiographs),
            estimate(entry.auroc, 4),
            f"{entry.rule_out:.3f}",
            f"{entry.rule_in:.3f}",
        )
        for entry in result.by_finding
    ]
    head = ("finding", "label", "radiographs", "AUROC against the other label", "right at rule out", "right at rule in")
    note = "Right at a point: flagged if the label is pneumonia, not flagged if it is normal."
    return section("By finding", table(head, rows, note=note))


def groups_section(result: EvaluationResult, charts: Mapping[str, Chart]) -> Section | None:
    """Give site, age, sex, view and size, and the gap between the best and the worst group of each."""
    found = result.subgroups
    kinds = (
        [] if found is None else list(dict.fromkeys(group.kind for group in found.groups if group.kind != "finding"))
    )
    if found is None or not kinds:
        return None
    tables = [_table(kind, [group for group in found.groups if group.kind == kind]) for kind in kinds]
    return section(
        "By group",
        figures(*drawn(charts, "groups-auroc", "groups-sensitivity", "groups-specificity")),
        *tables,
        small_print(
            f"A group with fewer than {FEWEST} radiographs of a label gives no number of it. What the source does not "
            "say is unknown, and is a group of its own."
        ),
        _gaps(found),
    )


def _table(kind: str, groups: Sequence[Subgroup]) -> Html:
    rows = [
        (
            group.name,
            str(group.radiographs),
            str(group.patients),
            *(
                stacked_estimate(value, "too few")
                for value in (
                    group.auroc,
                    group.sensitivity_rule_out,
                    group.specificity_rule_out,
                    group.sensitivity_rule_in,
                    group.specificity_rule_in,
                )
            ),
        )
        for group in groups
    ]
    return table((kind, *_HEAD[1:]), rows, caption=f"By {kind}")


def _gaps(found: Subgroups) -> Html:
    apart = [gap for gap in found.gaps if gap.best != gap.worst]
    if not apart:
        return joined()
    rows = [(gap.kind, gap.measure, gap.best, gap.worst, stacked_estimate(gap.difference)) for gap in apart]
    note = (
        "Best and worst were chosen after looking, so some gap is to be expected by chance; an interval that lies well "
        "above 0 is worth an explanation."
    )
    return table(("groups", "measure", "best", "worst", "gap"), rows, caption="Largest gaps", note=note)
