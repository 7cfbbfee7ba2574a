"""Every network keeps the same promises: shapes, evidence that adds up, a head, layers that are held."""

import pytest
import torch
from torch import nn

from lingula.errors import TrainingError
from lingula.training.networks import Classifier, bare_classifier, build_classifier, look_once
from lingula.training.networks.freezing import base_layers
from lingula.training.recipe import NetworkRecipe

NAMES = ("lingula", "small-cnn", "vgg16", "resnet50", "resnet50v2")
LAYERS_WITH_WEIGHTS = {"small-cnn": 3, "vgg16": 13, "resnet50": 106, "resnet50v2": 102}  # counted in the papers' tables
WEIGHTS = {"vgg16": 14_714_688, "resnet50": 23_508_032, "resnet50v2": 23_500_352}  # torchvision's, timm's, without ends


def classifier(name: str = "lingula", **more: object) -> Classifier:
    torch.manual_seed(0)
    recipe = {"name": name, "side": 64, "widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1)} | more
    return build_classifier(NetworkRecipe.model_validate(recipe))


@pytest.mark.parametrize("name", NAMES)
def test_features_embedding_and_answers_have_the_promised_shapes(name: str) -> None:
    made = classifier(name).eval()
    with torch.no_grad():
        features = made.features(torch.rand(2, 1, 64, 64))
        embedding = made.embed(features)
        logit, findings = made(torch.rand(2, 1, 64, 64))
        evidence = made.evidence(features)
    assert embedding.shape == (2, made.embedding_width)
    assert logit.shape == (2, 1)
    assert findings.shape == (2, 3)
    assert evidence.shape == (2, 1, *features.shape[2:])
    torch.testing.assert_close(evidence.mean(dim=(1, 2, 3)), made.pneumonia(embedding)[:, 0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_published_networks_have_as_many_weights_as_published(name: str) -> None:
    made = classifier(name)
    answers = sum(weights.numel() for part in (made.pneumonia, made.finding) for weights in part.parameters())
    assert sum(weights.numel() for weights in made.parameters()) - answers == WEIGHTS[name]


@pytest.mark.parametrize("name", sorted(LAYERS_WITH_WEIGHTS))
def test_every_convolution_and_norm_of_the_base_is_a_layer(name: str) -> None:
    assert len(base_layers(classifier(name))) == LAYERS_WITH_WEIGHTS[name]


@pytest.mark.parametrize("name", ["lingula", "small-cnn"])
def test_a_mirrored_network_says_the_same_of_a_picture_and_its_mirror_image(name: str) -> None:
    pictures = torch.rand(2, 1, 64, 64)
    turned = pictures.flip(3)
    plain, mirrored = classifier(name).eval(), classifier(name, mirrored=True).eval()
    with torch.no_grad():
        once, back = plain(pictures)[0], plain(turned)[0]
        torch.testing.assert_close(mirrored(pictures)[0], (once + back) / 2)
        torch.testing.assert_close(mirrored.features(turned), mirrored.features(pictures).flip(3))
        assert not torch.allclose(once, back)


def test_a_mirrored_network_looks_once_while_it_learns() -> None:
    pictures = torch.rand(2, 1, 64, 64)
    learning = classifier(mirrored=True).train()
    torch.testing.assert_close(learning.features(pictures), learning.look(pictures))


def test_a_deep_head_is_read_cell_by_cell() -> None:
    made = classifier(head=(8, 4), batch_norm=True, dropout=0.5).eval()
    features = made.features(torch.rand(2, 1, 64, 64))
    evidence = made.evidence(features)
    alone = made.pneumonia(made.head(features[1, :, 2, 3][None]))
    assert made.embedding_width == 4
    torch.testing.assert_close(evidence[1, 0, 2, 3], alone[0, 0])


def test_the_head_alone_is_under_its_penalty() -> None:
    made = classifier(head=(8, 4), batch_norm=True)
    assert [tuple(weights.shape) for weights in made.regularised()] == [(8, 16), (4, 8), (1, 4)]


def test_a_held_base_stays_as_it_is_while_the_head_learns() -> None:
    made = classifier(trainable="head", head=(8,)).train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    optimiser = torch.optim.SGD([weights for weights in made.parameters() if weights.requires_grad], lr=0.1)
    made(torch.rand(4, 1, 64, 64))[0].sum().backward()
    optimiser.step()
    moved = {name for name, value in made.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith(("head.", "pneumonia.")) for name in moved)  # no running statistics either


def test_the_last_layers_learn_if_asked() -> None:
    made = classifier("resnet50", trainable=2)
    learning = [name for name, weights in made.base.named_parameters() if weights.requires_grad]  # type: ignore[union-attr] # a network
    assert learning == ["layer4.2.conv3.weight", "layer4.2.bn3.weight", "layer4.2.bn3.bias"]
    norms = [layer for layer in made.train().modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [norm.training for norm in norms] == [False] * (len(norms) - 1) + [True]


@pytest.mark.parametrize(
    ("made", "learning"), [({"package": "shipped"}, 0), ({"name": "resnet50", "trainable": 2}, 1), ({}, 16)]
)
def test_what_is_kept_still_stays_so_when_several_gpus_see_the_whole_batch(
    made: dict[str, object], learning: int
) -> None:
    """torch puts other modules in the place of the batch norms; those must stand still as the first ones did."""
    before = build_classifier(NetworkRecipe.model_validate(made))
    after = nn.SyncBatchNorm.convert_sync_batchnorm(before).train()  # type: ignore[no-untyped-call] # torch leaves it unannotated
    norms = [layer for layer in after.modules() if isinstance(layer, nn.SyncBatchNorm)]
    assert sum(norm.training for norm in norms) == learning
    assert len(norms) >= 16
    assert after.training


def test_asking_for_more_layers_than_there_are_says_how_many_there_are() -> None:
    with pytest.raises(TrainingError, match="trainable = 14, but the base of vgg16 has 13 layers"):
        classifier("vgg16", trainable=14)


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TrainingError, match=r"no network 'resnet18'; there are lingula, .*resnet50v2, timm/NAME"):
        bare_classifier(NetworkRecipe(name="resnet18"))


@pytest.mark.parametrize(
    ("name", "side", "pictures"), [("vgg16", 16, 2), ("lingula", 16, 1)], ids=["nothing is left", "one place is left"]
)
def test_a_side_that_leaves_too_little_to_learn_from_is_refused(name: str, side: int, pictures: int) -> None:
    made = classifier(name)
    look_once(made, pictures=2, side=32)
    with pytest.raises(TrainingError, match=rf"{name} cannot learn from 16 by 16 pixels, {pictures} at once: "):
        look_once(made, pictures=pictures, side=side)


def test_our_own_networks_weights_keep_their_names() -> None:
    names = {name.split(".")[0] for name in bare_classifier(NetworkRecipe()).state_dict()}
    assert names == {"stem", "stages", "pneumonia", "finding"}
