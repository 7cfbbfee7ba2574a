"""Networks made for photographs: they see three equal channels, normalised as those they learnt from.

A grey picture is repeated rather than the first convolution summed over its channels, so that weights load as they were
published and each channel keeps its own mean and spread.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lingula.training.networks import resnet50, resnet50v2, small_cnn, vgg16
from lingula.training.networks.classifier import Classifier
from lingula.training.recipe import NetworkRecipe

Channels = tuple[float, ...]

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, in 0-1
_HALF = (0.5, 0.5, 0.5)  # what timm's resnetv2_50 was trained with, as mean and as spread


@dataclass(frozen=True, kw_only=True)
class Base:
    """A network without its classification layer: the channels of its features, and how its weights see pictures."""

    make: Callable[[], nn.Module]
    channels: int
    mean: Channels = MEAN
    spread: Channels = SPREAD


BASES = {
    "small-cnn": Base(make=small_cnn.SmallCnn, channels=small_cnn.CHANNELS),
    "vgg16": Base(make=vgg16.Vgg16, channels=vgg16.CHANNELS),
    "resnet50": Base(make=resnet50.ResNet50, channels=resnet50.CHANNELS),
    "resnet50v2": Base(make=resnet50v2.ResNet50V2, channels=resnet50v2.CHANNELS, mean=_HALF, spread=_HALF),
}
"""Each by its name in a recipe."""


class ImageNetClassifier(Classifier):
    """A classifier on the features of `base`, which takes (N, 3, h, w) and gives (N, C, h', w')."""

    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        recipe: NetworkRecipe,
        base: nn.Module,
        channels: int,
        *,
        mean: Channels = MEAN,
        spread: Channels = SPREAD,
    ) -> None:
        super().__init__(recipe)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(spread).reshape(1, -1, 1, 1), persistent=False)
        self.base = base
        self.answer_from(channels)

    def look(self, pictures: Tensor) -> Tensor:
        """Give (N, C, h', w') of grey pictures (N, 1, side, side) in 0-1."""
        return self.base((pictures - self.mean) / self.spread)  # type: ignore[no-any-return] # nn.Module returns Any


def named_classifier(recipe: NetworkRecipe) -> ImageNetClassifier:
    """Make one of `BASES` with weights drawn at random."""
    base = BASES[recipe.name]
    return ImageNetClassifier(recipe, base.make(), base.channels, mean=base.mean, spread=base.spread)
