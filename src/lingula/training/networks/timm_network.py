"""Any network of timm by its name, with timm's ImageNet weights if asked; timm is imported only here.

References
----------
Wightman 2019, PyTorch Image Models.
"""

import math
from difflib import get_close_matches
from functools import partial

import torch
from torch import Tensor, nn

from lingula.errors import TrainingError
from lingula.training.networks.imagenet import MEAN, SPREAD, ImageNetClassifier
from lingula.training.recipe import NetworkRecipe

PREFIX = "timm/"


class TimmBase(nn.Module):
    """The features of one of timm's networks as (N, C, h, w), whatever order or tokens it has itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.ends_with_channels = getattr(network, "output_fmt", "NCHW") == "NHWC"
        self.leading_tokens = int(getattr(network, "num_prefix_tokens", 0))

    def forward(self, pictures: Tensor) -> Tensor:
        """Transform (N, 3, side, side)."""
        features: Tensor = self.network.forward_features(pictures)  # type: ignore[operator] # all of timm's have it
        if features.ndim == 3:  # noqa: PLR2004 - (N, tokens, C): the first stand for the whole, the others for patches
            features = features[:, self.leading_tokens :]
            side = math.isqrt(features.shape[1])
            return features.transpose(1, 2).reshape(features.shape[0], features.shape[2], side, side)
        return features.permute(0, 3, 1, 2) if self.ends_with_channels else features


def timm_classifier(recipe: NetworkRecipe, *, pretrained: bool) -> ImageNetClassifier:
    """Make ``timm/NAME``; `pretrained` fetches timm's own weights.

    Raises
    ------
    TrainingError
        If timm is not installed, has no such network, its weights cannot be fetched, or it cannot see this side.
    """
    network = timm_network(recipe.name.removeprefix(PREFIX), recipe.side, pretrained=pretrained)
    told = getattr(network, "pretrained_cfg", {})
    base = TimmBase(network)
    try:
        with torch.no_grad():
            seen = base.eval()(torch.zeros(1, 3, recipe.side, recipe.side))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise TrainingError(f"{recipe.name} cannot see {recipe.side} pixels: {error}; give it another side") from error
    base.train()
    return ImageNetClassifier(
        recipe, base, seen.shape[1], mean=tuple(told.get("mean", MEAN)), spread=tuple(told.get("std", SPREAD))
    )


def timm_network(name: str, side: int, *, pretrained: bool) -> nn.Module:
    """Make one of timm's networks without its classification layer; raises like `timm_classifier`."""
    try:
        import timm
    except (ModuleNotFoundError, RuntimeError) as error:  # RuntimeError: its torchvision was built for another torch
        raise TrainingError(
            f"network timm/{name} needs timm, which does not load here ({error}); "
            "run `make setup EXTRAS=train,timm` or `pip install 'lingula[timm]'`"
        ) from error
    if not timm.is_model(name):
        near = ", ".join(get_close_matches(name, timm.list_models(), n=3)) or "see timm.list_models()"
        raise TrainingError(f"timm has no network {name}; near it: {near}")
    make = partial(timm.create_model, name, pretrained=pretrained, num_classes=0, global_pool="")
    try:
        published = timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # timm.is_model looks at what stands before the dot only
        known = ", ".join(timm.list_pretrained(name.partition(".")[0])) or "none"
        raise TrainingError(f"timm has no weights called {name}; it has {known}") from error
    has_places = published is not None and published.fixed_input_size  # transformers: as many places as patches
    try:
        made = make(img_size=side) if has_places else make()
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise TrainingError(
            f"timm/{name} cannot be made for {side} pixels{' with its published weights' if pretrained else ''}: "
            f"{error}; without a network, name a downloaded file as `weights` in [classifier.network]"
        ) from error
    if not isinstance(made, nn.Module):
        raise TrainingError(f"timm/{name} is no network")
    return made
