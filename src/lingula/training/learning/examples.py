"""What networks learn from, and pictures as tensors."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lingula.training.learning.augment import Pictures
from lingula.training.learning.teachers import Teachers


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
    """What the classifier learns from, or is watched on.

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
    teachers
        Networks whose word counts beside the target, by the recipe's `teacher_weight`.
    """

    pictures: Pictures
    targets: NDArray[np.float32]
    findings: NDArray[np.int64]
    masks: Tensor
    teachers: Teachers | None = None


def as_tensor(pictures: Pictures) -> Tensor:
    """Give (N, 1, 224, 224) float32 in 0-1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float()[:, None] / 255.0
