"""Every figure of a report or a comparison, as a chart that `charts` writes as SVG and as PNG."""

from lingula.training.figures.decisions import draw_decision_curve, draw_reading_room, draw_risk_coverage
from lingula.training.figures.discrimination import (
    Marker,
    Named,
    Scored,
    draw_histogram,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    draw_roc_corner,
    markers_on_precision_recall,
    markers_on_roc,
)
from lingula.training.figures.groups import GroupMeasure, draw_subgroups
from lingula.training.figures.learning import draw_history, draw_learning
from lingula.training.figures.probing import draw_randomisation, draw_stress

__all__ = [
    "GroupMeasure",
    "Marker",
    "Named",
    "Scored",
    "draw_decision_curve",
    "draw_histogram",
    "draw_history",
    "draw_learning",
    "draw_precision_recall",
    "draw_randomisation",
    "draw_reading_room",
    "draw_reliability",
    "draw_risk_coverage",
    "draw_roc",
    "draw_roc_corner",
    "draw_stress",
    "draw_subgroups",
    "markers_on_precision_recall",
    "markers_on_roc",
]
