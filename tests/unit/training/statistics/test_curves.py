from collections.abc import Callable

import numpy as np
import pytest
from made.labels import made_scores
from sklearn.metrics import precision_recall_curve, roc_curve  # type: ignore[import-untyped]  # no stubs

from lingula.training.statistics.curves import (
    Banded,
    precision_recall_points,
    precision_recall_with_band,
    roc_points,
    roc_with_band,
)


def test_curves_are_those_of_scikit_learn() -> None:
    made = made_scores(80)
    scores = np.round(made.probabilities, 1)  # ties

    alarms, found, _ = roc_curve(made.labels, scores, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(made.labels, scores)

    assert roc_points(made.labels, scores) == pytest.approx(np.stack([alarms, found], axis=1))
    ours = precision_recall_points(made.labels, scores)[1:]
    assert ours == pytest.approx(np.stack([recall, precision], axis=1)[-2::-1])


@pytest.mark.parametrize("with_band", [roc_with_band, precision_recall_with_band])
def test_a_band_holds_its_curve_and_narrows_with_more_patients(with_band: Callable[..., Banded]) -> None:
    made = made_scores(600, separation=1.4)
    few = made_scores(100, separation=1.4)

    banded = with_band(made.labels, made.probabilities, made.patients)
    wide = with_band(few.labels, few.probabilities, few.patients)

    middle = (banded.band[:, 0] > 0.1) & (banded.band[:, 0] < 0.9)
    places, low, high = banded.band[middle].T
    on_curve = np.interp(places, banded.curve[:, 0], banded.curve[:, 1])
    assert (low <= on_curve + 0.02).all()
    assert (on_curve <= high + 0.02).all()
    assert (high - low).mean() < (wide.band[:, 2] - wide.band[:, 1]).mean() / 1.5


def test_a_band_where_nothing_errs_is_a_line() -> None:
    labels, scores = np.array([0, 1] * 30), np.array([0.1, 0.9] * 30)

    banded = roc_with_band(labels, scores, np.arange(60).astype(np.str_))

    assert banded.band[1:, 1:] == pytest.approx(1)
