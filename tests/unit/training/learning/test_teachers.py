"""Teachers are asked about what they never saw, and change what is wanted by just as much as the recipe says."""

import math

import numpy as np
import pytest
import torch
from made.chests import drawn_chest

from lingula.training.learning.examples import LabelledExamples
from lingula.training.learning.losses import UNKNOWN_FINDING, taught_loss
from lingula.training.learning.teachers import Teachers
from lingula.training.learning.views import augmented
from lingula.training.networks import Classifier, build_classifier
from lingula.training.recipe import AugmentRecipe, ClassifierRecipe, LossRecipe, NetworkRecipe, Precision, Schedule

NETWORK = NetworkRecipe(side=64, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1))
PICTURES = np.stack([drawn_chest(number, has_opacity=number % 2 == 1).pixels for number in range(6)])
LABELS = np.array([0, 1, 0, 1, 0, 1])


def certain(logit: float) -> Classifier:
    """Make a network that gives every picture the same answer."""
    network = build_classifier(NETWORK)
    with torch.no_grad():
        network.pneumonia.weight.zero_()
        network.pneumonia.bias.fill_(logit)
        network.finding.weight.zero_()
        network.finding.bias.copy_(torch.tensor([0.0, 100.0, 0.0]))
    return network


def examples(teachers: Teachers | None) -> LabelledExamples:
    return LabelledExamples(
        pictures=PICTURES,
        targets=LABELS.astype(np.float32),
        findings=LABELS.astype(np.int64),
        masks=torch.full((6, 1, 56, 56), 0.9),
        teachers=teachers,
    )


def recipe(*, teacher_weight: float, blank_lungs: float = 0.0) -> ClassifierRecipe:
    augment = AugmentRecipe.nothing().model_copy(update={"blank_lungs": blank_lungs})
    schedule = Schedule(epochs=1, batch=6, learning_rate=1e-3)
    return ClassifierRecipe(
        schedule=schedule, network=NETWORK, loss=LossRecipe(teacher_weight=teacher_weight), augment=augment
    )


TEACHERS = Teachers(networks=(certain(math.log(3)), certain(-math.log(3))), of=np.array([0, 0, 0, 1, 1, 1]))


def test_each_example_is_judged_by_its_own_teacher() -> None:
    rows = torch.tensor([5, 0, 3])
    pneumonia, findings = TEACHERS.judge(torch.rand(3, 1, 64, 64), rows, Precision.AUTO)
    assert pneumonia[:, 0].tolist() == pytest.approx([0.25, 0.75, 0.25], abs=2e-3)
    assert findings.argmax(dim=1).tolist() == [1, 1, 1]


def test_a_teacher_sees_its_own_side_whatever_its_pupil_sees() -> None:
    """Small pictures of a pupil that grows are enlarged, so the teacher says much what it says of the whole picture."""
    torch.manual_seed(2)
    teachers = Teachers(networks=(build_classifier(NETWORK).eval(),), of=np.zeros(6, np.int64))
    sides: list[int] = []
    teachers.networks[0].register_forward_pre_hook(lambda _, seen: sides.append(seen[0].shape[2]))
    small = torch.from_numpy(PICTURES)[:, None, ::7, ::7].float() / 255
    teachers.judge(small, torch.arange(6), Precision.FP32)
    assert (small.shape[2], sides) == (32, [64])


def test_the_teachers_word_counts_by_its_weight() -> None:
    batch = augmented(examples(TEACHERS), torch.arange(6), recipe(teacher_weight=0.4), torch.Generator().manual_seed(1))
    word = np.array([0.75, 0.75, 0.75, 0.25, 0.25, 0.25])
    assert batch.targets[:, 0].numpy() == pytest.approx(0.6 * LABELS + 0.4 * word, abs=2e-3)
    assert batch.taught is not None


def test_mixed_pictures_are_taught_what_both_of_them_show() -> None:
    """Without the mixing, the first share of a picture would be named after the whole of it."""
    different = Teachers(networks=(certain(0.0), certain(0.0)), of=np.array([0, 1, 0, 1, 0, 1]))
    with torch.no_grad():
        different.networks[1].finding.bias.copy_(torch.tensor([100.0, 0.0, 0.0]))
    wanted = recipe(teacher_weight=0.5)
    wanted = wanted.model_copy(update={"augment": wanted.augment.model_copy(update={"mixup": 1.0})})
    batches = [
        augmented(examples(different), torch.arange(6), wanted, torch.Generator().manual_seed(seed))
        for seed in range(8)
    ]
    own = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]).repeat(3, 1)
    assert any(batch.share < 1 for batch in batches)
    for batch in batches:
        assert batch.taught is not None
        mixed = batch.share * own + (1 - batch.share) * own[batch.order]
        torch.testing.assert_close(batch.taught, mixed, atol=1e-5, rtol=1e-5)


def test_without_weight_or_teachers_the_labels_stand_alone() -> None:
    for some, weight in ((TEACHERS, 0.0), (None, 0.5)):
        batch = augmented(examples(some), torch.arange(6), recipe(teacher_weight=weight), torch.Generator())
        assert batch.targets[:, 0].tolist() == LABELS.tolist()
        assert batch.taught is None


def test_blanked_lungs_stay_undecided_whatever_a_teacher_says() -> None:
    batch = augmented(
        examples(TEACHERS), torch.arange(6), recipe(teacher_weight=0.5, blank_lungs=1.0), torch.Generator()
    )
    assert batch.targets[:, 0].tolist() == [0.5] * 6
    assert batch.findings.tolist() == [UNKNOWN_FINDING] * 6
    assert batch.taught is not None
    assert not batch.taught.any()


def test_what_is_taught_is_cross_entropy_over_the_rows_that_teach() -> None:
    logits = torch.tensor([[math.log(2.0), 0.0, 0.0], [5.0, 1.0, 2.0]])
    taught = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    expected = -0.5 * math.log(2 / 4) - 0.5 * math.log(1 / 4)
    assert float(taught_loss(logits, taught)) == pytest.approx(expected)
    assert float(taught_loss(logits, torch.zeros(2, 3))) == 0


def test_what_is_taught_of_mixed_pictures_is_the_mean_of_both_by_their_shares() -> None:
    logits = torch.tensor([[1.0, 0.0, 0.0], [5.0, 1.0, 2.0], [0.0, 2.0, 0.0]])
    own, order = torch.tensor([[0.2, 0.8, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), torch.tensor([1, 2, 0])
    mixed = taught_loss(logits, 0.7 * own + 0.3 * own[order])
    torch.testing.assert_close(mixed, 0.7 * taught_loss(logits, own) + 0.3 * taught_loss(logits, own[order]))
