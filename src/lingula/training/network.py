"""The networks: a lung finder, a classifier of the lungs' picture, and the reader that joins them in one graph.

The frame of a radiograph betrays much that has nothing to do with the lungs (who was photographed how, and why), so
the classifier never sees it: the lung finder marks the lungs on the whole picture, a box is drawn around them, and only
what lies in the box, resampled and standardised, goes on. All of it is one differentiable function of the prepared
pixels and becomes one ONNX graph.

References
----------
Lin et al. 2017, feature pyramid networks. He et al. 2016, ResNet; He et al. 2019, "Bag of tricks" (averaging
shortcuts). Zhou et al. 2016, class activation mapping. Lee et al. 2018, Mahalanobis distance against outliers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

FRAME = 224  # pixels: side of the prepared picture
FINDER_SIDE = 112  # pixels: what the lung finder looks at
MAP_SIDE = 56  # cells: side of the lung mask and the activation map
BOX_MASS = 0.02  # share of the lungs' area left outside each edge before the margin is added; robust against specks
LOGITS_PER_NOVELTY = 10.0  # how far the outlier logit moves novelty by one
BOX_MARGIN = 0.10  # of the box's extent, added at each edge


def convolution(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Give convolution, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def standardised(pictures: Tensor) -> Tensor:
    """Give each picture (N, 1, h, w) mean 0 and standard deviation 1, so that exposure and window do not matter."""
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    variance = (pictures - mean).square().mean(dim=(1, 2, 3), keepdim=True)
    return (pictures - mean) / (variance + 1e-4).sqrt()


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


def lung_box(mask: Tensor) -> Tensor:
    """Give the box around the lungs as (N, 4): left, top, right, bottom in 0-1 of the frame.

    An edge lies where the lungs' area beyond it is `BOX_MASS` of the whole, moved outwards by `BOX_MARGIN`; it moves
    smoothly with the mask and a speck far away cannot drag it along.
    """
    mass = mask.clamp_min(1e-4)  # an empty mask gives the whole frame, not a division by zero
    left, right = _span(mass.sum(dim=(1, 2)))  # columns
    top, bottom = _span(mass.sum(dim=(1, 3)))  # rows
    return torch.cat([left, top, right, bottom], dim=1)


def _span(profile: Tensor) -> tuple[Tensor, Tensor]:
    """Find where `BOX_MASS` and ``1 - BOX_MASS`` of a profile (N, cells) lie, widened by the margin; each (N, 1)."""
    before = profile.cumsum(dim=1) - profile
    total = profile.sum(dim=1, keepdim=True)

    def quantile(share: float) -> Tensor:
        filled = ((share * total - before) / profile).clamp(0.0, 1.0)  # how much of each cell lies before the quantile
        return filled.sum(dim=1, keepdim=True) / profile.shape[1]

    low, high = quantile(BOX_MASS), quantile(1.0 - BOX_MASS)
    margin = BOX_MARGIN * (high - low)
    return (low - margin).clamp(0.0, 1.0), (high + margin).clamp(0.0, 1.0)


def crop(pictures: Tensor, box: Tensor, side: int) -> Tensor:
    """Resample what lies in the box to (N, 1, side, side) with a triangle filter that widens when it shrinks.

    The filter is separable, so both directions are matrix products, which every runtime does well.
    """
    rows = _sampling(box[:, 1:2], box[:, 3:4], side, pictures.shape[2])  # (N, side, height)
    columns = _sampling(box[:, 0:1], box[:, 2:3], side, pictures.shape[3])  # (N, side, width)
    return (rows @ pictures[:, 0] @ columns.transpose(1, 2))[:, None]


def _sampling(low: Tensor, high: Tensor, outputs: int, inputs: int) -> Tensor:
    """Give the weights (N, outputs, inputs) that resample an axis of `inputs` cells between two places in 0-1."""
    along = (torch.arange(outputs, dtype=torch.float32, device=low.device) + 0.5) / outputs
    wanted = (low + (high - low) * along) * inputs - 0.5  # (N, outputs), in input cells
    support = ((high - low) * inputs / outputs).clamp_min(1.0)  # (N, 1), input cells per output cell
    cells = torch.arange(inputs, dtype=torch.float32, device=low.device)
    weights = (1.0 - (wanted[:, :, None] - cells).abs() / support[:, :, None]).clamp_min(0.0)
    return weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-6)


class Block(nn.Module):
    """Two convolutions with a shortcut; the shortcut of a shrinking block averages instead of skipping pixels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, stride=stride)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(self.norm.weight)  # a block starts as its shortcut
        shortcut: list[nn.Module] = [nn.AvgPool2d(stride)] if stride > 1 else []
        if inputs != outputs:
            shortcut += [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Transform (N, inputs, h, w) to (N, outputs, h / stride, w / stride)."""
        return F.relu(self.norm(self.second(self.first(features))) + self.shortcut(features))


class Classifier(nn.Module):
    """A small residual network on the lungs' picture (N, 1, side, side).

    Its last features stay at side / 16 and are averaged before one linear layer, so the same layer read cell by cell
    says where the evidence lies, at no second pass.
    """

    def __init__(
        self, widths: tuple[int, ...] = (32, 64, 128, 128), blocks: tuple[int, ...] = (1, 2, 2, 1), findings: int = 3
    ) -> None:
        super().__init__()
        inputs = widths[0]
        self.stem = nn.Sequential(convolution(1, inputs // 2, stride=2), convolution(inputs // 2, inputs, stride=2))
        stages: list[nn.Module] = []
        for outputs, count, stride in zip(widths, blocks, (1, 2, 2, 1), strict=True):
            for number in range(count):
                stages.append(Block(inputs, outputs, stride if number == 0 else 1))
                inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.pneumonia = nn.Linear(inputs, 1)
        self.finding = nn.Linear(inputs, findings)  # normal, bacteria, virus: a helper task in training only

    def features(self, lungs: Tensor) -> Tensor:
        """Give (N, widths[-1], side / 16, side / 16)."""
        return self.stages(self.stem(standardised(lungs)))  # type: ignore[no-any-return] # nn.Module returns Any

    def evidence(self, features: Tensor) -> Tensor:
        """Give the pneumonia logit cell by cell, (N, 1, side / 16, side / 16); its mean is the logit itself."""
        weight = self.pneumonia.weight[0][None, :, None, None]
        return (features * weight).sum(dim=1, keepdim=True) + self.pneumonia.bias

    def forward(self, lungs: Tensor) -> tuple[Tensor, Tensor]:
        """Give the pneumonia logit (N, 1) and the finding logits (N, findings)."""
        embedding = self.features(lungs).mean(dim=(2, 3))
        return self.pneumonia(embedding), self.finding(embedding)


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


class Reader(nn.Module):
    """The whole graph: prepared pixels (N, 1, 224, 224) in; probability, maps, embedding and novelty out."""

    def __init__(
        self, finder: LungFinder, classifier: Classifier, side: int, settled: Settlement | None = None
    ) -> None:
        super().__init__()
        self.finder, self.classifier, self.side = finder, classifier, side
        self.settled = settled or Settlement.undecided(classifier.pneumonia.in_features)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Give probability (N, 1), activation map and lung mask (N, 1, 56, 56), embedding (N, E), novelty (N, 1)."""
        mask_logits, outlier = self.finder(pixels)
        mask = torch.sigmoid(mask_logits)
        box = lung_box(mask)
        features = self.classifier.features(crop(pixels, box, self.side))
        embedding = features.mean(dim=(2, 3))
        logit = self.classifier.pneumonia(embedding)
        local = self.settled.scale * self.classifier.evidence(features) + self.settled.bias
        activation = _pasted((local / self.settled.ceiling).clamp(0.0, 1.0), box)
        probability = torch.sigmoid(self.settled.scale * logit + self.settled.bias)
        novelty = self.settled.novelty(mask.mean(dim=(1, 2, 3))[:, None], outlier, embedding)
        return probability, activation, mask, embedding, novelty


def _pasted(local: Tensor, box: Tensor) -> Tensor:
    """Lay a map of the box (N, 1, h, w) back into the frame as (N, 1, 56, 56), nothing outside the box."""
    rows = _laying(box[:, 1:2], box[:, 3:4], local.shape[2])  # (N, 56, h)
    columns = _laying(box[:, 0:1], box[:, 2:3], local.shape[3])
    return (rows @ local[:, 0] @ columns.transpose(1, 2))[:, None]


def _laying(low: Tensor, high: Tensor, inputs: int) -> Tensor:
    """Give the weights (N, 56, inputs) that lay `inputs` cells between two places of the frame; 0 outside."""
    along = (torch.arange(MAP_SIDE, dtype=torch.float32, device=low.device) + 0.5) / MAP_SIDE
    within = (along - low) / (high - low).clamp_min(1e-3)  # (N, 56), 0-1 inside the box
    wanted = (within * inputs - 0.5).clamp(0.0, inputs - 1.0)
    cells = torch.arange(inputs, dtype=torch.float32, device=low.device)
    weights = (1.0 - (wanted[:, :, None] - cells).abs()).clamp_min(0.0)
    inside = ((within >= 0.0) & (within <= 1.0)).to(weights.dtype)
    return weights * inside[:, :, None]
