import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made.labels import made_scores
from numpy.typing import NDArray
from sklearn import metrics as reference  # type: ignore[import-untyped]  # ships no annotations

from lingula.errors import TrainingError
from lingula.training.statistics.metrics import (
    Confusion,
    auroc,
    average_precision,
    decide,
    predictive_values,
    weighted_auroc,
    weighted_average_precision,
)
from lingula.training.statistics.reliability import brier_score, expected_calibration_error, reliability_bins

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 0])
SCORES = np.array([0.1, 0.2, 0.3, 0.6, 0.3, 0.5, 0.7, 0.8, 0.9, 0.5])


def tied_case(seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw 2 to 40 radiographs of both labels whose scores are sixths, so that many tie."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 41))
    labels = np.concatenate([[0, 1], rng.integers(0, 2, size=size - 2)])
    return labels, rng.integers(0, 7, size=size) / 6


def test_auroc_counts_pairs_and_halves_ties() -> None:
    # 25 pairs; 0.3 beats 0.1 and 0.2, ties 0.3: 2.5; 0.5 beats three, ties 0.5: 3.5; the other three beat all five: 15
    assert auroc(LABELS, SCORES) == pytest.approx((2.5 + 3.5 + 15) / 25)


@pytest.mark.parametrize("seed", range(12))
def test_ranking_statistics_equal_scikit_learns(seed: int) -> None:
    labels, scores = tied_case(seed)

    assert auroc(labels, scores) == pytest.approx(reference.roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(reference.average_precision_score(labels, scores))
    assert brier_score(labels, scores) == pytest.approx(reference.brier_score_loss(labels, scores))


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_a_weight_counts_a_radiograph_as_often(seed: int) -> None:
    labels, scores = tied_case(seed)
    weights = np.random.default_rng(seed).integers(1, 4, size=len(labels))
    repeated = np.repeat(labels, weights), np.repeat(scores, weights)

    for weighted, plain in ((weighted_auroc, auroc), (weighted_average_precision, average_precision)):
        assert weighted(labels, scores, weights[np.newaxis].astype(float))[0] == pytest.approx(plain(*repeated))


def test_decisions_equal_a_table_worked_by_hand() -> None:
    made = decide(LABELS, SCORES, 0.5)

    counts = (made.true_positive, made.false_positive, made.true_negative, made.false_negative)
    assert counts == (4, 2, 3, 1)
    assert made.sensitivity == pytest.approx(4 / 5)
    assert made.specificity == pytest.approx(3 / 5)
    assert made.ppv == pytest.approx(4 / 6)
    assert made.npv == pytest.approx(3 / 4)
    assert made.accuracy == pytest.approx(7 / 10)
    assert made.f1 == pytest.approx(8 / 11)
    assert made.mcc == pytest.approx((4 * 3 - 2 * 1) / np.sqrt(6 * 5 * 5 * 4))


@pytest.mark.parametrize("sixths", range(8))
def test_decisions_equal_scikit_learns(sixths: int) -> None:
    labels, scores = tied_case(sixths)
    flagged = (scores >= sixths / 6).astype(int)

    made = decide(labels, scores, sixths / 6)

    assert made.f1 == pytest.approx(reference.f1_score(labels, flagged, zero_division=0))
    assert made.mcc == pytest.approx(reference.matthews_corrcoef(labels, flagged))
    assert made.accuracy == pytest.approx(reference.accuracy_score(labels, flagged))


def test_a_predictive_value_of_nobody_is_absent() -> None:
    assert decide(LABELS, SCORES, 0.95).ppv is None
    assert decide(LABELS, SCORES, 0.0).npv is None
    assert predictive_values(0.0, 1.0, 0.1) == (None, 0.9)


def test_predictive_values_follow_bayes() -> None:
    # of 1000 patients 50 are ill: 45 found; of 950 well 190 flagged
    ppv, npv = predictive_values(0.9, 0.8, 0.05)

    assert ppv == pytest.approx(45 / 235)
    assert npv == pytest.approx(760 / 765)


def test_calibration_error_equals_bins_worked_by_hand() -> None:
    labels = np.array([0, 0, 1, 1, 1, 0])
    said = np.array([0.1, 0.2, 0.3, 0.6, 0.8, 0.9])

    bins = reliability_bins(labels, said, bins=2)

    assert [entry.count for entry in bins] == [3, 3]
    assert [entry.mean_probability for entry in bins] == pytest.approx([0.2, 2.3 / 3])
    assert [entry.observed for entry in bins] == pytest.approx([1 / 3, 2 / 3])
    assert expected_calibration_error(labels, said, bins=2) == pytest.approx((abs(0.2 - 1 / 3) + abs(0.1)) / 2)


def test_probabilities_that_hold_have_a_small_calibration_error() -> None:
    said = np.random.default_rng(1).random(20_000)
    labels = (np.random.default_rng(2).random(20_000) < said).astype(np.int64)

    assert expected_calibration_error(labels, said) < 0.02
    assert expected_calibration_error(labels, said**3) > 0.1


def test_a_confusion_without_positives_has_no_sensitivity() -> None:
    made = made_scores(20)
    table = Confusion.at(0.5, made.labels, made.probabilities, (made.labels == 0)[np.newaxis].astype(float))

    assert np.isnan(table.sensitivity()[0])
    assert table.mcc()[0] == 0


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0], [0.1, 0.2], "must be 0 and 1"),
        ([0, 2], [0.1, 0.2], "must be 0 and 1"),
        ([0, 1, 1], [0.1, 0.2], "do not belong together"),
        ([0, 1], [0.1, np.nan], "1 scores are not finite"),
    ],
)
def test_what_no_statistic_holds_for_is_refused(labels: list[int], scores: list[float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        auroc(np.array(labels), np.array(scores))
