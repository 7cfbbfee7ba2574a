"""What the tuning set says after each epoch: its pictures are never augmented, and nothing random is drawn."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lingula.training.learning.devices import current_crew
from lingula.training.learning.examples import LabelledExamples
from lingula.training.learning.losses import answer_loss
from lingula.training.learning.optimise import Watched
from lingula.training.learning.views import as_they_are
from lingula.training.networks.classifier import Classifier
from lingula.training.recipe import ClassifierRecipe
from lingula.training.statistics.metrics import auroc

_AT_ONCE = 64  # pictures
_EVEN_CHANCE = 0.5


def watcher(tuning: LabelledExamples, recipe: ClassifierRecipe) -> Callable[[Classifier], Watched]:
    """Give what looks at a classifier: the loss of its answers, without smoothing, weights and helper task."""
    targets = torch.from_numpy(tuning.targets)[:, None]
    labels = (tuning.targets > _EVEN_CHANCE).astype(np.int64)

    def look(classifier: Classifier) -> Watched:
        device = current_crew().device
        logits: list[Tensor] = []
        for start in range(0, len(tuning.pictures), _AT_ONCE):
            pictures = as_they_are(tuning, slice(start, start + _AT_ONCE), recipe.network)
            logits.append(classifier(pictures.to(device, memory_format=torch.channels_last))[0].float().cpu())
        logit = torch.cat(logits)
        return Watched(
            loss=float(answer_loss(logit, targets, recipe.loss)),
            accuracy=float(np.mean((logit[:, 0].numpy() >= 0) == labels)),
            auroc=auroc(labels, logit[:, 0].double().numpy()) if 0 < labels.sum() < len(labels) else None,
        )

    return look
