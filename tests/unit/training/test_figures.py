import numpy as np
import pytest
from made.labels import made_scores
from made.packages import made_manifest

from lingula.training.charts import Band, Bars, Chart, Dots, Line, Words, to_svg
from lingula.training.figures import (
    Named,
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


def curve(chart: Chart, series: int = 0) -> list[tuple[float, float]]:
    """Give the points of a series' line."""
    (line,) = (mark for mark in chart.marks if isinstance(mark, Line) and mark.series == series)
    return list(line.points)


@pytest.mark.parametrize("count", [30, 3000])
def test_the_area_under_the_drawn_curve_is_the_auroc(count: int) -> None:
    made = made_scores(count, separation=1.2)

    drawn = curve(draw_roc(Scored(labels=made.labels, probabilities=made.probabilities)))

    x, y = np.array(drawn).T
    assert drawn[0] == (0, 0)
    assert drawn[-1] == (1, 1)
    assert len(drawn) <= 1000
    assert float(np.trapezoid(y, x)) == pytest.approx(auroc(made.labels, made.probabilities), abs=0.002)


def test_figures_name_their_points_and_thresholds() -> None:
    made = made_scores(100)
    found = measure(made.labels, made.probabilities, made.patients, made_manifest().operating_points)
    scored = Scored(labels=made.labels, probabilities=made.probabilities, patients=made.patients)

    figures = (
        draw_roc(scored, markers_on_roc(found.points)),
        draw_precision_recall(scored, markers_on_precision_recall(found.points)),
        draw_reliability(found.reliability),
        draw_histogram(scored, [("rule out", 0.3), ("<rule> in", 0.7)]),
    )

    for figure in figures:
        assert "nan" not in to_svg(figure)
    for figure in figures[:2]:
        words = {mark.words for mark in figure.marks if isinstance(mark, Words)}
        assert words == {"rule out", "rule in", "one half"}
        assert any(isinstance(mark, Band) for mark in figure.marks)
    assert "&lt;rule&gt; in" in to_svg(figures[3])


def test_the_reliability_figure_shows_each_bin_with_its_interval() -> None:
    made = made_scores(300)
    found = measure(made.labels, made.probabilities, made.patients, made_manifest().operating_points)

    figure = draw_reliability(found.reliability)

    (dots,) = (mark for mark in figure.marks if isinstance(mark, Dots))
    assert list(dots.points) == [(entry.mean_probability, entry.observed) for entry in found.reliability]
    assert sum(isinstance(mark, Line) and mark.series == 0 for mark in figure.marks) == 15


def test_the_bars_of_each_label_add_up_to_all_of_it() -> None:
    made = made_scores(200)

    figure = draw_histogram(Scored(labels=made.labels, probabilities=made.probabilities))

    bars = [mark for mark in figure.marks if isinstance(mark, Bars)]
    assert [mark.name for mark in bars] == ["normal", "pneumonia"]
    for mark in bars:
        assert sum(top for _, _, _, top in mark.boxes) == pytest.approx(1)


def test_several_curves_have_names_and_lines_of_their_own() -> None:
    both = [
        Named(name=name, scored=Scored(labels=made.labels, probabilities=made.probabilities, patients=made.patients))
        for name, made in (("one", made_scores(60)), ("two", made_scores(60, separation=1.0)))
    ]

    figure = draw_roc(both)

    assert curve(figure, 0) != curve(figure, 1)
    assert [mark.name for mark in figure.marks if isinstance(mark, Line) and mark.name] == ["one", "two"]


def test_a_point_that_flags_nobody_has_no_place_on_precision_and_recall() -> None:
    labels = np.array([0, 1] * 10)
    points = made_manifest().operating_points
    found = measure(labels, np.where(labels == 1, 0.4, 0.1), np.arange(20).astype(np.str_), points)

    assert [marker.name for marker in markers_on_precision_recall(found.points)] == ["rule out"]
