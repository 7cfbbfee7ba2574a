"""The tuning set is seen as it is, again and again the same, and its numbers are those of its logits."""

import math

import numpy as np
import pytest
import torch
from made.chests import drawn_chest
from torch import Tensor

from lingula.training.learning.examples import LabelledExamples
from lingula.training.learning.watch import watcher
from lingula.training.networks import Classifier
from lingula.training.recipe import ClassifierRecipe, NetworkRecipe, Schedule, Sight

RECIPE = ClassifierRecipe(
    schedule=Schedule(epochs=1, batch=4, learning_rate=1e-3), network=NetworkRecipe(side=32, sees=Sight.FRAME)
)


class Brightness(Classifier):
    """Answers log 3 for pictures that are brighter than half on the whole, else minus log 3."""

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        bright = pictures.mean(dim=(1, 2, 3))[:, None] > 0.5
        return torch.where(bright, math.log(3), -math.log(3)), torch.zeros(len(pictures), 3)


def grey(*levels: int, targets: tuple[float, ...]) -> LabelledExamples:
    pictures = np.stack([np.full((224, 224), level, np.uint8) for level in levels])
    return LabelledExamples(
        pictures=pictures,
        targets=np.array(targets, np.float32),
        findings=np.zeros(len(levels), np.int64),
        masks=torch.zeros(len(levels), 1, 56, 56),
    )


def test_loss_accuracy_and_auroc_are_those_of_the_answers() -> None:
    look = watcher(grey(250, 200, 10, 10, targets=(1, 0, 0, 0)), RECIPE)
    seen = look(Brightness(RECIPE.network))
    assert seen.loss == pytest.approx(-(3 * math.log(3 / 4) + math.log(1 / 4)) / 4)
    assert seen.accuracy == 0.75
    assert seen.auroc == pytest.approx((2 + 0.5) / 3)


def test_where_all_are_of_one_class_there_is_no_auroc() -> None:
    assert watcher(grey(250, 10, targets=(1, 1)), RECIPE)(Brightness(RECIPE.network)).auroc is None


def test_watching_twice_says_the_same_and_draws_nothing() -> None:
    chests = np.stack([drawn_chest(number, has_opacity=False).pixels for number in range(70)])
    tuning = LabelledExamples(
        pictures=chests,
        targets=np.arange(70, dtype=np.float32) % 2,
        findings=np.zeros(70, np.int64),
        masks=torch.zeros(70, 1, 56, 56),
    )
    look, before = watcher(tuning, RECIPE), torch.get_rng_state()
    assert look(Brightness(RECIPE.network)) == look(Brightness(RECIPE.network))
    assert torch.equal(torch.get_rng_state(), before)
