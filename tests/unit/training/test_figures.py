import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from made.labels import made_scores
from made.packages import made_manifest

from lingula.training.figures import (
    Scored,
    draw_histogram,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    markers_on_precision_recall,
    markers_on_roc,
)
from lingula.training.measures import measure
from lingula.training.metrics import auroc

LEFT, TOP, WIDTH, HEIGHT = 50, 30, 276, 246  # of the frame inside a figure


def corners(svg: str, css: str) -> list[tuple[float, float]]:
    """Give a line's corners in the figure's own units, 0-1."""
    (line,) = (entry for entry in ET.fromstring(svg) if entry.get("class") == css)  # noqa: S314  made here
    pairs = re.findall(r"([\d.]+),([\d.]+)", line.get("points", ""))
    return [((float(x) - LEFT) / WIDTH, 1 - (float(y) - TOP) / HEIGHT) for x, y in pairs]


@pytest.mark.parametrize("count", [30, 3000])
def test_the_area_under_the_drawn_curve_is_the_auroc(count: int) -> None:
    made = made_scores(count, separation=1.2)

    drawn = corners(draw_roc(Scored(labels=made.labels, probabilities=made.probabilities), []), "curve")

    x, y = np.array(drawn).T
    assert drawn[0] == pytest.approx((0, 0), abs=1e-3)
    assert drawn[-1] == pytest.approx((1, 1), abs=1e-3)
    assert len(drawn) <= 501
    assert float(np.trapezoid(y, x)) == pytest.approx(auroc(made.labels, made.probabilities), abs=0.005)


def test_all_figures_are_whole_and_name_their_points() -> None:
    made = made_scores(100)
    found = measure(made.labels, made.probabilities, made.patients, made_manifest().operating_points)
    scored = Scored(labels=made.labels, probabilities=made.probabilities)

    figures = (
        draw_roc(scored, markers_on_roc(found.points)),
        draw_precision_recall(scored, markers_on_precision_recall(found.points)),
        draw_reliability(found.reliability),
        draw_histogram(scored, [("rule out", 0.3), ("<rule> in", 0.7)]),
    )

    for figure in figures:
        assert ET.fromstring(figure).get("role") == "img"  # noqa: S314  made here
        assert "nan" not in figure
    assert all(name in figures[0] for name in ("rule out", "rule in", "one half"))
    assert "&lt;rule&gt; in" in figures[3]


def test_a_point_that_flags_nobody_has_no_place_on_precision_and_recall() -> None:
    labels = np.array([0, 1] * 10)
    points = made_manifest().operating_points
    found = measure(labels, np.where(labels == 1, 0.4, 0.1), np.arange(20).astype(np.str_), points)

    assert [marker.name for marker in markers_on_precision_recall(found.points)] == ["rule out"]
