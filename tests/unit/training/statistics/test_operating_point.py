import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made.labels import made_scores

from lingula.errors import TrainingError
from lingula.radiology.study import Band
from lingula.training.statistics.metrics import decide
from lingula.training.statistics.operating_point import choose_operating_points
from lingula.training.statistics.reliability import log_odds


@given(st.integers(0, 2**32), st.floats(0.5, 5, allow_subnormal=False), st.integers(1, 4))
@settings(deadline=None, max_examples=15)
def test_both_points_keep_what_they_promise(seed: int, separation: float, decimals: int) -> None:
    made = made_scores(400, seed=seed, separation=separation)
    probabilities = np.clip(np.round(made.probabilities, decimals), 0.001, 0.999)
    alone = np.arange(400).astype(np.str_)

    try:
        points = choose_operating_points(made.labels, probabilities, alone)
    except TrainingError as error:
        assert "nobody" in str(error)  # noqa: PT017  coarse scores may leave no useful point
        return

    assert points.rule_out.threshold <= points.rule_in.threshold
    assert decide(made.labels, probabilities, points.rule_out.threshold).sensitivity >= 0.98
    assert decide(made.labels, probabilities, points.rule_in.threshold).specificity >= 0.95


def test_thresholds_are_as_far_as_the_promise_allows_and_in_the_middle_of_a_gap() -> None:
    # 50 positives at 0.30, 0.31, ... 0.79 and 40 negatives at 0.005, 0.025, ... 0.785: each scale has its own gaps
    positives = 0.30 + np.arange(50) / 100
    negatives = 0.005 + np.arange(40) / 50
    labels = np.array([1] * 50 + [0] * 40)
    probabilities = np.concatenate([positives, negatives])

    points = choose_operating_points(labels, probabilities, np.arange(90).astype(np.str_))

    # one of 50 positives may be missed: 0.30; the next, 0.31, must be kept; the highest score below it is 0.305
    assert points.rule_out.threshold == pytest.approx((0.305 + 0.31) / 2)
    # two of 40 negatives may be flagged: 0.785 and 0.765; 0.745 must be spared; the next score above it is 0.75
    assert points.rule_in.threshold == pytest.approx((0.745 + 0.75) / 2)
    # measured without a say of their own, 0.31 is missed as well; at the other end nobody more is flagged
    assert points.rule_out.sensitivity.value == pytest.approx(48 / 50)
    assert points.rule_in.specificity.value == pytest.approx(38 / 40)
    assert points.rule_out.intended == "sensitivity at least 0.98"
    assert points.rule_in.measured_on == "tuning set, cross-fitted: 90 radiographs of 90 patients"
    assert points.band(0.30) is Band.UNLIKELY
    assert points.band(0.5) is Band.UNSURE
    assert points.band(0.79) is Band.LIKELY


@pytest.mark.parametrize(("patients", "promise"), [(20, 0.95), (50, 0.98), (100, 0.95)])
def test_what_a_point_reaches_is_what_it_reaches_on_other_patients(patients: int, promise: float) -> None:
    """Choose on 150 sets, the smallest that may promise so much among them, and ask what all others would see.

    Scores are normal with a distance of 3 between the labels, so that what a threshold finds is known exactly.
    """
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], patients)
    stated, flattered, real = [], [], []
    for _ in range(150):
        scores = rng.normal(3.0 * labels - 1.5, 1.0)
        probabilities = 1 / (1 + np.exp(-scores))
        point = choose_operating_points(
            labels,
            probabilities,
            np.arange(2 * patients).astype(np.str_),
            rule_out_sensitivity=promise,
            rule_in_specificity=promise,
        ).rule_out
        stated.append(point.sensitivity.value)
        flattered.append(decide(labels, probabilities, point.threshold).sensitivity)
        real.append(1 - NormalDist(1.5).cdf(float(log_odds(np.array(point.threshold)))))

    off = 3 * float(np.std(np.subtract(stated, real))) / math.sqrt(len(real))
    assert np.mean(stated) == pytest.approx(np.mean(real), abs=max(off, 0.004))
    assert np.mean(flattered) > np.mean(real) + 0.003
    assert abs(np.mean(stated) - np.mean(real)) < abs(np.mean(flattered) - np.mean(real))


def test_a_model_that_ranks_nearly_perfectly_keeps_both_promises_and_an_unsure_band() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0] * 200 + [1] * 200)
    probabilities = np.concatenate([rng.uniform(0, 0.55, 200), rng.uniform(0.45, 1, 200)])

    points = choose_operating_points(labels, probabilities, np.arange(400).astype(np.str_))

    assert points.rule_out.threshold < points.rule_in.threshold
    assert decide(labels, probabilities, points.rule_out.threshold).sensitivity >= 0.98
    assert decide(labels, probabilities, points.rule_in.threshold).specificity >= 0.95


def test_an_interval_without_any_error_is_wilsons_over_patients() -> None:
    labels = np.array([0] * 60 + [1] * 60)
    probabilities = np.concatenate([np.linspace(0, 0.2, 60), np.linspace(0.8, 1, 60)])

    points = choose_operating_points(labels, probabilities, np.arange(120).astype(np.str_))

    assert points.rule_in.specificity.value == 1
    assert points.rule_in.specificity.low == pytest.approx(0.9398, abs=1e-3)  # Wilson, 60 of 60


def test_too_few_patients_are_refused_however_many_radiographs_they_have() -> None:
    made = made_scores(200)

    with pytest.raises(TrainingError, match="2 pneumonia patients in the tuning set are too few"):
        choose_operating_points(
            np.array([0, 1] * 200), np.tile(made.probabilities, 2), np.array(["a", "b", "c", "d"] * 100)
        )


@pytest.mark.parametrize("constant", [0.0, 0.5, 1.0])
def test_a_model_that_tells_nothing_apart_is_refused(constant: float) -> None:
    labels = np.array([0, 1] * 100)

    with pytest.raises(TrainingError, match="train on"):
        choose_operating_points(labels, np.full(200, constant), np.arange(200).astype(np.str_))


def test_patients_with_radiographs_of_both_labels_choose_and_are_measured() -> None:
    """Follow-up radiographs: nearly everybody was ill once and well twice."""
    patients = np.repeat(np.arange(60), 3).astype(np.str_)
    labels = np.tile([1, 0, 0], 60)
    labels[1] = 1  # one patient who was mostly ill
    probabilities = np.random.default_rng(0).uniform(0.1, 0.6, 180) + 0.3 * labels

    points = choose_operating_points(labels, probabilities, patients)

    assert 0.9 < points.rule_out.sensitivity.value <= 1
    assert points.rule_in.measured_on == "tuning set, cross-fitted: 180 radiographs of 60 patients"


def test_normal_radiographs_of_probability_one_are_flagged_where_they_are_few() -> None:
    labels = np.array([0] * 40 + [1] * 60)
    probabilities = np.concatenate([np.linspace(0, 0.5, 38), [1.0, 1.0], np.linspace(0.4, 0.99, 60)])

    points = choose_operating_points(labels, probabilities, np.arange(100).astype(np.str_))

    assert points.rule_in.specificity.value == pytest.approx(0.95, abs=0.03)


def test_an_impossible_promise_is_refused() -> None:
    made = made_scores(200)

    with pytest.raises(TrainingError, match="of pneumonia cannot be promised"):
        choose_operating_points(made.labels, made.probabilities, made.patients, rule_out_sensitivity=1.0)
