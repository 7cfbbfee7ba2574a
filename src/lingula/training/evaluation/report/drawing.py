"""All charts of a report, by the name their files bear."""

from collections.abc import Mapping

from lingula.modelpackage.manifest import Estimate
from lingula.training.charts import Chart, to_svg
from lingula.training.evaluation.result import EvaluationResult, write_estimate
from lingula.training.figures import (
    GroupMeasure,
    Scored,
    draw_decision_curve,
    draw_histogram,
    draw_precision_recall,
    draw_randomisation,
    draw_reading_room,
    draw_reliability,
    draw_risk_coverage,
    draw_roc,
    draw_roc_corner,
    draw_stress,
    draw_subgroups,
    markers_on_precision_recall,
    markers_on_roc,
)
from lingula.training.page import Html, figure
from lingula.training.statistics.measures import BALANCED, Measured
from lingula.training.statistics.reliability import reliability_bins

_COLUMN = 400  # a wider chart has a row of its own
_AT_RULE_OUT: dict[str, GroupMeasure] = {"sensitivity": "sensitivity_rule_out", "specificity": "specificity_rule_out"}


def draw_charts(result: EvaluationResult, scored: Scored | None) -> dict[str, Chart]:
    """Draw what this evaluation measured."""
    charts: dict[str, Chart] = {}
    if (made := result.everyone) is not None and scored is not None:
        thresholds = [(point.name, point.decisions.threshold) for point in made.points[:2]]
        charts |= {
            "roc": draw_roc(scored, markers_on_roc(made.points), _says("AUROC", made.auroc, made, result.intervals_by)),
            "roc-corner": draw_roc_corner(scored, markers_on_roc(made.points)),
            "precision-recall": draw_precision_recall(
                scored,
                markers_on_precision_recall(made.points),
                _says("average precision", made.average_precision, made, result.intervals_by),
            ),
            "reliability": draw_reliability(made.reliability),
            "reliability-balanced": draw_reliability(
                reliability_bins(scored.labels, scored.probabilities, prevalence=BALANCED), weighing="labels balanced"
            ),
            "probabilities": draw_histogram(scored, thresholds),
        }
        charts |= _in_use(result)
    if (probes := result.probes) is not None:
        charts["stress"] = draw_stress(probes.stress)
        if probes.randomisation is not None:
            charts["randomisation"] = draw_randomisation(probes.randomisation)
    return charts


def _says(name: str, area: Estimate | None, made: Measured, resampled: str) -> tuple[str, ...]:
    """Give what a paper's figure must say of itself, line by line."""
    return (
        f"{name} {write_estimate(area, 4)}",
        f"{made.radiographs} radiographs, {made.positives} with pneumonia",
        f"band: 95 %, resampled by {resampled}",
    )


def _in_use(result: EvaluationResult) -> dict[str, Chart]:
    charts: dict[str, Chart] = {}
    groups = () if result.subgroups is None else result.subgroups.groups
    if any(group.kind != "finding" for group in groups):
        made = result.everyone
        charts["groups-auroc"] = draw_subgroups(groups, "auroc", None if made is None else made.auroc)
        for measure, of_groups in _AT_RULE_OUT.items():
            overall = None if made is None else made.points[0].estimates[measure]
            charts[f"groups-{measure}"] = draw_subgroups(groups, of_groups, overall)
    if result.risk_coverage is not None:
        charts["risk-coverage"] = draw_risk_coverage(result.risk_coverage)
    for curve in result.decision_curves:
        charts[f"decision-{curve.prevalence:.0%}".removesuffix("%")] = draw_decision_curve(curve)
    if result.reading_room is not None:
        charts["reading-room"] = draw_reading_room(result.reading_room)
    return charts


def drawn(charts: Mapping[str, Chart], *names: str) -> list[Html]:
    """Give those of the named charts that there are, for the page."""
    return [
        figure(to_svg(charts[name], for_page=True), is_wide=charts[name].width > _COLUMN)
        for name in names
        if name in charts
    ]
