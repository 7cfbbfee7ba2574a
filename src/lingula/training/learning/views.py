"""What a classifier sees of its examples: as they are when it is watched, changed at random while it learns."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.training.learning.augment import (
    blanked_some,
    chance,
    erased,
    exposed,
    pose,
    recompressed,
    sampled,
    surroundings_swapped,
    swap_partners,
)
from lingula.training.learning.examples import LabelledExamples, as_tensor
from lingula.training.learning.losses import UNKNOWN_FINDING, smoothed
from lingula.training.networks.geometry import FRAME, crop, seen_box
from lingula.training.recipe import AugmentRecipe, ClassifierRecipe, NetworkRecipe

_UNDECIDED = 0.5


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures (N, 1, side, side), targets (N, 1) in 0-1, findings (N,); mixed with themselves in another order.

    `share` is what is left of each picture, `order` (N,) says which other one fills the rest; findings are names and
    stay as they were. `taught` has what teachers make of the findings, (N, 3), mixed as well: a picture that has
    nothing to teach adds 0 to all three.
    """

    pictures: Tensor
    targets: Tensor
    findings: Tensor
    share: float
    order: Tensor
    taught: Tensor | None = None

    def mixed(self, values: Tensor) -> Tensor:
        """Mix values (N, ...) as the pictures are."""
        if self.share == 1.0:
            return values
        return self.share * values + (1 - self.share) * values[self.order]


def as_they_are(examples: LabelledExamples, rows: slice, recipe: NetworkRecipe) -> Tensor:
    """Give pictures (N, 1, side, side) as the package will cut them out."""
    boxes = seen_box(examples.masks[rows], recipe.sees)
    return crop(as_tensor(examples.pictures[rows]), boxes, recipe.side)


def wanted(examples: LabelledExamples, rows: Tensor, recipe: ClassifierRecipe) -> tuple[Tensor, Tensor]:
    """Give what is to be learnt of some rows: targets (N, 1) in 0-1 and findings (N,)."""
    targets = torch.from_numpy(examples.targets)[rows][:, None]
    findings = torch.from_numpy(examples.findings)[rows]
    return smoothed(targets, recipe.loss.label_smoothing), findings


def augmented(examples: LabelledExamples, rows: Tensor, recipe: ClassifierRecipe, generator: Generator) -> Batch:
    """Draw how each picture of some rows is changed, and change it."""
    augment, count = recipe.augment, len(rows)
    pictures = as_tensor(recompressed(examples.pictures[rows.numpy()], augment.recompress, generator))
    boxes = seen_box(examples.masks[rows], recipe.network.sees)
    theta = pose(boxes, generator, augment)
    seen = _posed(pictures, boxes, theta, recipe)
    targets, findings = wanted(examples, rows, recipe)

    def lungs(some: Tensor) -> Tensor:
        """Give the lungs' masks of some pictures of the batch; they are dear, and few are needed."""
        masks = F.interpolate(examples.masks[rows[some]], size=(FRAME, FRAME), mode="bilinear")
        return sampled(masks, theta[some], recipe.network.side)

    chosen, partners = swap_partners(count, augment.swap_surroundings, generator)
    seen = surroundings_swapped(seen, lungs, chosen, partners)
    is_blank = chance(count, augment.blank_lungs, generator)
    seen = blanked_some(seen, lungs, is_blank)
    targets = torch.where(is_blank[:, None], torch.tensor(_UNDECIDED), targets)
    findings = torch.where(is_blank, torch.tensor(UNKNOWN_FINDING), findings)
    seen = exposed(seen, generator, exposure=augment.exposure, sharpness=augment.sharpness)
    seen = erased(seen, augment.erase, generator)
    targets, taught = _taught(examples, rows, seen, targets, is_blank, recipe)
    share = _mixing_share(augment.mixup, generator)
    order = torch.randperm(count, generator=generator)
    whole = Batch(pictures=seen, targets=targets, findings=findings, share=share, order=order, taught=taught)
    return replace(
        whole,
        pictures=whole.mixed(seen),
        targets=whole.mixed(targets),
        taught=None if taught is None else whole.mixed(taught),
    )


def _taught(
    examples: LabelledExamples, rows: Tensor, seen: Tensor, targets: Tensor, is_blank: Tensor, recipe: ClassifierRecipe
) -> tuple[Tensor, Tensor | None]:
    """Mix the teachers' word into the targets (N, 1); blanked lungs stay undecided whatever a teacher says."""
    weight = recipe.loss.teacher_weight
    if examples.teachers is None or weight == 0:
        return targets, None
    pneumonia, findings = examples.teachers.judge(seen, rows, recipe.schedule.precision)
    mixed = (1 - weight) * targets + weight * pneumonia
    return torch.where(is_blank[:, None], targets, mixed), torch.where(is_blank[:, None], torch.tensor(0.0), findings)


def _posed(pictures: Tensor, boxes: Tensor, theta: Tensor, recipe: ClassifierRecipe) -> Tensor:
    """Give (N, 1, side, side); a recipe without any pose sees exactly what the package will see."""
    if _stands_still(recipe.augment):
        return crop(pictures, boxes, recipe.network.side)
    return sampled(pictures, theta, recipe.network.side)


def _stands_still(recipe: AugmentRecipe) -> bool:
    return recipe.rotation == recipe.zoom == recipe.shift == recipe.shear == recipe.flip == 0


def _mixing_share(alpha: float, generator: Generator) -> float:
    """Draw one share from Beta(alpha, alpha), half of the time 1 (no mixing)."""
    if alpha == 0 or bool(chance(1, 0.5, generator)):
        return 1.0
    draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    return float(draw.beta(alpha, alpha))
