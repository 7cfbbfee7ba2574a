"""Losses against numbers worked by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from lingula.errors import TrainingError
from lingula.training.learning.losses import EVEN, UNKNOWN_FINDING, answer_loss, class_weights, finding_loss, smoothed
from lingula.training.recipe import LossRecipe

LOGITS = torch.tensor([[math.log(3.0)], [-math.log(3.0)]])  # probabilities 3/4 and 1/4
TARGETS = torch.tensor([[1.0], [1.0]])


def test_binary_cross_entropy_is_the_mean_of_the_logarithms() -> None:
    expected = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    assert float(answer_loss(LOGITS, TARGETS, LossRecipe())) == pytest.approx(expected)


def test_the_focal_loss_weighs_by_how_wrong_the_answer_is() -> None:
    expected = -((1 / 4) ** 2 * math.log(3 / 4) + (3 / 4) ** 2 * math.log(1 / 4)) / 2
    assert float(answer_loss(LOGITS, TARGETS, LossRecipe(kind="focal", gamma=2.0))) == pytest.approx(expected)


def test_the_focal_loss_of_a_doubt_lies_between_both_answers() -> None:
    recipe = LossRecipe(kind="focal", gamma=1.0)
    doubt = float(answer_loss(LOGITS[:1], torch.tensor([[0.25]]), recipe))
    expected = 0.25 * (1 / 4) * -math.log(3 / 4) + 0.75 * (3 / 4) * -math.log(1 / 4)
    assert doubt == pytest.approx(expected)


def test_class_weights_multiply_and_the_mean_is_over_the_pictures() -> None:
    targets = torch.tensor([[1.0], [0.0]])
    expected = (3.0 * -math.log(3 / 4) + 0.5 * -math.log(3 / 4)) / 2  # 1 - 1/4 is 3/4 too
    assert float(answer_loss(LOGITS, targets, LossRecipe(), (0.5, 3.0))) == pytest.approx(expected)


@given(logit=some.floats(-30, 30, allow_subnormal=False), target=some.floats(0, 1, allow_subnormal=False))
def test_softmax_over_two_classes_is_the_binary_loss_of_their_difference(logit: float, target: float) -> None:
    logits, targets = torch.tensor([[logit]]), torch.tensor([[target]])
    both = torch.tensor([[-logit / 2, logit / 2]])
    by_hand = -((1 - target) * both.log_softmax(1)[0, 0] + target * both.log_softmax(1)[0, 1])
    softmax = answer_loss(logits, targets, LossRecipe(kind="softmax"))
    torch.testing.assert_close(softmax, by_hand, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(softmax, answer_loss(logits, targets, LossRecipe()), rtol=1e-5, atol=1e-5)


@given(logit=some.floats(-30, 30, allow_subnormal=False), target=some.floats(0, 1, allow_subnormal=False))
def test_a_focal_loss_without_focus_is_the_binary_loss(logit: float, target: float) -> None:
    logits, targets = torch.tensor([[logit]]), torch.tensor([[target]])
    plain = answer_loss(logits, targets, LossRecipe())
    focal = answer_loss(logits, targets, LossRecipe(kind="focal", gamma=0.0))
    torch.testing.assert_close(focal, plain, rtol=1e-5, atol=1e-5)


def test_the_focal_loss_of_a_sure_answer_has_a_finite_gradient() -> None:
    logits = torch.tensor([[200.0], [-200.0]], requires_grad=True)
    answer_loss(logits, torch.tensor([[1.0], [1.0]]), LossRecipe(kind="focal")).backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_the_focal_loss_has_a_finite_gradient_whatever_its_focus(gamma: float, target: float) -> None:
    logits = torch.tensor([[20.0], [-20.0], [200.0], [-200.0]], requires_grad=True)
    answer_loss(logits, torch.full((4, 1), target), LossRecipe(kind="focal", gamma=gamma)).backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.5])
def test_the_focal_loss_is_the_formula_of_its_paper(gamma: float) -> None:
    logits = torch.linspace(-8, 8, 33, dtype=torch.float64)[:, None]
    p = logits.sigmoid()
    for target in (0.0, 0.3, 1.0):
        by_hand = -target * (1 - p) ** gamma * p.log() - (1 - target) * p**gamma * (1 - p).log()
        found = answer_loss(logits, torch.full_like(logits, target), LossRecipe(kind="focal", gamma=gamma))
        torch.testing.assert_close(found, by_hand.mean())


def test_weights_are_none_balanced_or_as_given() -> None:
    targets = torch.tensor([0.0, 1.0, 1.0, 1.0])
    assert class_weights(LossRecipe(), targets) == EVEN
    assert class_weights(LossRecipe(class_weights=(1.5, 0.5)), targets) == (1.5, 0.5)
    assert class_weights(LossRecipe(class_weights="balanced"), targets) == pytest.approx((2.0, 2 / 3))


def test_balanced_weights_of_one_class_are_refused() -> None:
    with pytest.raises(TrainingError, match="both classes"):
        class_weights(LossRecipe(class_weights="balanced"), torch.ones(4))


def test_smoothing_moves_a_label_towards_undecided() -> None:
    assert smoothed(torch.tensor([0.0, 1.0, 0.5]), 0.1).tolist() == pytest.approx([0.05, 0.95, 0.5])


def test_the_helper_task_leaves_unknown_findings_out() -> None:
    logits = torch.tensor([[0.0, math.log(2.0), 0.0], [9.0, 0.0, 0.0]])  # the first: 1/4, 2/4, 1/4
    assert float(finding_loss(logits, torch.tensor([1, UNKNOWN_FINDING]))) == pytest.approx(math.log(2))


def test_the_helper_task_without_any_known_finding_costs_nothing() -> None:
    assert float(finding_loss(torch.ones(2, 3), torch.full((2,), UNKNOWN_FINDING))) == 0.0
