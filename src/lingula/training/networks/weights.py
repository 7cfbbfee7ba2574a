"""Weights from outside: from a file, or from the place where they are published.

Nothing but tensors is read (no pickled code), and every tensor's name and shape is compared before one is taken.
"""

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from lingula.errors import TrainingError

_UNREADABLE = (  # what torch's reader raises for a file that is no whole file of tensors
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    AssertionError,
    LookupError,
    AttributeError,
    TypeError,
    struct.error,
    pickle.UnpicklingError,
)
PUBLISHED = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "resnet50": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
}
"""Where torchvision's ImageNet weights lie; the end of each name is the beginning of the file's sha256."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a ``.pth`` or ``.safetensors`` file of named tensors.

    Raises
    ------
    TrainingError
        If the file is not there or is no such file.
    """
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        read = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it holds no plain weights"
        raise TrainingError(
            f"[classifier.network] weights: {path} cannot be read: {reason}; name a .pth or .safetensors file"
        ) from error
    if not isinstance(read, Mapping):
        raise TrainingError(f"[classifier.network] weights: {path} holds a {type(read).__name__}, no named tensors")
    return {str(name): value for name, value in read.items() if isinstance(value, Tensor)}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise TrainingError(
            f"{path.name} needs the package safetensors: `pip install 'lingula[train]'`, or name a .pth file"
        ) from error
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def fetch_weights(name: str, url: str) -> dict[str, Tensor]:
    """Download published weights once into torch's own cache, and compare their digest.

    Raises
    ------
    TrainingError
        If they cannot be fetched, or what came is not what was published; it says which file to put where.
    """
    try:
        fetched = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise TrainingError(
            f"ImageNet weights of {name} cannot be fetched ({error}); download {url} where there is a network, and "
            "name the file as `weights` in [classifier.network], or say `pretrained = false`"
        ) from error
    return dict(fetched)


def take_weights(base: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Load weights into a network; what it does not have (the published classification layer) is left.

    Raises
    ------
    TrainingError
        If a tensor is missing or has another shape, naming the first such tensor; nothing is loaded then.
    """
    for name, ours in base.state_dict().items():
        theirs = weights.get(name)
        if theirs is None and not name.endswith("num_batches_tracked"):  # older files do not count batches
            raise TrainingError(f"{origin} has no tensor {name}; it holds the weights of another network")
        if theirs is not None and theirs.shape != ours.shape:
            raise TrainingError(
                f"{origin}: tensor {name} has the shape {tuple(theirs.shape)}, this network's has {tuple(ours.shape)}; "
                "it holds the weights of another network"
            )
    base.load_state_dict({name: weights[name] for name in base.state_dict() if name in weights}, strict=False)
