import numpy as np
import pytest
from sklearn import metrics as reference  # type: ignore[import-untyped]  # ships no annotations

from lingula.errors import TrainingError
from lingula.training.statistics.intervals import Labels, Scores
from lingula.training.statistics.reliability import (
    brier_parts,
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_bins,
)


def balanced_truth(seed: int, positives: int, negatives: int) -> tuple[Labels, Scores]:
    """Draw radiographs whose probabilities hold where half of them show pneumonia."""
    rng = np.random.default_rng(seed)
    said = rng.random(40_000)
    labels = (rng.random(40_000) < said).astype(np.int64)
    kept = np.concatenate([np.flatnonzero(labels == 1)[:positives], np.flatnonzero(labels == 0)[:negatives]])
    return labels[kept], said[kept]


def test_probabilities_are_judged_at_the_prevalence_they_are_meant_for() -> None:
    labels, said = balanced_truth(0, 15_000, 5_000)

    assert expected_calibration_error(labels, said) > 0.1
    assert expected_calibration_error(labels, said, prevalence=0.5) < 0.02


def test_the_brier_score_at_a_prevalence_is_the_mean_of_both_labels() -> None:
    labels, said = np.array([1, 1, 1, 0]), np.array([0.9, 0.8, 0.4, 0.3])

    positive = np.mean([0.1**2, 0.2**2, 0.6**2])
    assert brier_score(labels, said, prevalence=0.2) == pytest.approx(0.2 * positive + 0.8 * 0.3**2)


def test_the_sets_own_prevalence_changes_nothing() -> None:
    labels, said = balanced_truth(1, 300, 100)

    moved, plain = reliability_bins(labels, said, prevalence=0.75), reliability_bins(labels, said)

    for one, other in zip(moved, plain, strict=True):
        assert [one.mean_probability, one.observed, one.low, one.high] == pytest.approx(
            [other.mean_probability, other.observed, other.low, other.high]
        )


def test_an_interval_moves_with_the_prevalence() -> None:
    labels, said = balanced_truth(2, 15_000, 5_000)

    for entry in reliability_bins(labels, said, prevalence=0.5)[2:-2]:
        assert entry.low < entry.observed < entry.high
        assert entry.observed == pytest.approx(entry.mean_probability, abs=0.06)


def test_an_impossible_prevalence_is_refused() -> None:
    with pytest.raises(TrainingError, match="between 0 and 1"):
        expected_calibration_error(np.array([0, 1]), np.array([0.2, 0.8]), prevalence=1.0)


def test_the_parts_make_up_the_brier_score_where_bins_say_one_thing() -> None:
    rng = np.random.default_rng(2)
    said = np.repeat([0.1, 0.3, 0.6, 0.9], 50)
    labels = (rng.random(200) < said**0.5).astype(np.int64)

    parts = brier_parts(labels, said, bins=4)

    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(brier_score(labels, said))
    assert parts.reliability > 0.01


def test_log_loss_is_that_of_scikit_learn_and_finite() -> None:
    rng = np.random.default_rng(3)
    labels, said = np.tile([0, 1], 50), rng.random(100)

    assert log_loss(labels, said) == pytest.approx(reference.log_loss(labels, said))
    assert np.isfinite(log_loss(np.array([0, 1]), np.array([1.0, 0.0])))


def test_radiographs_of_one_probability_are_never_told_apart_by_their_order() -> None:
    """A source's rows often come sorted by label; sixty of each at one half hold exactly."""
    labels = np.repeat([0, 1], 60)
    half = np.full(120, 0.5)

    assert expected_calibration_error(labels, half) == pytest.approx(0, abs=1e-12)
    assert brier_parts(labels, half).resolution == pytest.approx(0, abs=1e-12)
    assert [entry.count for entry in reliability_bins(labels, half)] == [120]

    coarse = np.tile([0.1, 0.1, 0.4, 0.9, 0.9, 0.9], 20)
    mixed = np.random.default_rng(0).permutation(120)
    assert expected_calibration_error(labels, coarse) == pytest.approx(
        expected_calibration_error(labels[mixed], coarse[mixed])
    )
    assert sum(entry.count for entry in reliability_bins(labels, coarse)) == 120
