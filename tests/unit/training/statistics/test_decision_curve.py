from dataclasses import replace

import numpy as np
import pytest
from made.outcomes import made_outcomes

from lingula.errors import TrainingError
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.decision_curve import measure_decision_curves, net_benefit, threshold_at


def test_net_benefit_equals_an_example_worked_by_hand() -> None:
    # Vickers and Elkin's formula: 3 of 4 found, 1 of 6 flagged needlessly, at odds 1:4 and the set's own prevalence.
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1])

    made = net_benefit([0.5, 0.75], [0.25, 0.5], 0.4)(labels, scores, np.ones((1, 10)))

    assert made[0].tolist() == pytest.approx([3 / 10 - 1 / 10 * 0.25, 2 / 10])


def test_a_probability_is_moved_to_the_prevalence_by_bayes() -> None:
    threshold = threshold_at(1 / 9, 0.05, 0.5)  # flag at 10 % where 5 % are ill

    odds_there = threshold / (1 - threshold) * 0.05 / 0.95
    assert odds_there == pytest.approx(1 / 9)
    assert threshold_at(1 / 3, 0.3, 0.3) == pytest.approx(0.25)


def test_flagging_all_and_none_are_the_limits_of_the_curve() -> None:
    cases = Cases.of(made_outcomes(400, separation=1.6))

    curves = measure_decision_curves(cases, 0.3)

    assert [curve.prevalence for curve in curves] == [0.05, 0.15, 0.3]
    for curve in curves:
        assert [curve.points[0].odds, curve.points[-1].odds] == pytest.approx([1 / 20, 1 / 2])
        for point in curve.points:
            assert point.treat_all == pytest.approx(curve.prevalence - (1 - curve.prevalence) * point.odds)
            assert point.model.value > max(0, point.treat_all) - 0.01  # a calibrated model does no harm
            assert point.model.low <= point.model.value <= point.model.high <= curve.prevalence
            assert point.rule_out.value <= point.model.value + 0.02  # chosen for one odds, used at all


def test_a_useless_model_does_no_better_than_all_or_none() -> None:
    made = made_outcomes(300)
    cases = Cases.of([replace(entry, probability=0.5) for entry in made])

    (_, curve, _) = measure_decision_curves(cases, 0.3)

    for point in curve.points:
        assert point.model.value == pytest.approx(point.treat_all if point.odds <= 0.15 / 0.85 else 0)
        assert point.rule_out.value == pytest.approx(point.treat_all)


def test_what_has_no_curve_is_refused() -> None:
    ill = [entry for entry in made_outcomes(50) if entry.label == 1]

    with pytest.raises(TrainingError, match="both labels"):
        measure_decision_curves(Cases.of(ill), 0.3)
    with pytest.raises(TrainingError, match="prevalence of 1"):
        measure_decision_curves(Cases.of(made_outcomes(50)), 0.3, holds_at=1)
