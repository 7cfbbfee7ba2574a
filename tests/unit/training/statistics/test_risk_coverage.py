import numpy as np
import pytest
from made.labels import MadeScores
from made.outcomes import made_outcomes, outcomes_of

from lingula.errors import TrainingError
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.risk_coverage import confidence, measure_risk_coverage, weighted_area


def test_the_area_equals_an_example_worked_by_hand() -> None:
    # Surest first: right, right, wrong, right, wrong; risks 0, 0, 1/3, 1/4, 2/5.
    wrong = np.array([0, 0, 1, 0, 1])
    sureness = np.array([5.0, 4, 3, 2, 1])

    area = weighted_area(wrong, sureness, np.ones((1, 5)))

    assert area[0] == pytest.approx((0 + 0 + 1 / 3 + 1 / 4 + 2 / 5) / 5)


def test_ties_are_decided_together_whatever_their_order() -> None:
    # Two tied groups: risk 1/2 for the first two, then 1/4 for all four.
    sureness = np.array([2.0, 2, 1, 1])

    for wrong in (np.array([1, 0, 0, 0]), np.array([0, 1, 0, 0])):
        assert weighted_area(wrong, sureness, np.ones((1, 4)))[0] == pytest.approx((2 / 2 + 2 / 4) / 4)


def test_drawing_a_radiograph_twice_equals_having_two_of_it() -> None:
    wrong, sureness = np.array([0, 1, 0]), np.array([3.0, 2, 1])

    drawn = weighted_area(wrong, sureness, np.array([[2.0, 1, 0]]))
    had = weighted_area(np.array([0, 0, 1]), np.array([3.0, 3, 2]), np.ones((1, 3)))

    assert drawn == pytest.approx(had)


def test_the_curve_ends_at_the_share_of_errors_of_all() -> None:
    cases = Cases.of(made_outcomes(400, separation=1.4))

    found = measure_risk_coverage(cases, 0.5)

    errors = float(((cases.probabilities >= 0.5) != (cases.labels == 1)).mean())
    assert list(found.curve[-1][:2]) == pytest.approx([1, errors])
    assert found.selective[0].accuracy.value == pytest.approx(1 - errors)
    assert [entry.asked for entry in found.selective] == [1.0, 0.95, 0.9]
    assert all(entry.asked <= entry.decided <= entry.asked + 0.01 for entry in found.selective)
    values = [entry.accuracy.value for entry in found.selective]
    assert values == sorted(values)  # a calibrated model errs where it is unsure
    assert found.least_area < found.area.value < errors
    assert found.area.low < found.area.value < found.area.high
    assert all(low <= risk + 0.03 and risk <= high + 0.03 for _, risk, low, high in found.curve)


def test_the_least_area_is_that_of_errors_which_come_last() -> None:
    probabilities = np.concatenate([np.linspace(0.55, 0.6, 5), np.linspace(0.8, 0.9, 15)])
    labels = np.array([0] * 5 + [1] * 15)
    patients = np.arange(20).astype(np.str_)
    cases = Cases.of(outcomes_of(MadeScores(labels=labels, probabilities=probabilities, patients=patients)))

    found = measure_risk_coverage(cases, 0.5)

    by_hand = sum(errors / (15 + errors) for errors in range(1, 6)) / 20
    assert found.least_area == pytest.approx(by_hand)
    assert found.area.value == pytest.approx(by_hand)


def test_confidence_is_a_distance_in_log_odds() -> None:
    assert confidence(np.array([0.2, 0.5, 0.8]), 0.2) == pytest.approx([0, np.log(4), np.log(16)])
    assert np.isfinite(confidence(np.array([0.0, 1.0]), 0.5)).all()


def test_no_radiograph_at_all_is_refused() -> None:
    with pytest.raises(TrainingError, match="at least one radiograph"):
        measure_risk_coverage(Cases.of([]), 0.5)
