"""The linear reader is a logistic regression as others fit it, and nothing about a patient held out reaches it."""

import numpy as np
import pytest
from made.labels import made_scores
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # ships no annotations

from lingula.training.describe.linear import patient_folds, predict_held_out
from lingula.training.statistics.metrics import auroc

PENALTY = 1e-2


def by_sklearn(
    features: NDArray[np.float32], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    odds = np.zeros(len(labels))
    for fold in np.unique(folds):
        learn, held = folds != fold, folds == fold
        middle, spread = features[learn].mean(axis=0), features[learn].std(axis=0)
        standard = np.clip((features - middle) / spread, -5, 5)
        each = np.where(labels == 1, 0.5 / (labels[learn] == 1).sum(), 0.5 / (labels[learn] == 0).sum())
        model = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=10_000)
        model.fit(standard[learn], labels[learn], sample_weight=each[learn])
        odds[held] = model.decision_function(standard[held])
    return odds


@pytest.mark.parametrize("columns", [3, 400])
def test_held_out_odds_are_those_of_scikit_learn(columns: int) -> None:
    made = made_scores(240, seed=5)
    rng = np.random.default_rng(6)
    features = rng.normal(size=(240, columns)) * 3 + 7
    features[:, 0] += made.labels
    folds = patient_folds(made.labels, made.patients)

    ours = predict_held_out(features.astype(np.float32), made.labels, folds)

    assert ours == pytest.approx(by_sklearn(features.astype(np.float32), made.labels, folds), abs=1e-2)


def test_folds_keep_patients_together_and_share_out_both_labels() -> None:
    made = made_scores(400, seed=1)

    folds = patient_folds(made.labels, made.patients)

    assert all(len(set(folds[made.patients == patient])) == 1 for patient in set(made.patients.tolist()))
    shares = [made.labels[folds == fold].mean() for fold in range(5)]
    assert max(shares) - min(shares) < 0.1


def test_a_cell_that_only_a_few_pictures_fill_does_not_drown_the_rest() -> None:
    made = made_scores(600, seed=2)
    rng = np.random.default_rng(3)
    features = np.zeros((600, 40), np.float32)
    features[:, 0] = made.labels + rng.normal(size=600) * 0.3
    for column in range(1, 40):
        features[rng.integers(600, size=2), column] = 1000.0

    odds = predict_held_out(features, made.labels, patient_folds(made.labels, made.patients))

    assert auroc(made.labels, odds) > 0.95


def test_columns_that_never_vary_are_left_aside() -> None:
    made = made_scores(100, seed=4)
    features = np.ones((100, 3), np.float32)

    assert set(predict_held_out(features, made.labels, patient_folds(made.labels, made.patients)).round(6)) == {0.0}
