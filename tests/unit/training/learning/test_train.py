"""Training goes on after a kill as if nothing had happened, and learns what it is shown."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from made.chests import drawn_chest
from torch import Tensor

from lingula.errors import TrainingError
from lingula.training.learning.examples import LabelledExamples, LungExamples
from lingula.training.learning.journal import Epoch, Underway, unheard
from lingula.training.learning.train import find_lungs, train_classifier, train_lung_finder, try_out
from lingula.training.learning.views import as_they_are
from lingula.training.networks import FRAME, Classifier
from lingula.training.recipe import ClassifierRecipe, FinderRecipe, LossRecipe, NetworkRecipe, Precision, Schedule
from lingula.training.recipe_file import read_recipe

DEFAULT = Path(__file__).parents[4] / "recipes" / "default.toml"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


CHESTS = [drawn_chest(number, has_opacity=number % 2 == 1) for number in range(24)]
PICTURES = np.stack([chest.pixels for chest in CHESTS])
SMALL = NetworkRecipe(side=64, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1))
MASKS = np.stack([chest.mask for chest in CHESTS])


def schedule(epochs: int) -> Schedule:
    return Schedule(epochs=epochs, batch=12, learning_rate=3e-3, weight_decay=0.01, average=0.9)


def labelled() -> LabelledExamples:
    masks = torch.nn.functional.avg_pool2d(torch.from_numpy(MASKS)[:, None].float() / 255, 4)
    targets = np.array([chest.has_opacity for chest in CHESTS], np.float32)
    return LabelledExamples(pictures=PICTURES, targets=targets, findings=targets.astype(np.int64), masks=masks)


class Killed(Exception):
    pass


def test_a_killed_training_goes_on_with_the_same_result(tmp_path: Path) -> None:
    recipe = ClassifierRecipe(schedule=schedule(3), network=SMALL)

    def killed_after_two(news: Epoch | Underway) -> None:
        if isinstance(news, Epoch) and news.epoch == 2:
            raise Killed

    whole = train_classifier(labelled(), recipe, 5, progress=unheard)
    with pytest.raises(Killed):
        train_classifier(labelled(), recipe, 5, progress=killed_after_two, checkpoint=tmp_path / "c")
    epochs: list[int] = []
    resumed = train_classifier(
        labelled(),
        recipe,
        5,
        progress=unheard,
        journal=lambda epoch: epochs.append(epoch.epoch),
        checkpoint=tmp_path / "c",
    )
    assert epochs == [3]
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, msg=name)


def test_a_network_grows_into_its_side_and_is_watched_at_it() -> None:
    seen: list[int] = []
    take = Classifier.forward

    def noting(self: Classifier, pictures: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(pictures.shape[2])
        return take(self, pictures)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "forward", noting)
        recipe = ClassifierRecipe(schedule=schedule(4), network=SMALL, grow_from=32)
        train_classifier(labelled(), recipe, 5, progress=unheard, tuning=labelled())
    steps_and_a_look = [[side, side, 64] for side in (32, 48, 48, 64)]
    assert seen == [side for epoch in steps_and_a_look for side in epoch]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    recipe = ClassifierRecipe(schedule=schedule(1), network=SMALL)
    one, two, other = (
        train_classifier(labelled(), recipe, seed, progress=unheard).pneumonia.weight for seed in (1, 1, 2)
    )
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert not torch.equal(one, other)


def predictions(classifier: Classifier) -> Tensor:
    with torch.no_grad():
        return torch.sigmoid(classifier(as_they_are(labelled(), slice(None), SMALL))[0])


def digest(probabilities: Tensor) -> str:
    return hashlib.sha256(probabilities.numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_the_same_recipe_gives_the_same_digest_of_predictions(precision: str) -> None:
    """Bit for bit on one machine with one number of threads; more threads add in another order.

    Then probabilities move by as much as training amplifies the rounding: here by at most 0.02 after two epochs.
    """
    twice = schedule(2).model_copy(update={"precision": Precision(precision)})
    recipe = ClassifierRecipe(schedule=twice, network=SMALL, loss=LossRecipe(finding_weight=0.2))
    one, two = (predictions(train_classifier(labelled(), recipe, 5, progress=unheard)) for _ in range(2))
    assert digest(one) == digest(two)
    torch.set_num_threads(2)
    with_more_threads = predictions(train_classifier(labelled(), recipe, 5, progress=unheard))
    torch.testing.assert_close(with_more_threads, one, rtol=0, atol=0.02)


def test_who_has_patience_needs_radiographs_to_watch() -> None:
    patient = schedule(1).model_copy(update={"patience": 2})
    with pytest.raises(TrainingError, match="patience needs a tuning part"):
        train_classifier(labelled(), ClassifierRecipe(schedule=patient, network=SMALL), 5, progress=unheard)


@pytest.mark.parametrize(
    ("network", "grow_from", "side"),
    [(NetworkRecipe(name="vgg16", side=16), None, 16), (NetworkRecipe(name="vgg16", side=32), 16, 16)],
    ids=["its side", "where it grows from"],
)
def test_a_side_that_is_too_small_is_refused_before_anything_is_read(
    network: NetworkRecipe, grow_from: int | None, side: int, tmp_path: Path
) -> None:
    recipe = read_recipe(DEFAULT)
    classifier = ClassifierRecipe(schedule=schedule(1), network=network, grow_from=grow_from)
    with pytest.raises(TrainingError, match=rf"vgg16 cannot learn from {side} by {side} pixels"):
        try_out(recipe.model_copy(update={"classifier": classifier}), tmp_path)


def test_data_smaller_than_a_batch_is_one_batch() -> None:
    large = schedule(1).model_copy(update={"batch": 64})
    epochs: list[Epoch] = []
    recipe = ClassifierRecipe(schedule=large, network=SMALL, loss=LossRecipe(kind="focal", class_weights="balanced"))
    train_classifier(labelled(), recipe, 5, progress=unheard, journal=epochs.append, tuning=labelled())
    (epoch,) = epochs
    assert epoch.training_loss > 0
    assert epoch.tuning_loss is not None
    assert epoch.auroc is not None
    assert epoch.images_per_second > 0


def test_the_penalty_on_the_head_keeps_its_weights_small() -> None:
    free, held = (
        train_classifier(
            labelled(),
            ClassifierRecipe(schedule=schedule(3), network=SMALL.model_copy(update={"l2": l2})),
            5,
            progress=unheard,
        )
        .pneumonia.weight.square()
        .sum()
        for l2 in (0.0, 10.0)
    )
    assert float(held) < float(free)


def test_the_lung_finder_learns_to_mark_lungs() -> None:
    examples = LungExamples(
        pictures=PICTURES,
        masked=np.arange(len(PICTURES)),
        masks=MASKS,
        strangers=np.zeros((0, FRAME, FRAME), np.uint8),
    )
    recipe = FinderRecipe(schedule=schedule(14), widths=(8, 16, 16, 16))
    finder = train_lung_finder(examples, recipe, 1, progress=unheard)
    new = drawn_chest(999, has_opacity=False)
    mask = find_lungs(finder, new.pixels[np.newaxis])[0][0, 0].numpy() > 0.5
    wanted = new.mask.reshape(56, 4, 56, 4).mean(axis=(1, 3)) > 127
    assert 2 * (mask & wanted).sum() / (mask.sum() + wanted.sum()) > 0.7
