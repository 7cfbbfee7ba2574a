"""Train the lung finder and the classifier: what they learn from, what is minimised, who hears of it.

Where torch's launcher started several processes, the leading one calls these functions and the others are asked to
learn along (`devices`).

References
----------
Sudre et al. 2017, Dice loss.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.errors import TrainingError
from lingula.training.learning.augment import Pictures, chance, exposed, pose, recompressed, sampled
from lingula.training.learning.devices import Crew, current_crew, together
from lingula.training.learning.examples import LabelledExamples, LungExamples, as_tensor
from lingula.training.learning.journal import EpochProgress, Follower, unheard
from lingula.training.learning.losses import Weights, answer_loss, class_weights, finding_loss, taught_loss
from lingula.training.learning.optimise import Course, Log, optimise
from lingula.training.learning.outliers import outliers
from lingula.training.learning.views import Batch, augmented
from lingula.training.learning.watch import watcher
from lingula.training.networks import (
    FINDER_SIDE,
    FRAME,
    MAP_SIDE,
    WHOLE_FRAME,
    Classifier,
    LungFinder,
    build_classifier,
    look_once,
)
from lingula.training.recipe import AugmentRecipe, ClassifierRecipe, FinderRecipe, Recipe

# Of the lung finder; taken once and never searched.
_RECOMPRESSED = 0.3  # of the radiographs with masks, as the classifier's own
_STRANGERS = 0.15  # of the outliers are real pictures; there are few, and the others are made without end
_OUTLIER_WEIGHT = 0.5  # beside the mask, which is the harder task
_FINDER_POSE = AugmentRecipe(rotation=12.0, zoom=0.25, shift=0.08, shear=0.08, flip=0.5)
_THIRD = "a finder's third"  # of its batch; each third is dealt to the processes by itself


def try_out(recipe: Recipe, data: Path) -> None:
    """Refuse a recipe that could not train here, before anything is read for it.

    Both batches are dealt, and the classifier is made and learns from nothing at the smallest side it will see.

    Parameters
    ----------
    data
        Folder that the weights and the package of the recipe's network are relative to.

    Raises
    ------
    TrainingError
        If a batch cannot be dealt to the processes, or the network cannot be made or cannot learn from such pictures.
    """
    crew, batch = current_crew(), recipe.classifier.schedule.batch
    if recipe.finder.schedule is not None:
        crew.check_batch(recipe.finder.schedule.batch // 3, _THIRD)
    crew.check_batch(batch)
    classifier = build_classifier(recipe.classifier.network, data=data)
    look_once(classifier, pictures=min(batch // crew.size, 2), side=recipe.classifier.at(0.0).network.side)


def train_lung_finder(
    examples: LungExamples,
    recipe: FinderRecipe,
    seed: int,
    *,
    progress: EpochProgress,
    checkpoint: Path | None = None,
    journal: Follower = unheard,
) -> LungFinder:
    """Learn to mark lungs, and to tell chest radiographs from outliers.

    A third of each batch has masks, a third are other real radiographs, a third are outliers.

    Parameters
    ----------
    progress, journal
        Told of every epoch: the one to show it to people, the other to keep it.
    checkpoint
        A file that is written after every epoch; where it exists the training goes on from it.

    Returns
    -------
    LungFinder
        In evaluation mode, on the processor.

    Raises
    ------
    TrainingError
        If the recipe has no schedule, its batch cannot be dealt to the processes, or the loss is no number any more.
    """
    together(partial(_learn_lungs, examples, recipe, seed, Log()))
    return _learn_lungs(examples, recipe, seed, Log(progress=progress, checkpoint=checkpoint, journal=journal))


def _learn_lungs(examples: LungExamples, recipe: FinderRecipe, seed: int, log: Log) -> LungFinder:
    if recipe.schedule is None:
        raise TrainingError("[finder] names a package and has no schedule to train by")
    torch.manual_seed(seed)
    crew, finder = current_crew(), LungFinder(recipe.widths)
    crew.check_batch(recipe.schedule.batch // 3, _THIRD)
    third = min(recipe.schedule.batch // 3, len(examples.masked))
    steps = len(examples.masked) // third

    def batches(generator: Generator, _: float) -> Iterator[Callable[[LungFinder], Tensor]]:
        order = torch.randperm(len(examples.masked), generator=generator)
        own = crew.own(generator)
        for step in range(steps):
            chosen = crew.share(order[step * third : (step + 1) * third]).numpy()
            yield _lung_loss(examples, chosen, own, crew.device)

    course = Course(stage="lung finder", batches=batches, steps=steps, pictures=steps * 3 * third)
    return optimise(finder, course, recipe.schedule, seed, log)


def _lung_loss(
    examples: LungExamples, chosen: NDArray[np.int64], generator: Generator, device: torch.device
) -> Callable[[LungFinder], Tensor]:
    third = len(chosen)

    def some(pictures: Pictures) -> Tensor:
        return as_tensor(pictures[torch.randint(len(pictures), (third,), generator=generator).numpy()])

    frame = torch.tensor([WHOLE_FRAME])

    def moved(pictures: Tensor) -> Tensor:
        return sampled(pictures, pose(frame.expand(len(pictures), 4), generator, _FINDER_POSE), FRAME)

    masked = as_tensor(recompressed(examples.pictures[examples.masked[chosen]], _RECOMPRESSED, generator))
    both = moved(torch.cat([masked, as_tensor(examples.masks[chosen])], dim=1))
    strange = outliers(some(examples.pictures), generator)
    if len(examples.strangers):
        swapped = chance(third, _STRANGERS, generator)[:, None, None, None]
        strange = torch.where(swapped, some(examples.strangers), strange)
    pictures = torch.cat([both[:, :1], moved(some(examples.pictures)), moved(strange)])
    pictures = exposed(F.avg_pool2d(pictures, FRAME // FINDER_SIDE), generator).to(device)
    wanted = F.avg_pool2d(both[:, 1:], FRAME // MAP_SIDE).to(device)  # (third, 1, 56, 56), share of lung in each cell
    is_strange = torch.cat([torch.zeros(2 * third, 1), torch.ones(third, 1)]).to(device)

    def loss(finder: LungFinder) -> Tensor:
        logits, outlier = finder.look(pictures.to(memory_format=torch.channels_last))
        logits = logits[: len(wanted)].float()
        probability = torch.sigmoid(logits)
        overlap = 2 * (probability * wanted).sum(dim=(1, 2, 3)) + 1
        dice = 1 - overlap / (probability.square().sum(dim=(1, 2, 3)) + wanted.square().sum(dim=(1, 2, 3)) + 1)
        mask_loss = F.binary_cross_entropy_with_logits(logits, wanted) + dice.mean()
        return mask_loss + _OUTLIER_WEIGHT * F.binary_cross_entropy_with_logits(outlier.float(), is_strange)

    return loss


def train_classifier(  # noqa: PLR0913 - what it learns from, who hears of it, where it goes on
    examples: LabelledExamples,
    recipe: ClassifierRecipe,
    seed: int,
    *,
    progress: EpochProgress,
    checkpoint: Path | None = None,
    journal: Follower = unheard,
    tuning: LabelledExamples | None = None,
    data: Path | None = None,
) -> Classifier:
    """Learn the label from what the network of the recipe sees.

    Parameters
    ----------
    progress, journal, checkpoint
        As for the lung finder.
    tuning
        The tuning set, whose loss is measured after each epoch. A schedule with patience needs it; without it, a pace
        of `plateau` follows the training loss.
    data
        Folder that the weights and the package of the recipe's network are relative to.

    Returns
    -------
    Classifier
        In evaluation mode, on the processor.

    Raises
    ------
    TrainingError
        If patience has nothing to watch, the network cannot be made, the batch cannot be dealt to the processes, or the
        loss is no number any more.
    """
    if tuning is None and recipe.schedule.patience is not None:
        raise TrainingError("[classifier.schedule] patience needs a tuning part to watch; give [split] tuning a share")
    together(partial(_learn_label, examples, recipe, seed, Log(), tuning, data))
    log = Log(progress=progress, checkpoint=checkpoint, journal=journal)
    return _learn_label(examples, recipe, seed, log, tuning, data)


def _learn_label(
    examples: LabelledExamples,
    recipe: ClassifierRecipe,
    seed: int,
    log: Log,
    tuning: LabelledExamples | None,
    data: Path | None,
) -> Classifier:
    torch.manual_seed(seed)
    crew, classifier = current_crew(), build_classifier(recipe.network, data=data)
    crew.check_batch(recipe.schedule.batch)
    batch = min(recipe.schedule.batch, len(examples.pictures))
    steps = len(examples.pictures) // batch
    weights = class_weights(recipe.loss, torch.from_numpy(examples.targets))

    def batches(generator: Generator, done: float) -> Iterator[Callable[[Classifier], Tensor]]:
        for_now = recipe.at(done)
        order = torch.randperm(len(examples.pictures), generator=generator)
        own = crew.own(generator)
        for step in range(steps):
            rows = crew.share(order[step * batch : (step + 1) * batch])
            yield _label_loss(augmented(examples, rows, for_now, own), recipe, weights, crew)

    watch = None if tuning is None else watcher(tuning, recipe)
    course = Course(stage="classifier", batches=batches, steps=steps, pictures=steps * batch, watch=watch)
    return optimise(classifier, course, recipe.schedule, seed, log)


def _label_loss(batch: Batch, recipe: ClassifierRecipe, weights: Weights, crew: Crew) -> Callable[[Classifier], Tensor]:
    pictures = batch.pictures.to(crew.device, memory_format=torch.channels_last)
    targets = batch.targets.to(crew.device)

    def loss(classifier: Classifier) -> Tensor:
        logit, finding = classifier(pictures)
        out = answer_loss(logit.float(), targets, recipe.loss, weights)
        if recipe.loss.finding_weight:
            out = out + recipe.loss.finding_weight * _helper_loss(
                finding.float(), batch, recipe.loss.teacher_weight, crew
            )
        if recipe.network.l2:
            for penalised in classifier.regularised():
                out = out + recipe.network.l2 * penalised.square().sum()
        return out

    return loss


def _helper_loss(logits: Tensor, batch: Batch, teacher_weight: float, crew: Crew) -> Tensor:
    labelled = _labelled_loss(logits, batch, crew)
    if batch.taught is None:
        return labelled
    return (1 - teacher_weight) * labelled + teacher_weight * taught_loss(logits, batch.taught.to(crew.device))


def _labelled_loss(logits: Tensor, batch: Batch, crew: Crew) -> Tensor:
    findings = batch.findings.to(crew.device)
    if batch.share == 1.0:
        return finding_loss(logits, findings)
    others = findings[batch.order.to(crew.device)]
    return batch.share * finding_loss(logits, findings) + (1 - batch.share) * finding_loss(logits, others)


@torch.no_grad()
def find_lungs(finder: LungFinder, pictures: Pictures) -> tuple[Tensor, Tensor]:
    """Give lung masks (N, 1, 56, 56) and outlier logits (N,) of pictures (N, 224, 224)."""
    masks, strange = [], []
    for start in range(0, len(pictures), 64):
        logits, outlier = finder.eval()(as_tensor(pictures[start : start + 64]))
        masks.append(torch.sigmoid(logits))
        strange.append(outlier[:, 0])
    return torch.cat(masks), torch.cat(strange)
