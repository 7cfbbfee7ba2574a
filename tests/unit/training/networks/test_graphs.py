"""Every network becomes one graph that says what the network says, with any head and either sight."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from made.chests import drawn_chest
from torch import nn

from lingula.modelpackage.session import open_session
from lingula.training.learning.examples import as_tensor
from lingula.training.networks import LungFinder, Reader
from lingula.training.networks.imagenet import ImageNetClassifier
from lingula.training.networks.resnet50 import ResNet50
from lingula.training.networks.resnet50v2 import ResNet50V2
from lingula.training.networks.small_cnn import SmallCnn
from lingula.training.networks.vgg16 import Vgg16
from lingula.training.packaging.export import export_graph
from lingula.training.recipe import NetworkRecipe

OUTPUTS = ("probability", "activation_map", "lung_mask", "embedding", "novelty")
FEW = (1, 1, 1, 1)  # blocks: as deep as a test has time for


@pytest.mark.parametrize(
    ("make", "channels", "more"),
    [
        (SmallCnn, 128, {"sees": "frame", "head": (16, 8), "batch_norm": True, "dropout": 0.3}),
        (SmallCnn, 128, {"mirrored": True}),
        (Vgg16, 512, {"head": (8,)}),
        (partial(ResNet50, FEW), 2048, {}),
        (partial(ResNet50V2, FEW), 2048, {"batch_norm": True}),
    ],
    ids=["small-cnn", "mirrored", "vgg16", "resnet50", "resnet50v2"],
)
def test_graph_and_network_agree(make: Callable[[], nn.Module], channels: int, more: dict[str, object]) -> None:
    torch.manual_seed(4)
    torch.set_num_threads(1)
    recipe = NetworkRecipe.model_validate({"name": "small-cnn", "side": 64} | more)
    reader = Reader(LungFinder((8, 8, 8, 8), 8), ImageNetClassifier(recipe, make(), channels)).train()
    pixels = as_tensor(np.stack([drawn_chest(seed, has_opacity=seed % 2 == 0).pixels for seed in range(4)]))
    with torch.no_grad():
        reader(pixels)  # batch norms that are not as they were made
        ours = dict(zip(OUTPUTS, reader.eval()(pixels), strict=True))
    session = open_session(export_graph(reader), threads=1)
    for count in (1, 4):
        theirs = session.run(pixels[:count].numpy())
        for name in OUTPUTS:
            np.testing.assert_allclose(theirs[name], ours[name][:count].numpy(), atol=1e-4, rtol=1e-4, err_msg=name)
