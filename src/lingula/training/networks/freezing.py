"""Which part of a classifier learns."""

from torch import nn

from lingula.errors import TrainingError
from lingula.training.networks.classifier import Classifier

_ANSWERING = ("head", "pneumonia", "finding")
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def base_layers(classifier: Classifier) -> list[nn.Module]:
    """Give the layers with weights of their own between picture and features, in the order of the network."""
    return [
        layer
        for name, layer in classifier.named_modules()
        if name.split(".")[0] not in _ANSWERING and any(True for _ in layer.parameters(recurse=False))
    ]


def freeze(classifier: Classifier, trainable: str | int) -> None:
    """Hold the base of a classifier, except for its last `trainable` layers with weights; ``all`` holds nothing.

    A batch normalisation counts as a layer. What is held neither learns nor follows the batches' statistics.

    Raises
    ------
    TrainingError
        If the base has fewer layers than shall learn, or the number is negative.
    """
    if trainable == "all":
        return
    layers = base_layers(classifier)
    learning = 0 if isinstance(trainable, str) else trainable
    if not 0 <= learning <= len(layers):
        raise TrainingError(
            f"[classifier.network] trainable = {trainable}, but the base of {classifier.recipe.name} has {len(layers)} "
            "layers with weights; give 0 to that many, `head` or `all`"
        )
    held = layers[: len(layers) - learning]
    for layer in held:
        for weights in layer.parameters(recurse=False):
            weights.requires_grad = False
    classifier.keep_still(*held)


def keep_batch_norms(classifier: Classifier) -> None:
    """Let the base's batch norms use what they have, not the batches: right where few pictures refine a network."""
    classifier.keep_still(*(layer for layer in base_layers(classifier) if isinstance(layer, _BATCH_NORMS)))
