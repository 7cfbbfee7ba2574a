"""What is decided after training, and novelty, which follows from it.

References
----------
Lee et al. 2018, Mahalanobis distance against outliers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LOGITS_PER_NOVELTY = 10.0  # how far the outlier logit moves novelty by one


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What is decided on the tuning set after training and then folded into the graph.

    `probability = sigmoid(scale * logit + bias)`; the activation map is the same sum cell by cell before the sigmoid,
    as a share of `ceiling`, so that it tells more from less where a probability would be 1 everywhere. Novelty is the
    greatest of three parts, each 1 at its limit: the outlier logit, the Mahalanobis distance of the embedding from the
    training radiographs, and too little lung.
    """

    scale: float
    bias: float
    ceiling: float  # calibrated logit of one cell that counts as full activation
    outlier_limit: float  # logit
    distance_limit: float
    centre: Tensor  # (embedding,)
    whitening: Tensor  # (embedding, kept): a row vector times this has unit covariance
    least_lung: float  # share of the frame

    @classmethod
    def undecided(cls, embedding: int) -> "Settlement":
        """Give the settlement of a reader whose tuning has yet to come."""
        return cls(
            scale=1.0,
            bias=0.0,
            ceiling=1.0,
            outlier_limit=0.0,
            distance_limit=1.0,
            centre=torch.zeros(embedding),
            whitening=torch.eye(embedding),
            least_lung=0.0,
        )

    def novelty(self, lung: Tensor, outlier: Tensor, embedding: Tensor) -> Tensor:
        """Give (N, 1) from the lungs' share of the frame (N, 1), outlier logit (N, 1) and embedding (N, E)."""
        whitened = (embedding - self.centre) @ self.whitening
        distance = (whitened.square().mean(dim=1, keepdim=True) + 1e-6).sqrt() / self.distance_limit
        strange = (1.0 + (outlier - self.outlier_limit) / LOGITS_PER_NOVELTY).clamp_min(0.0)
        lacking = self.least_lung / lung.clamp_min(1e-4)
        return torch.maximum(torch.maximum(distance, strange), lacking)
