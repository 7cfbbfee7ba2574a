"""The reader: lung finder and classifier joined in one graph.

The frame of a radiograph betrays much that has nothing to do with the lungs (who was photographed how, and why), so a
classifier that is to travel never sees it: the lung finder marks the lungs on the whole picture, a box is drawn around
them, and only what lies in the box, resampled, goes on. All of it is one differentiable function of the prepared pixels
and becomes one ONNX graph. A classifier that sees the whole frame fits in as well; its box is the frame.

References
----------
Zhou et al. 2016, class activation mapping.
"""

import torch
from torch import Tensor, nn

from lingula.training.networks.classifier import Classifier
from lingula.training.networks.geometry import crop, pasted, seen_box
from lingula.training.networks.lung_finder import LungFinder
from lingula.training.networks.settlement import Settlement


class Reader(nn.Module):
    """The whole graph: prepared pixels (N, 1, 224, 224) in; probability, maps, embedding and novelty out."""

    def __init__(self, finder: LungFinder, classifier: Classifier, settled: Settlement | None = None) -> None:
        super().__init__()
        self.finder, self.classifier = finder, classifier
        self.settled = settled or Settlement.undecided(classifier.embedding_width)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Give probability (N, 1), activation map and lung mask (N, 1, 56, 56), embedding (N, E), novelty (N, 1)."""
        mask_logits, outlier = self.finder(pixels)
        mask = torch.sigmoid(mask_logits)
        seen = self.classifier.recipe
        box = seen_box(mask, seen.sees)
        features = self.classifier.features(crop(pixels, box, seen.side))
        embedding = self.classifier.embed(features)
        logit = self.classifier.pneumonia(embedding)
        local = self.settled.scale * self.classifier.evidence(features) + self.settled.bias
        activation = pasted((local / self.settled.ceiling).clamp(0.0, 1.0), box)
        probability = torch.sigmoid(self.settled.scale * logit + self.settled.bias)
        novelty = self.settled.novelty(mask.mean(dim=(1, 2, 3))[:, None], outlier, embedding)
        return probability, activation, mask, embedding, novelty
