"""What the lung finder and the classifier learn from: their batches and their losses.

References
----------
Sudre et al. 2017, Dice loss. Szegedy et al. 2016, label smoothing. Zhang et al. 2018, mixup.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.errors import TrainingError
from lingula.training.augment import (
    Pictures,
    chance,
    erased,
    exposed,
    lungs_blanked,
    posed,
    recompressed,
    surroundings_swapped,
)
from lingula.training.network import FINDER_SIDE, FRAME, MAP_SIDE, Classifier, LungFinder, lung_box
from lingula.training.optimise import Progress, optimise
from lingula.training.outliers import outliers
from lingula.training.recipe import ClassifierRecipe, FinderRecipe

WHOLE_FRAME = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class LungExamples:
    """What the lung finder learns from.

    Parameters
    ----------
    pictures
        Real radiographs of the training patients, (N, 224, 224).
    masked, masks
        Indices into `pictures` (M,) and their lung masks (M, 224, 224), 0 or 255.
    strangers
        Pictures outside the intended use, (K, 224, 224); may be empty.
    """

    pictures: Pictures
    masked: NDArray[np.int64]
    masks: Pictures
    strangers: Pictures


@dataclass(frozen=True, kw_only=True)
class LabelledExamples:
    """What the classifier learns from.

    Parameters
    ----------
    pictures
        (N, 224, 224).
    targets
        (N,): the label as 0 or 1, or a doubt between them.
    findings
        (N,) 0 normal, 1 bacteria, 2 virus, -100 where not known (left out of the helper task).
    masks
        (N, 1, 56, 56) lung probability by the lung finder.
    """

    pictures: Pictures
    targets: NDArray[np.float32]
    findings: NDArray[np.int64]
    masks: Tensor


def as_tensor(pictures: Pictures) -> Tensor:
    """Give (N, 1, 224, 224) float32 in 0-1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float()[:, None] / 255.0


def train_lung_finder(
    examples: LungExamples, recipe: FinderRecipe, seed: int, *, progress: Progress, checkpoint: Path | None = None
) -> LungFinder:
    """Learn to mark lungs, and to tell chest radiographs from outliers.

    A third of each batch has masks, a third are other real radiographs, a third are outliers.
    """
    if recipe.schedule is None:
        raise TrainingError("[finder] names a package and has no schedule to train by")
    torch.manual_seed(seed)
    finder = LungFinder(recipe.widths)
    third = recipe.schedule.batch // 3
    steps = max(1, len(examples.masked) // third)

    def batches(generator: Generator) -> Iterator[Callable[[LungFinder], Tensor]]:
        order = torch.randperm(len(examples.masked), generator=generator)
        for step in range(steps):
            chosen = order[step * third : (step + 1) * third].numpy()
            yield _lung_loss(examples, chosen, third, generator)

    return optimise(
        finder, batches, steps, recipe.schedule, seed, stage="lung finder", progress=progress, checkpoint=checkpoint
    )


def _lung_loss(
    examples: LungExamples, chosen: NDArray[np.int64], third: int, generator: Generator
) -> Callable[[LungFinder], Tensor]:
    def some(pictures: Pictures) -> Tensor:
        return as_tensor(pictures[torch.randint(len(pictures), (third,), generator=generator).numpy()])

    frame = torch.tensor([WHOLE_FRAME])

    def moved(pictures: Tensor, flip: float = 0.5) -> Tensor:
        return posed(
            pictures, frame.expand(len(pictures), 4), FRAME, generator, degrees=12, zoom=0.25, shift=0.08, flip=flip
        )

    masked = as_tensor(recompressed(examples.pictures[examples.masked[chosen]], 0.3, generator))
    both = moved(torch.cat([masked, as_tensor(examples.masks[chosen])], dim=1))
    strange = outliers(some(examples.pictures), generator)
    if len(examples.strangers):
        swapped = chance(third, 0.15, generator)[:, None, None, None]
        strange = torch.where(swapped, some(examples.strangers), strange)
    pictures = torch.cat([both[:, :1], moved(some(examples.pictures)), moved(strange)])
    pictures = exposed(F.avg_pool2d(pictures, FRAME // FINDER_SIDE), generator)
    wanted = F.avg_pool2d(both[:, 1:], FRAME // MAP_SIDE)  # (third, 1, 56, 56), share of lung in each cell
    is_strange = torch.cat([torch.zeros(len(both) + third, 1), torch.ones(third, 1)])

    def loss(finder: LungFinder) -> Tensor:
        logits, outlier = finder.look(pictures.to(memory_format=torch.channels_last))
        logits = logits[: len(wanted)].float()
        probability = torch.sigmoid(logits)
        overlap = 2 * (probability * wanted).sum(dim=(1, 2, 3)) + 1
        dice = 1 - overlap / (probability.square().sum(dim=(1, 2, 3)) + wanted.square().sum(dim=(1, 2, 3)) + 1)
        mask_loss = F.binary_cross_entropy_with_logits(logits, wanted) + dice.mean()
        return mask_loss + 0.5 * F.binary_cross_entropy_with_logits(outlier.float(), is_strange)

    return loss


def train_classifier(
    examples: LabelledExamples,
    recipe: ClassifierRecipe,
    seed: int,
    *,
    progress: Progress,
    checkpoint: Path | None = None,
) -> Classifier:
    """Learn the label from the lungs' pictures."""
    torch.manual_seed(seed)
    classifier = Classifier(recipe.network.widths, recipe.network.blocks)
    boxes = lung_box(examples.masks)
    batch = recipe.schedule.batch
    steps = len(examples.pictures) // batch

    def batches(generator: Generator) -> Iterator[Callable[[Classifier], Tensor]]:
        order = torch.randperm(len(examples.pictures), generator=generator)
        for step in range(steps):
            yield _classifier_loss(examples, boxes, order[step * batch : (step + 1) * batch], recipe, generator)

    return optimise(
        classifier, batches, steps, recipe.schedule, seed, stage="classifier", progress=progress, checkpoint=checkpoint
    )


def _classifier_loss(
    examples: LabelledExamples, boxes: Tensor, chosen: Tensor, recipe: ClassifierRecipe, generator: Generator
) -> Callable[[Classifier], Tensor]:
    augment, loss_recipe = recipe.augment, recipe.loss
    pictures = as_tensor(recompressed(examples.pictures[chosen.numpy()], augment.recompress, generator))
    masks = F.interpolate(examples.masks[chosen], size=(FRAME, FRAME), mode="bilinear")
    both = posed(torch.cat([pictures, masks], dim=1), boxes[chosen], recipe.network.side, generator)
    lungs, masks = both[:, :1], both[:, 1:]
    targets = torch.from_numpy(examples.targets)[chosen][:, None]
    targets = targets * (1 - loss_recipe.label_smoothing) + 0.5 * loss_recipe.label_smoothing
    findings = torch.from_numpy(examples.findings)[chosen]
    lungs = surroundings_swapped(lungs, masks, augment.swap_surroundings, generator)
    blank = chance(len(lungs), augment.blank_lungs, generator)
    lungs = torch.where(blank[:, None, None, None], lungs_blanked(lungs, masks), lungs)
    targets = torch.where(blank[:, None], torch.tensor(0.5), targets)
    findings = torch.where(blank, torch.tensor(-100), findings)
    lungs = erased(exposed(lungs, generator), augment.erase, generator)
    share = _mixing_share(augment.mixup, generator)
    order = torch.randperm(len(lungs), generator=generator)
    lungs = share * lungs + (1 - share) * lungs[order]

    def loss(classifier: Classifier) -> Tensor:
        logit, finding = classifier(lungs.to(memory_format=torch.channels_last))
        logit, finding = logit.float(), finding.float()
        mixed = share * targets + (1 - share) * targets[order]
        helper = share * F.cross_entropy(finding, findings) + (1 - share) * F.cross_entropy(finding, findings[order])
        return F.binary_cross_entropy_with_logits(logit, mixed) + loss_recipe.finding_weight * helper

    return loss


def _mixing_share(alpha: float, generator: Generator) -> float:
    """Draw one share from Beta(alpha, alpha), half of the time 1 (no mixing)."""
    if alpha == 0 or bool(chance(1, 0.5, generator)):
        return 1.0
    draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    return float(draw.beta(alpha, alpha))


@torch.no_grad()
def find_lungs(finder: LungFinder, pictures: Pictures) -> tuple[Tensor, Tensor]:
    """Give lung masks (N, 1, 56, 56) and outlier logits (N,) of pictures (N, 224, 224)."""
    masks, strange = [], []
    for start in range(0, len(pictures), 64):
        logits, outlier = finder.eval()(as_tensor(pictures[start : start + 64]))
        masks.append(torch.sigmoid(logits))
        strange.append(outlier[:, 0])
    return torch.cat(masks), torch.cat(strange)
