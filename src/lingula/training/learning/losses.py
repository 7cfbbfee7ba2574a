"""What is minimised: the error of the answer, and of the helper task.

The graph has one logit for each radiograph. Softmax over two classes depends only on the difference of their logits, so
`softmax` is cross entropy over (0, logit): the same number as `binary`, and the same gradient, kept under its name for
recipes that repeat published runs. `focal` weighs each picture by how wrong the answer still is.

Class weights multiply a picture's loss, and the mean is over the number of pictures, as Keras does it.

References
----------
Lin et al. 2017, focal loss. Szegedy et al. 2016, label smoothing. King & Zeng 2001, balanced weights.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.errors import TrainingError
from lingula.training.recipe import LossRecipe

UNKNOWN_FINDING = -100
"""The finding of a picture that the helper task leaves out."""

Weights = tuple[float, float]
"""Of normal and pneumonia."""
EVEN: Weights = (1.0, 1.0)


def class_weights(recipe: LossRecipe, targets: Tensor) -> Weights:
    """Give the weights of normal and pneumonia; `balanced` lets both weigh the same in the training set (N,).

    >>> class_weights(LossRecipe(class_weights="balanced"), torch.tensor([0.0, 1.0, 1.0, 1.0]))
    (2.0, 0.6666666666666666)
    """
    if recipe.class_weights == "none":
        return EVEN
    if recipe.class_weights != "balanced":
        return recipe.class_weights
    positive = float(targets.double().sum())
    negative = len(targets) - positive
    if positive == 0 or negative == 0:
        raise TrainingError("class_weights = 'balanced' needs radiographs of both classes in the training set")
    return len(targets) / (2.0 * negative), len(targets) / (2.0 * positive)


def smoothed(targets: Tensor, share: float) -> Tensor:
    """Move targets (in 0-1) by `share` of the way towards 0.5."""
    return targets * (1 - share) + 0.5 * share


def answer_loss(logit: Tensor, targets: Tensor, recipe: LossRecipe, weights: Weights = EVEN) -> Tensor:
    """Give the mean loss of logits (N, 1) against targets (N, 1) in 0-1.

    >>> round(float(answer_loss(torch.zeros(1, 1), torch.ones(1, 1), LossRecipe(kind="focal", gamma=2))), 4)
    0.1733
    """
    if recipe.kind == "focal":
        each = _focal(logit, targets, recipe.gamma)
    elif recipe.kind == "softmax":
        both = torch.cat([torch.zeros_like(logit), logit], dim=1)  # (N, 2)
        each = F.cross_entropy(both, torch.cat([1 - targets, targets], dim=1), reduction="none")[:, None]
    else:
        each = F.binary_cross_entropy_with_logits(logit, targets, reduction="none")
    if weights != EVEN:
        each = each * (weights[0] + (weights[1] - weights[0]) * targets)
    return each.mean()


def _focal(logit: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Give (N, 1): ``t (1 - p)^gamma (-log p) + (1 - t) p^gamma (-log(1 - p))``, which also holds for a doubt.

    The powers are taken as logarithms: of a sure answer 1 - p is 0, and a root of 0 has no gradient.
    """
    positive = torch.exp(gamma * F.logsigmoid(-logit)) * F.softplus(-logit)
    negative = torch.exp(gamma * F.logsigmoid(logit)) * F.softplus(logit)
    return targets * positive + (1 - targets) * negative


def finding_loss(logits: Tensor, findings: Tensor) -> Tensor:
    """Give the mean cross entropy of finding logits (N, 3) over the pictures whose finding is known; 0 if none is."""
    if not bool((findings != UNKNOWN_FINDING).any()):
        return logits.sum() * 0.0
    return F.cross_entropy(logits, findings, ignore_index=UNKNOWN_FINDING)


def taught_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Give the mean cross entropy of finding logits (N, 3) against probabilities (N, 3), rows of zeros left out."""
    weight = taught.sum(dim=1)  # (N,), 1 or 0, or a share where pictures were mixed
    return -(taught * F.log_softmax(logits, dim=1)).sum() / weight.sum().clamp_min(1.0)
