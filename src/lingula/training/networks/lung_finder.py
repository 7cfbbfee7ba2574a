"""The lung finder: where the lungs are, and whether the picture is a chest radiograph at all.

References
----------
Lin et al. 2017, feature pyramid networks.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.training.networks.geometry import FINDER_SIDE, FRAME, standardised
from lingula.training.networks.layers import convolution


class LungFinder(nn.Module):
    """Mark the lungs, and tell whether the whole looks like an upright frontal chest radiograph at all.

    Returns lung logits (N, 1, 56, 56) and one outlier logit (N, 1), greater for pictures that are something else.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 48, 64), path: int = 16) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.at56 = nn.Sequential(convolution(1, first, stride=2), convolution(first, first))
        self.at28 = nn.Sequential(convolution(first, second, stride=2), convolution(second, second))
        self.at14 = nn.Sequential(convolution(second, third, stride=2), convolution(third, third))
        self.at7 = nn.Sequential(convolution(third, fourth, stride=2), convolution(fourth, fourth))
        self.sides = nn.ModuleList(nn.Conv2d(width, path, 1) for width in widths)
        self.ups = nn.ModuleList(convolution(path, path) for _ in range(3))
        self.mask = nn.Conv2d(path, 1, 1)
        self.outlier = nn.Sequential(nn.Linear(2 * fourth, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Look at pictures (N, 1, 224, 224) in 0-1."""
        return self.look(F.avg_pool2d(pictures, FRAME // FINDER_SIDE))

    def look(self, small: Tensor) -> tuple[Tensor, Tensor]:
        """Look at pictures already shrunk to (N, 1, 112, 112)."""
        at56 = self.at56(standardised(small))
        at28 = self.at28(at56)
        at14 = self.at14(at28)
        at7 = self.at7(at14)
        pooled = torch.cat([at7.mean(dim=(2, 3)), at7.amax(dim=(2, 3))], dim=1)
        path = self.sides[3](at7)
        for up, side, features in zip(self.ups, (2, 1, 0), (at14, at28, at56), strict=True):
            path = up(F.interpolate(path, scale_factor=2.0, mode="nearest") + self.sides[side](features))
        return self.mask(path), self.outlier(pooled)
