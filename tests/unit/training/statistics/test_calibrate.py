import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # ships no annotations

from lingula.errors import TrainingError
from lingula.training.statistics.calibrate import (
    Calibration,
    cross_calibrated,
    fit_calibration,
    sigmoid,
    with_prevalence,
)
from lingula.training.statistics.intervals import Labels, Scores
from lingula.training.statistics.metrics import auroc
from lingula.training.statistics.reliability import brier_score, expected_calibration_error


def overconfident(count: int = 4000, *, scale: float = 0.4, bias: float = 0.7, seed: int = 0) -> tuple[Labels, Scores]:
    """Draw logits that say too much: the truth follows `scale` and `bias`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, size=count)
    return (rng.random(count) < sigmoid(scale * logits + bias)).astype(np.int64), logits


def test_the_fit_finds_scale_and_bias() -> None:
    made = fit_calibration(*overconfident(40_000))

    assert made.scale == pytest.approx(0.4, abs=0.02)
    assert made.bias == pytest.approx(0.7, abs=0.04)


def test_the_fit_equals_scikit_learns() -> None:
    labels, logits = overconfident()
    reference = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(logits[:, np.newaxis], labels)

    made = fit_calibration(labels, logits)

    # Platt's targets shrink by one case in about two thousand
    assert made.scale == pytest.approx(float(reference.coef_[0, 0]), rel=0.01)
    assert made.bias == pytest.approx(float(reference.intercept_[0]), abs=0.01)


def test_calibration_keeps_the_ranking_and_mends_the_probabilities() -> None:
    labels, logits = overconfident()
    fresh_labels, fresh_logits = overconfident(seed=1)

    said = fit_calibration(labels, logits).probability(fresh_logits)

    assert auroc(fresh_labels, said) == auroc(fresh_labels, fresh_logits)
    assert expected_calibration_error(fresh_labels, said) < 0.03
    assert expected_calibration_error(fresh_labels, sigmoid(fresh_logits)) > 0.1


def test_a_perfect_ranking_does_not_become_certainty() -> None:
    labels, logits = np.array([0] * 50 + [1] * 50), np.linspace(-3, 3, 100)

    said = fit_calibration(labels, logits).probability(logits)

    assert np.isfinite(said).all()
    assert 0.9 < said.max() < 1
    assert 0 < said.min() < 0.1


def test_probabilities_hold_at_the_prevalence_asked_for() -> None:
    rng = np.random.default_rng(2)
    labels = (rng.random(60_000) < 0.7).astype(np.int64)
    logits = rng.normal((labels - 0.5) * 3, 1.5)
    thinned = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:2000]])  # 10 % pneumonia

    said = fit_calibration(labels, logits, prevalence=2000 / (2000 + (labels == 0).sum())).probability(logits[thinned])

    assert said.mean() == pytest.approx(labels[thinned].mean(), abs=0.01)
    assert expected_calibration_error(labels[thinned], said) < 0.01


def test_moving_there_and_back_changes_nothing() -> None:
    made = Calibration(scale=1.3, bias=0.2)

    moved = with_prevalence(with_prevalence(made, was=0.7, now=0.1), was=0.1, now=0.7)

    assert moved.bias == pytest.approx(made.bias)


def test_no_logit_overflows() -> None:
    assert sigmoid(np.array([-1e4, 0, 1e4])).tolist() == [0, 0.5, 1]


def test_exchanged_labels_are_refused() -> None:
    labels, logits = overconfident()

    with pytest.raises(TrainingError, match="are the labels exchanged"):
        fit_calibration(1 - labels, logits)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.2])
def test_an_impossible_prevalence_is_refused(prevalence: float) -> None:
    with pytest.raises(TrainingError, match="must lie between 0 and 1"):
        fit_calibration(*overconfident(100), prevalence=prevalence)


def test_scores_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(TrainingError, match="higher logits"):
        fit_calibration(np.array([0, 1] * 20), np.zeros(40))


def test_a_patients_own_label_has_no_say_in_the_probability_it_is_measured_by() -> None:
    labels, logits = overconfident(60)
    patients = np.arange(60).astype(np.str_)

    held = cross_calibrated(labels, logits, patients, seed=3)
    own = fit_calibration(labels, logits).probability(logits)

    assert np.corrcoef(held, own)[0, 1] > 0.99
    assert not np.allclose(held, own)
    assert brier_score(labels, held) > brier_score(labels, own)
