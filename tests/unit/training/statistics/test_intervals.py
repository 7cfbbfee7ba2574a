import numpy as np
import pytest
from made.labels import made_scores
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.training.statistics.intervals import (
    Labels,
    Scores,
    Weights,
    clustered_band,
    clustered_bootstrap,
    wilson_interval,
)
from lingula.training.statistics.metrics import Confusion, auroc, auroc_interval, decision_statistic, weighted_auroc
from lingula.training.statistics.paired import PairedTest, clustered_delong_test, clustered_difference, delong_test


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(371, 390, 0.9252, 0.9686), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_wilson_intervals_equal_published_ones(successes: int, trials: int, low: float, high: float) -> None:
    assert list(wilson_interval(successes, trials)) == pytest.approx([low, high], abs=5e-5)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(TrainingError, match="0 of 0 is no share"):
        wilson_interval(0, 0)


def test_an_interval_over_single_radiographs_is_as_wide_as_hanley_and_mcneil_say() -> None:
    made = made_scores(600, separation=1.6)
    alone = np.arange(600).astype(np.str_)

    found = clustered_bootstrap(weighted_auroc, made.labels, made.probabilities, alone, seed=1)

    area, ill = auroc(made.labels, made.probabilities), int(made.labels.sum())
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (ill - 1) * (one - area**2) + (599 - ill) * (two - area**2)) / (ill * (600 - ill))
    assert found.value == area
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)


def test_radiographs_of_one_patient_widen_the_interval() -> None:
    made = made_scores(300, separation=1.0)
    copies = np.repeat(np.arange(300), 4)
    labels, scores = made.labels[copies], made.probabilities[copies]

    as_patients = clustered_bootstrap(weighted_auroc, labels, scores, copies.astype(np.str_), repeats=400)
    as_radiographs = clustered_bootstrap(weighted_auroc, labels, scores, np.arange(1200).astype(np.str_), repeats=400)

    assert as_patients.high - as_patients.low > 1.6 * (as_radiographs.high - as_radiographs.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    made = made_scores(100)
    sensitivity = decision_statistic(0.5, Confusion.sensitivity)

    first = clustered_bootstrap(sensitivity, made.labels, made.probabilities, made.patients, repeats=300, seed=4)
    again = clustered_bootstrap(sensitivity, made.labels, made.probabilities, made.patients, repeats=300, seed=4)

    assert first == again
    assert first.low < first.value < first.high


def test_an_interval_of_what_is_undefined_is_refused() -> None:
    labels, scores = np.array([1, 0]), np.array([0.9, 0.1])

    with pytest.raises(TrainingError, match="too few patients of one label"):
        clustered_bootstrap(decision_statistic(0.95, Confusion.ppv), labels, scores, np.array(["a", "b"]))


def test_delong_equals_the_bootstrap_on_independent_radiographs() -> None:
    made = made_scores(500, separation=1.2)
    other = made.probabilities + np.random.default_rng(5).normal(size=500) * 0.15
    alone = np.arange(500).astype(np.str_)

    delong = delong_test(made.labels, made.probabilities, other)
    drawn = clustered_difference(weighted_auroc, made.labels, (made.probabilities, other), alone, seed=2)

    assert delong.difference.value == pytest.approx(drawn.difference.value)
    assert delong.difference.low == pytest.approx(drawn.difference.low, abs=0.004)
    assert delong.difference.high == pytest.approx(drawn.difference.high, abs=0.004)
    assert delong.p_value == pytest.approx(drawn.p_value, abs=0.05)


def test_delong_equals_an_example_worked_by_hand() -> None:
    # positives 3, 4, 1 against negatives 2, 0: placements 1, 1, 1/2 and 2/3, 1; the second model is perfect
    labels = np.array([1, 1, 1, 0, 0])
    first, second = np.array([3.0, 4, 1, 2, 0]), np.array([5.0, 4, 3, 2, 1])

    test = delong_test(labels, first, second)

    variance = np.var([1, 1, 0.5], ddof=1) / 3 + np.var([2 / 3, 1], ddof=1) / 2
    assert test.difference.value == pytest.approx(5 / 6 - 1)
    assert (test.difference.high - test.difference.low) / 2 == pytest.approx(1.96 * np.sqrt(variance), rel=1e-3)


def test_a_model_compared_with_itself_does_not_differ() -> None:
    made = made_scores(50)

    assert delong_test(made.labels, made.probabilities, made.probabilities).p_value == 1


def test_delong_needs_two_of_each_label() -> None:
    with pytest.raises(TrainingError, match="two patients or more of each label"):
        delong_test(np.array([1, 0, 0]), np.array([0.5, 0.2, 0.1]), np.array([0.5, 0.2, 0.1]))


def test_obuchowskis_test_equals_an_example_worked_by_hand() -> None:
    # Patients a: positives 3, 1 and negative 2; b: positive 4; c: negative 0. The second model is perfect.
    labels = np.array([1, 1, 0, 1, 0])
    patients = np.array(["a", "a", "a", "b", "c"])
    first, second = np.array([3.0, 1, 2, 4, 0]), np.array([5.0, 4, 2, 6, 1])

    test = clustered_delong_test(labels, first, second, patients)

    # Placements first minus second: positives 0, -1/2, 0; negatives -1/3, 0; their means are both -1/6.
    by_positive = np.array([1 / 6 - 1 / 3, 1 / 6])  # a, b: summed over a patient's radiographs
    by_negative = np.array([-1 / 6, 1 / 6])  # a, c
    variance = 2 * (by_positive**2).sum() / 3**2 + 2 * (by_negative**2).sum() / 2**2
    variance += 2 * 3 / 2 * (by_positive[0] * by_negative[0]) / (3 * 2)
    assert test.difference.value == pytest.approx(-1 / 6)
    assert (test.difference.high - test.difference.low) / 2 == pytest.approx(1.96 * np.sqrt(variance), rel=1e-3)


def test_obuchowskis_test_equals_the_bootstrap_of_patients_and_not_delongs() -> None:
    rng = np.random.default_rng(3)
    made = made_scores(150, separation=1.2)
    other = made.probabilities + rng.normal(size=150) * 0.2
    labels, first, second = np.repeat(made.labels, 4), np.repeat(made.probabilities, 4), np.repeat(other, 4)
    patients = np.repeat(np.arange(150), 4).astype(np.str_)

    clustered = clustered_delong_test(labels, first, second, patients)
    drawn = clustered_difference(weighted_auroc, labels, (first, second), patients, seed=2)
    plain = delong_test(labels, first, second)

    def width(test: PairedTest) -> float:
        return test.difference.high - test.difference.low

    assert width(clustered) == pytest.approx(width(drawn), rel=0.08)
    assert width(clustered) == pytest.approx(2 * width(plain), rel=0.02)  # four copies of each


def test_limits_of_many_values_at_once_are_those_of_each() -> None:
    made = made_scores(80)

    def several(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
        area = weighted_auroc(labels, scores, weights)
        return np.stack([area, np.full(len(area), np.nan), 1 - area], axis=1)

    low, high = clustered_band(several, made.labels, made.probabilities, made.patients, repeats=200, seed=1)
    alone = clustered_bootstrap(weighted_auroc, made.labels, made.probabilities, made.patients, repeats=200, seed=1)

    assert [low[0], high[0]] == pytest.approx([alone.low, alone.high])
    assert [low[2], high[2]] == pytest.approx([1 - alone.high, 1 - alone.low])
    assert np.isnan([low[1], high[1]]).all()


def test_a_flawless_ranking_is_never_surer_than_one_with_the_least_flaw() -> None:
    labels = np.array([0] * 20 + [1] * 20)
    scores, patients = np.linspace(0, 1, 40), np.arange(40).astype(np.str_)
    flawed = scores.copy()
    flawed[[19, 20]] = scores[[20, 19]]

    best, least = auroc_interval(labels, scores, patients), auroc_interval(labels, flawed, patients)
    worst = auroc_interval(labels, -scores, patients)

    assert best is not None
    assert least is not None
    assert worst is not None
    assert (best.value, best.high) == (1.0, 1.0)
    assert best.low == least.low < least.value < 1.0
    assert (worst.value, worst.low) == (0.0, 0.0)
    assert worst.high == pytest.approx(1.0 - best.low)


def test_a_flawless_ranking_of_few_is_less_sure_than_one_of_many() -> None:
    def lowest(count: int) -> float:
        labels = np.array([0] * count + [1] * count)
        found = auroc_interval(labels, np.linspace(0, 1, 2 * count), np.arange(2 * count).astype(np.str_))
        assert found is not None
        return found.low

    assert lowest(4) < 0.8 < lowest(20) < 0.99 < lowest(200) < 1.0


def test_a_ranking_of_ties_is_certainly_one_half() -> None:
    labels = np.array([0, 1] * 20)
    found = auroc_interval(labels, np.full(40, 0.3), np.arange(40).astype(np.str_))
    assert found is not None
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)
