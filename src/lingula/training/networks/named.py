"""From the name in a recipe to a classifier ready to learn."""

from pathlib import Path

import torch

from lingula.errors import TrainingError
from lingula.training.networks.classifier import Classifier
from lingula.training.networks.freezing import freeze, keep_batch_norms
from lingula.training.networks.from_package import classifier_from_package, open_package
from lingula.training.networks.imagenet import BASES, ImageNetClassifier, named_classifier
from lingula.training.networks.own import LingulaClassifier
from lingula.training.networks.timm_network import PREFIX, TimmBase, timm_classifier, timm_network
from lingula.training.networks.weights import PUBLISHED, fetch_weights, read_weights, take_weights
from lingula.training.recipe import NetworkRecipe

OWN = "lingula"
_TIMMS_RESNET50V2 = "resnetv2_50"


def build_classifier(recipe: NetworkRecipe, *, data: Path | None = None) -> Classifier:
    """Make the classifier of a recipe, with the weights it shall begin with and what shall not learn held.

    Parameters
    ----------
    data
        Folder that `weights` and `package` are relative to; the working folder if not given.

    Raises
    ------
    TrainingError
        If there is no such network, or its weights cannot be had; the message says what to do.
    """
    folder = data or Path()
    if recipe.package is not None:
        classifier: Classifier = classifier_from_package(open_package(recipe.package, folder), recipe)
        keep_batch_norms(classifier)
    elif recipe.pretrained:
        classifier = _pretrained(recipe, folder)
    else:
        classifier = bare_classifier(recipe)
    freeze(classifier, recipe.trainable)
    return classifier


def bare_classifier(recipe: NetworkRecipe) -> Classifier:
    """Make the classifier of a recipe with weights drawn at random, whatever the recipe says they begin with."""
    if recipe.name == OWN:
        return LingulaClassifier(recipe)
    if recipe.name in BASES:
        return named_classifier(recipe)
    if recipe.name.startswith(PREFIX):
        return timm_classifier(recipe, pretrained=False)
    known = ", ".join((OWN, *BASES))
    raise TrainingError(f"[classifier.network] name: there is no network {recipe.name!r}; there are {known}, timm/NAME")


@torch.no_grad()
def look_once(classifier: Classifier, *, pictures: int, side: int) -> None:
    """Let a classifier look at black pictures as it will while it learns; it is not to be used afterwards.

    Raises
    ------
    TrainingError
        If its layers leave nothing of such pictures, or too little to normalise.
    """
    try:
        classifier.train()(torch.zeros(pictures, 1, side, side))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise TrainingError(
            f"[classifier.network] {classifier.recipe.name} cannot learn from {side} by {side} pixels, {pictures} at "
            f"once: {error}; give a greater side, or a greater batch"
        ) from error


def _pretrained(recipe: NetworkRecipe, folder: Path) -> Classifier:
    if recipe.weights is None and recipe.name.startswith(PREFIX):
        return timm_classifier(recipe, pretrained=True)
    classifier = bare_classifier(recipe)
    if not isinstance(classifier, ImageNetClassifier) or recipe.name == "small-cnn":
        raise TrainingError(
            f"[classifier.network] pretrained: nobody publishes ImageNet weights of {recipe.name}; "
            "say `pretrained = false`, or `package` to begin with a package's"
        )
    base = classifier.base.network if isinstance(classifier.base, TimmBase) else classifier.base
    if recipe.weights is not None:
        take_weights(base, read_weights(folder / recipe.weights), recipe.weights)
    elif recipe.name in PUBLISHED:
        take_weights(base, fetch_weights(recipe.name, PUBLISHED[recipe.name]), PUBLISHED[recipe.name])
    else:
        fetched = timm_network(_TIMMS_RESNET50V2, recipe.side, pretrained=True)
        take_weights(base, fetched.state_dict(), f"timm's {_TIMMS_RESNET50V2}")
    return classifier
