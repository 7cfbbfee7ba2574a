from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lingula.errors import TrainingError
from lingula.training.statistics.cross_fitting import cross_fitted
from lingula.training.statistics.intervals import Labels, Scores


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_nobody_is_judged_by_what_was_learnt_from_the_same_patient(ill: int, both: int, well: int, seed: int) -> None:
    """Score every radiograph with its own row, so that a score tells whose it is; each patient has two."""
    assume(ill + both > 1 < both + well)
    owners = np.repeat(np.arange(ill + both + well), 2)
    truth = np.array([[1, 1]] * ill + [[0, 1]] * both + [[0, 0]] * well).ravel()
    rows = np.arange(len(owners), dtype=np.float64)
    judged: list[float] = []

    def learn(labels: Labels, scores: Scores) -> Callable[[Scores], Scores]:
        assert set(labels.tolist()) == {0, 1}
        learnt = set(owners[scores.astype(np.int64)].tolist())

        def judge(held: Scores) -> Scores:
            assert learnt.isdisjoint(owners[held.astype(np.int64)].tolist())
            judged.extend(held.tolist())
            return held + 0.5

        return judge

    said = cross_fitted(truth, rows, owners.astype(np.str_), learn, seed=seed)

    assert sorted(judged) == rows.tolist()
    assert said.tolist() == (rows + 0.5).tolist()


def test_a_label_with_a_single_patient_can_be_learnt_but_not_measured() -> None:
    with pytest.raises(TrainingError, match="one label has a single patient"):
        cross_fitted(
            np.array([1, 1, 0, 0, 0]),
            np.zeros(5),
            np.array(["a", "a", "b", "c", "d"]),
            lambda *_: np.zeros_like,
            seed=0,
        )
