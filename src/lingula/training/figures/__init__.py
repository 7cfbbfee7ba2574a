"""Every figure of a report or a comparison, as a chart that `charts` writes as SVG and as PNG."""

from lingula.training.figures.discrimination import (
    Marker,
    Named,
    Scored,
    draw_histogram,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    markers_on_precision_recall,
    markers_on_roc,
)

__all__ = [
    "Marker",
    "Named",
    "Scored",
    "draw_histogram",
    "draw_precision_recall",
    "draw_reliability",
    "draw_roc",
    "markers_on_precision_recall",
    "markers_on_roc",
]
