"""What comes from timm and torchvision is what we wrote plainly, and timm's names work like our own."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision.models as torchvision_models  # type: ignore[import-untyped] # ships no annotations
from safetensors import torch as safetensors_torch

from lingula.errors import TrainingError
from lingula.modelpackage.session import open_session
from lingula.training.networks import LungFinder, Reader, build_classifier
from lingula.training.networks.imagenet import BASES
from lingula.training.networks.weights import take_weights
from lingula.training.packaging.export import export_graph
from lingula.training.recipe import NetworkRecipe, Sight


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "resnet50v2"])
@torch.no_grad()
def test_published_weights_give_the_published_networks_features(name: str) -> None:
    torch.manual_seed(1)
    picture = torch.rand(1, 3, 64, 64)
    if name == "resnet50v2":
        theirs = timm.create_model("resnetv2_50", pretrained=False).eval()
        wanted = theirs.forward_features(picture)  # type: ignore[operator] # torch types every attribute as a tensor or a module
    else:
        theirs = getattr(torchvision_models, name)(weights=None).eval()
        body = theirs.features if name == "vgg16" else torch.nn.Sequential(*list(theirs.children())[:-2])
        wanted = body(picture)
    ours = BASES[name].make().eval()
    take_weights(ours, theirs.state_dict(), "theirs")
    torch.testing.assert_close(ours(picture), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "published"), [("vgg16", "vgg16.tv_in1k"), ("resnet50", "resnet50.tv_in1k"), ("resnet50v2", "resnetv2_50")]
)
def test_pictures_are_normalised_as_those_that_the_published_weights_learnt_from(name: str, published: str) -> None:
    told = timm.get_pretrained_cfg(published)
    assert told is not None
    made = build_classifier(NetworkRecipe(name=name, side=64))
    grey, seen = torch.rand(1, 1, 64, 64), list[torch.Tensor]()
    made.base.register_forward_pre_hook(lambda _, given: seen.append(given[0]))  # type: ignore[union-attr] # a network
    made.look(grey)
    for channel, mean, spread in zip(seen[0][0], told.mean, told.std, strict=True):
        torch.testing.assert_close(channel, (grey[0, 0] - mean) / spread)


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_any_of_timms_networks_keeps_a_classifiers_promises(name: str) -> None:
    made = build_classifier(NetworkRecipe(name=f"timm/{name}", side=64, head=(8,), trainable="head")).eval()
    with torch.no_grad():
        features = made.features(torch.rand(2, 1, 64, 64))
        evidence = made.evidence(features)
    assert features.ndim == 4
    assert evidence.shape == (2, 1, *features.shape[2:])
    assert made.embedding_width == 8


def test_a_local_file_of_safetensors_is_taken(tmp_path: Path) -> None:
    torch.manual_seed(2)
    weights = timm.create_model("resnet10t", pretrained=False).state_dict()
    safetensors_torch.save_file(weights, tmp_path / "weights.safetensors")
    recipe = NetworkRecipe(name="timm/resnet10t", side=64, pretrained=True, weights="weights.safetensors")
    taken = build_classifier(recipe, data=tmp_path).state_dict()
    assert torch.equal(taken["base.network.conv1.0.weight"], weights["conv1.0.weight"])
    (tmp_path / "weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match="holds no plain weights"):
        build_classifier(recipe, data=tmp_path)


def test_a_name_timm_does_not_have_is_refused_with_those_near_it() -> None:
    with pytest.raises(TrainingError, match=r"timm has no network resnet51; near it: .*resnet50"):
        build_classifier(NetworkRecipe(name="timm/resnet51"))


def test_weights_timm_does_not_have_are_refused_with_those_it_has() -> None:
    with pytest.raises(TrainingError, match=r"timm has no weights called resnet18\.foo; it has .*resnet18\.a1_in1k"):
        build_classifier(NetworkRecipe(name="timm/resnet18.foo", side=64))


def test_a_side_that_a_network_of_timms_cannot_see_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"timm/vgg11 cannot see 16 pixels: .*; give it another side"):
        build_classifier(NetworkRecipe(name="timm/vgg11", side=16))


def test_offline_timms_weights_are_asked_for_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(TrainingError, match=r"with its published weights.* name a downloaded file as `weights`"):
        build_classifier(NetworkRecipe(name="timm/resnet10t", side=64, pretrained=True))


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_one_of_timms_networks_becomes_a_graph(name: str) -> None:
    torch.manual_seed(3)
    classifier = build_classifier(NetworkRecipe(name=f"timm/{name}", side=64, sees=Sight.FRAME))
    reader = Reader(LungFinder((8, 8, 8, 8), 8), classifier).eval()
    pixels = torch.rand(3, 1, 224, 224)
    session = open_session(export_graph(reader), threads=1)
    for count in (1, 3):
        with torch.no_grad():
            ours = reader(pixels[:count])
        theirs = session.run(pixels[:count].numpy())
        np.testing.assert_allclose(theirs["probability"], ours[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(theirs["activation_map"], ours[1].numpy(), atol=1e-4)
