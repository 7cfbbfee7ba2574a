"""The learning rate over a run."""

import pytest

from lingula.training.learning.pace import Pace
from lingula.training.recipe import Schedule


def pace(name: str, warm_up: float = 0.0) -> Pace:
    return Pace(
        Schedule.model_validate({"epochs": 10, "batch": 8, "learning_rate": 2.0, "pace": name, "warm_up": warm_up})
    )


def test_a_warm_up_rises_evenly_from_a_hundredth() -> None:
    rising = pace("constant", warm_up=0.2)
    assert [rising.learning_rate(done) for done in (0.0, 0.1, 0.2, 0.9)] == pytest.approx([0.02, 1.0, 2.0, 2.0])


def test_a_cosine_is_halfway_down_in_the_middle_and_ends_at_a_hundredth() -> None:
    falling = pace("cosine")
    assert [falling.learning_rate(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.01, 0.02])


def test_steps_fall_to_a_tenth_at_half_and_at_three_quarters() -> None:
    falling = pace("step")
    assert [falling.learning_rate(done) for done in (0.49, 0.5, 0.75)] == pytest.approx([2.0, 0.2, 0.02])


def test_one_cycle_rises_and_falls() -> None:
    cycle = pace("one-cycle", warm_up=0.3)
    assert [cycle.learning_rate(done) for done in (0.0, 0.15, 0.3, 1.0)] == pytest.approx([0.08, 1.04, 2.0, 2e-4])


def test_a_plateau_falls_after_three_epochs_without_a_better_loss_and_waits_anew() -> None:
    patient = pace("plateau")
    rates = []
    for loss in (1.0, 0.9, 0.9, 0.95, 0.91, 0.8, 0.9, 0.9, 0.9):
        patient.heard(loss)
        rates.append(patient.learning_rate(0.5))
    assert rates == pytest.approx([2.0, 2.0, 2.0, 2.0, 0.6, 0.6, 0.6, 0.6, 0.18])


def test_a_restored_pace_goes_on_as_the_saved_one() -> None:
    one, other = pace("plateau"), pace("plateau")
    for loss in (1.0, 1.0, 1.0):
        one.heard(loss)
    other.restore(one.state())
    one.heard(1.0)
    other.heard(1.0)
    assert other == one
    assert other.learning_rate(0.5) == pytest.approx(0.6)
