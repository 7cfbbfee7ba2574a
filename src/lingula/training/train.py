"""Optimise the lung finder and the classifier; killed at any moment, go on from the last epoch with the same result.

Every epoch draws from a generator seeded with the recipe's seed and the epoch's number, and a checkpoint holds weights,
moving average and optimiser, so an interrupted run and an uninterrupted one end with the same weights on one machine.

References
----------
Loshchilov & Hutter 2019, AdamW. Polyak & Juditsky 1992, averaging. Sudre et al. 2017, Dice loss.
"""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

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
from lingula.training.outliers import outliers
from lingula.training.recipe import ClassifierRecipe, FinderRecipe, Schedule

Progress = Callable[[str, int, int, float], None]
"""Called with the stage's name, epochs done, epochs in all and the last epoch's mean loss."""
Network = TypeVar("Network", bound=nn.Module)
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
        (N,) in 0-1: the label, or a mixture of label and out-of-fold prediction.
    findings
        (N,) 0 normal, 1 bacteria, 2 virus, -100 where not known (left out of the helper task).
    masks
        (N, 1, 56, 56) lung probability by the lung finder.
    """

    pictures: Pictures
    targets: NDArray[np.float32]
    findings: NDArray[np.int64]
    masks: Tensor


def optimise(  # noqa: PLR0913 - the pieces of every training loop
    network: Network,
    batches: Callable[[Generator], Iterator[Callable[[Network], Tensor]]],
    steps: int,
    schedule: Schedule,
    seed: int,
    *,
    stage: str,
    progress: Progress,
    checkpoint: Path | None = None,
) -> Network:
    """Minimise the losses that `batches` yields, `steps` an epoch; give the network with averaged weights."""
    average = deepcopy(network).requires_grad_(requires_grad=False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # documented, missing in the stub
    decayed = [weights for weights in network.parameters() if weights.ndim > 1]
    others = [weights for weights in network.parameters() if weights.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=schedule.learning_rate,
    )
    begun = _resumed(checkpoint, network, average, optimiser)
    for epoch in range(begun, schedule.epochs):
        generator = Generator().manual_seed(seed * 1000 + epoch)
        network.train()
        total = 0.0
        for number, loss_of in enumerate(batches(generator)):
            step = epoch * steps + number
            for group in optimiser.param_groups:
                group["lr"] = schedule.learning_rate * _pace(step / (steps * schedule.epochs), schedule.warm_up)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(network)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            _follow(average, network, min(schedule.average, (1 + step) / (10 + step)))
            total += float(loss.detach())
        _save(checkpoint, network, average, optimiser, epoch + 1)
        progress(stage, epoch + 1, schedule.epochs, total / steps)
    return average.eval()


def _pace(done: float, warm_up: float) -> float:
    """Rise linearly during the warm-up, then fall along a cosine to a hundredth."""
    if done < warm_up:
        return max(done / warm_up, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    ours, theirs = average.state_dict(), network.state_dict()
    for name, value in ours.items():
        if value.dtype.is_floating_point:
            value.lerp_(theirs[name], 1.0 - keep)
        else:
            value.copy_(theirs[name])


def _resumed(checkpoint: Path | None, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    if checkpoint is None or not checkpoint.exists():
        return 0
    saved = torch.load(checkpoint, weights_only=True)
    network.load_state_dict(saved["network"])
    average.load_state_dict(saved["average"])
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["epoch"])


def _save(
    checkpoint: Path | None, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, epoch: int
) -> None:
    if checkpoint is None:
        return
    partial = checkpoint.with_suffix(".partial")
    state = {"network": network.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state | {"epoch": epoch}, partial)
    partial.replace(checkpoint)  # whole or not at all


def as_tensor(pictures: Pictures) -> Tensor:
    """Give (N, 1, 224, 224) float32 in 0-1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float()[:, None] / 255.0


def train_lung_finder(
    examples: LungExamples, recipe: FinderRecipe, seed: int, *, progress: Progress, checkpoint: Path | None = None
) -> LungFinder:
    """Learn to mark lungs, and to tell chest radiographs from outliers.

    A third of each batch has masks, a third are other real radiographs, a third are outliers.
    """
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
    classifier = Classifier(recipe.widths, recipe.blocks)
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
    pictures = as_tensor(recompressed(examples.pictures[chosen.numpy()], recipe.recompress, generator))
    masks = F.interpolate(examples.masks[chosen], size=(FRAME, FRAME), mode="bilinear")
    both = posed(torch.cat([pictures, masks], dim=1), boxes[chosen], recipe.side, generator)
    lungs, masks = both[:, :1], both[:, 1:]
    targets = torch.from_numpy(examples.targets)[chosen][:, None]
    targets = targets * (1 - recipe.label_smoothing) + 0.5 * recipe.label_smoothing
    findings = torch.from_numpy(examples.findings)[chosen]
    lungs = surroundings_swapped(lungs, masks, recipe.swap_surroundings, generator)
    blank = chance(len(lungs), recipe.blank_lungs, generator)
    lungs = torch.where(blank[:, None, None, None], lungs_blanked(lungs, masks), lungs)
    targets = torch.where(blank[:, None], torch.tensor(0.5), targets)
    findings = torch.where(blank, torch.tensor(-100), findings)
    lungs = erased(exposed(lungs, generator), recipe.erase, generator)
    share = _mixing_share(recipe.mixup, generator)
    order = torch.randperm(len(lungs), generator=generator)
    lungs = share * lungs + (1 - share) * lungs[order]

    def loss(classifier: Classifier) -> Tensor:
        logit, finding = classifier(lungs.to(memory_format=torch.channels_last))
        logit, finding = logit.float(), finding.float()
        mixed = share * targets + (1 - share) * targets[order]
        helper = share * F.cross_entropy(finding, findings) + (1 - share) * F.cross_entropy(finding, findings[order])
        return F.binary_cross_entropy_with_logits(logit, mixed) + recipe.finding_weight * helper

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
