"""Networks read back from a model package: to use its lung finder, or to go on learning from its weights.

A package holds no checkpoint, only the graph; there each batch normalisation is folded into the convolution before it.
What is rebuilt carries the folded weights in its convolutions and batch norms that only add the folded bias. The
batch norms of a head follow no convolution; the graph has all of theirs, with the statistics they judge by.
"""

import tomllib
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage, read_package, shipped_package_path
from lingula.training.networks.lung_finder import LungFinder
from lingula.training.networks.own import LingulaClassifier
from lingula.training.recipe import FinderRecipe, NetworkRecipe

SHIPPED = "shipped"
_ROUNDED = "bias_quantized"  # how onnxruntime.quantization ends the name of a bias of integers
_NETWORK = ("name", "sees", "side", "widths", "blocks", "head", "batch_norm", "mirrored")  # what shapes the function


def open_package(name: str, folder: Path) -> ModelPackage:
    """Read ``shipped`` or the path of a .lingula file; raises `PackageError` if it cannot be trusted."""
    return read_package(shipped_package_path() if name == SHIPPED else folder / name)


def finder_from_package(package: ModelPackage) -> LungFinder:
    """Give a package's lung finder, in evaluation mode.

    Raises
    ------
    TrainingError
        If the package's graph or recipe is not one that this code made.
    """
    told = _table(_recipe(package), "finder")
    default = FinderRecipe.model_fields["widths"].default
    finder = LungFinder(_four(told.get("widths", default)))
    _fill(finder, "finder.", package)
    return finder.eval()


def classifier_from_package(package: ModelPackage, wanted: NetworkRecipe | None = None) -> LingulaClassifier:
    """Give a package's classifier, in evaluation mode; only lingula's own network can be read back.

    Parameters
    ----------
    wanted
        What a recipe says of the network it begins with; it must be the package's own, so that the recipe alone still
        says what the network is.

    Raises
    ------
    TrainingError
        If the package holds another network, naming the first line that differs, or a graph this code cannot read.
    """
    told = network_of(package)
    if told.name != "lingula":
        raise TrainingError(f"{package.manifest.name} holds {told.name}; only lingula's own network can be read back")
    for line in _NETWORK if wanted is not None else ():
        theirs, ours = getattr(told, line), getattr(wanted, line)
        if theirs != ours:
            raise TrainingError(
                f"[classifier.network] {line} is {ours}, but the network of {package.manifest.name} "
                f"{package.manifest.version} has {theirs}; write that in the recipe"
            )
    classifier = LingulaClassifier(wanted or told)
    _fill(classifier, "classifier.", package)
    return classifier.eval()


def network_of(package: ModelPackage) -> NetworkRecipe:
    """Give what a package's recipe says of its network, without where its weights began; reads old recipes as well."""
    classifier = _table(_recipe(package), "classifier")
    network = _table(classifier, "network") if "network" in classifier else classifier  # one flat table at first
    try:
        return NetworkRecipe.model_validate({line: network[line] for line in _NETWORK if line in network})
    except ValidationError as error:
        raise TrainingError(f"the recipe inside {package.manifest.name} names no network this code knows") from error


def _recipe(package: ModelPackage) -> dict[str, object]:
    try:
        return tomllib.loads(package.manifest.provenance.recipe)
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(
            f"the recipe inside {package.manifest.name} is no TOML; its networks are unknown"
        ) from error


def _table(recipe: dict[str, object], name: str) -> dict[str, object]:
    found = recipe.get(name, {})
    return dict(found) if isinstance(found, dict) else {}


def _four(widths: object) -> tuple[int, int, int, int]:
    try:
        return TypeAdapter(tuple[int, int, int, int]).validate_python(widths)
    except ValidationError as error:
        raise TrainingError(
            f"the package's recipe gives its lung finder the widths {widths}, no four numbers"
        ) from error


def _fill(network: nn.Module, prefix: str, package: ModelPackage) -> None:
    """Load a network's weights from the graph's constants called `prefix` and their own name."""
    graph = onnx.load_model_from_string(package.graph).graph
    found = {
        name.removeprefix(prefix): torch.from_numpy(value)
        for name, value in _constants(graph).items()
        if name.startswith(prefix)
    }
    state = network.state_dict()
    for name, norm in _norms_after_convolutions(network).items():
        if f"{name}.weight_bias" in found:
            state |= _folded(found.pop(f"{name}.weight_bias"), norm, network)
    own = [name for name in state if not _is_left(name, network)]
    missing = next((name for name in own if name not in found or found[name].shape != state[name].shape), None)
    if missing is not None:
        raise TrainingError(
            f"the graph of {package.manifest.name} {package.manifest.version} has no {prefix}{missing} of the shape "
            f"{tuple(state[missing].shape)}; it was made by another version or its weights are quantised"
        )
    network.load_state_dict(state | {name: found[name] for name in own})


def _constants(graph: onnx.GraphProto) -> dict[str, NDArray[np.float32]]:
    """Give a graph's constants; a graph of integers keeps its weights, but its biases have to be scaled back."""
    found = {constant.name: numpy_helper.to_array(constant).copy() for constant in graph.initializer}
    for name in [name for name in found if name.endswith(_ROUNDED)]:
        found[name.removesuffix("_quantized")] = (found[name] * found[f"{name}_scale"]).astype(np.float32)
    return found


def _is_left(name: str, network: nn.Module) -> bool:
    """Tell what no graph has: folded batch norms, the number of batches that others saw, and the helper task."""
    layer, _, own = name.rpartition(".")
    is_folded = isinstance(network.get_submodule(layer), nn.BatchNorm2d)
    return is_folded or own == "num_batches_tracked" or layer == "finding"


def _norms_after_convolutions(network: nn.Module) -> dict[str, str]:
    """Give the name of each convolution without bias and of the batch norm that follows it."""
    followed: dict[str, str] = {}
    last = ""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.BatchNorm2d) and last:
            followed[last] = name
        last = name if isinstance(layer, nn.Conv2d) and layer.bias is None else ""
    return followed


def _folded(bias: Tensor, norm: str, network: nn.Module) -> dict[str, Tensor]:
    """Give the state of a batch norm that adds `bias` and nothing else."""
    layer = network.get_submodule(norm)
    if not isinstance(layer, nn.BatchNorm2d):
        raise TypeError(norm)
    return {
        f"{norm}.weight": torch.ones_like(bias),
        f"{norm}.bias": bias,
        f"{norm}.running_mean": torch.zeros_like(bias),
        f"{norm}.running_var": torch.full_like(bias, 1.0 - layer.eps),  # the root of variance and eps is then 1
    }
