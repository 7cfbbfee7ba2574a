from dataclasses import replace

import numpy as np
import pytest
from made.labels import made_scores
from made.outcomes import made_outcomes
from made.packages import made_manifest

from lingula.doors.cli.reading import reading_rules
from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate
from lingula.training.charts import Band, Bars, Chart, Dots, Line, Words, to_svg
from lingula.training.figures import (
    Marker,
    Named,
    Scored,
    draw_decision_curve,
    draw_histogram,
    draw_history,
    draw_learning,
    draw_precision_recall,
    draw_reading_room,
    draw_reliability,
    draw_risk_coverage,
    draw_roc,
    draw_roc_corner,
    draw_subgroups,
    markers_on_precision_recall,
    markers_on_roc,
)
from lingula.training.learning.journal import Epoch
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.decision_curve import measure_decision_curves
from lingula.training.statistics.measures import measure
from lingula.training.statistics.metrics import auroc
from lingula.training.statistics.reading_queue import CaseMix, Traffic, simulate_reading
from lingula.training.statistics.risk_coverage import measure_risk_coverage
from lingula.training.statistics.subgroups import measure_subgroups


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
        draw_roc(scored, markers_on_roc(found.points), ["AUROC 0.9", "band: 95 %"]),
        draw_precision_recall(scored, markers_on_precision_recall(found.points)),
        draw_reliability(found.reliability),
        draw_histogram(scored, [("rule out", 0.3), ("<rule> in", 0.7)]),
    )

    for figure in figures:
        assert "nan" not in to_svg(figure)
    corner = {marker.name for marker in markers_on_roc(found.points) if marker.x <= 0.25 and marker.y >= 0.75}
    names = {"rule out", "rule in", "one half"}
    assert corner == {"one half"}
    for figure, expected in zip(figures, ((names - corner) | {"AUROC 0.9", "band: 95 %"}, names), strict=False):
        words = {mark.words for mark in figure.marks if isinstance(mark, Words)}
        assert words == expected
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
    assert draw_roc_corner(both).marks == figure.marks
    assert draw_roc_corner(both).y.low == 0.75


def test_the_corner_names_the_points_that_lie_in_it() -> None:
    made = made_scores(100)
    markers = [Marker(x=0.1, y=0.9, name="inside"), Marker(x=0.5, y=0.99, name="outside")]

    figure = draw_roc_corner(Scored(labels=made.labels, probabilities=made.probabilities), markers)

    assert [mark.words for mark in figure.marks if isinstance(mark, Words)] == ["inside"]


def test_a_point_that_flags_nobody_has_no_place_on_precision_and_recall() -> None:
    labels = np.array([0, 1] * 10)
    points = made_manifest().operating_points
    found = measure(labels, np.where(labels == 1, 0.4, 0.1), np.arange(20).astype(np.str_), points)

    assert [marker.name for marker in markers_on_precision_recall(found.points)] == ["rule out"]


def bars(chart: Chart) -> dict[str | None, Bars]:
    return {mark.name: mark for mark in chart.marks if isinstance(mark, Bars)}


def test_risk_over_coverage_ends_at_the_errors_of_all() -> None:
    found = measure_risk_coverage(Cases.of(made_outcomes(200, separation=1.2)), 0.5)

    figure = draw_risk_coverage(found)

    assert list(curve(figure)[-1]) == pytest.approx([1, 1 - found.selective[0].accuracy.value])
    assert "nan" not in to_svg(figure)


def test_net_benefit_is_drawn_beside_flagging_everybody() -> None:
    (made, *others) = measure_decision_curves(Cases.of(made_outcomes(200)), 0.3)

    figure = draw_decision_curve(made)

    assert [mark.name for mark in figure.marks if isinstance(mark, Line) and mark.name] == [
        "model",
        "its rule-out point",
        "flag all",
    ]
    assert list(curve(figure, 2)[0]) == pytest.approx([1 / 20, 0.05 - 0.95 / 20])
    assert "where 5 % have pneumonia" in figure.title
    assert figure.legend == "lower right"  # flagging all leaves the chart at its lower left
    assert {draw_decision_curve(other).legend for other in others} == {"lower left"}


def test_waits_are_drawn_for_each_order() -> None:
    outcomes = made_outcomes(300)
    room = simulate_reading(CaseMix.of(outcomes), reading_rules(), Traffic(arrivals=10, studies=300, replications=3))

    figure = draw_reading_room(room)

    assert set(bars(figure)) == {"pneumonia", "no pneumonia", "pneumonia missed"}
    heights = [top for *_, top in bars(figure)["pneumonia"].boxes]
    assert heights == [order.positives.mean.value for order in room.orders]
    assert [name for _, name in figure.x.ticks] == ["first come", "by priority", "by priority with a cap"]


def test_every_group_has_a_row_also_one_that_is_too_small() -> None:
    outcomes = [replace(entry, sex="F" if number > 10 else "M") for number, entry in enumerate(made_outcomes(200))]
    groups = measure_subgroups(Cases.of(outcomes), made_manifest().operating_points, repeats=100).groups

    figure = draw_subgroups(groups, "auroc", Estimate(value=0.9, low=0.8, high=0.95))

    assert [name for _, name in figure.y.ticks] == ["sex: F (189)", "sex: M (11)"]
    assert [mark.words for mark in figure.marks if isinstance(mark, Words)] == ["not computed"]
    assert "sensitivity" in draw_subgroups(groups, "sensitivity_rule_out").x.title
    assert "specificity" in draw_subgroups(groups, "specificity_rule_out").x.title
    assert draw_subgroups([], "auroc").title == "AUROC by group"
    assert draw_subgroups([], "sensitivity_rule_out").title == "Sensitivity at rule out by group"


def epoch(number: int, fold: int | None) -> Epoch:
    return Epoch(
        stage="classifier",
        fold=fold,
        epoch=number,
        epochs=3,
        training_loss=1 / number,
        tuning_loss=None if number == 1 else 2 / number,
        auroc=1 - 0.1 / number,
        learning_rate=0.1,
        seconds=1,
        images_per_second=100,
    )


def test_learning_curves_show_training_and_tuning_and_folds_thinly() -> None:
    history = [epoch(number, fold) for fold in (1, 2, None) for number in (1, 2, 3)]

    figure = draw_learning(history, "classifier")

    drawn = [mark for mark in figure.marks if isinstance(mark, Line)]
    assert [(mark.name, mark.is_thin) for mark in drawn] == [
        ("training, folds", True),
        ("tuning, folds", True),
        (None, True),
        (None, True),
        ("training", False),
        ("tuning", False),
    ]
    assert drawn[-1].points == [(2.0, 1.0), (3.0, 2 / 3)]  # the first epoch was not watched
    assert curve(draw_learning(history[-3:], "classifier", "auroc"), 1)[0] == (1.0, 0.9)


def test_a_history_has_a_figure_for_everything_that_was_watched() -> None:
    finder = [replace(epoch(number, None), stage="lung finder", auroc=None) for number in (1, 2)]

    charts = draw_history([*finder, *(epoch(number, fold) for fold in (1, None) for number in (1, 2, 3))])

    assert list(charts) == ["learning-lung-finder-loss", "learning-classifier-loss", "learning-classifier-auroc"]
    assert draw_history([]) == {}


def test_a_history_without_what_is_asked_is_refused() -> None:
    with pytest.raises(TrainingError, match="no loss of a stage 'lung finder'; its stages: classifier"):
        draw_learning([epoch(1, None)], "lung finder")
    with pytest.raises(TrainingError, match="no accuracy"):
        draw_learning([epoch(1, None)], "classifier", "accuracy")
