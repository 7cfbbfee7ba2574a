"""Networks read back from a package say what its graph says, and can go on learning."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made.chests import drawn_chest
from torch import nn

from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage, read_package, shipped_package_path
from lingula.modelpackage.session import open_session
from lingula.training.learning.examples import LabelledExamples, as_tensor
from lingula.training.learning.train import find_lungs, train_classifier
from lingula.training.networks import (
    LungFinder,
    Reader,
    build_classifier,
    classifier_from_package,
    crop,
    finder_from_package,
    lung_box,
)
from lingula.training.networks.from_package import network_of
from lingula.training.networks.own import LingulaClassifier
from lingula.training.packaging.export import export_graph
from lingula.training.recipe import ClassifierRecipe, NetworkRecipe, Schedule


@pytest.fixture(scope="module")
def shipped() -> ModelPackage:
    return read_package(shipped_package_path())


@pytest.fixture(scope="module")
def plain() -> ModelPackage:
    """The last shipped package of 32-bit convolutions: networks and graph say the same to the last digits."""
    return read_package(Path(__file__).parents[3] / "fixtures" / "format-1" / "pneumonia-children-1.0.0.lingula")


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return as_tensor(np.stack([drawn_chest(seed, has_opacity=seed % 2 == 1).pixels for seed in range(6)]))


@torch.no_grad()
def test_both_networks_say_what_the_graph_says(plain: ModelPackage, pixels: torch.Tensor) -> None:
    theirs = open_session(plain.graph, threads=1).run(pixels.numpy())
    reader = Reader(finder_from_package(plain), classifier_from_package(plain)).eval()
    _, _, mask, embedding, _ = reader(pixels)
    np.testing.assert_allclose(mask.numpy(), theirs["lung_mask"], atol=1e-4)
    np.testing.assert_allclose(embedding.numpy(), theirs["embedding"], atol=1e-4)
    logit = reader.classifier.pneumonia(torch.from_numpy(theirs["embedding"]))[:, 0].numpy()
    calibrated = np.log(theirs["probability"][:, 0] / (1 - theirs["probability"][:, 0]))
    scale, bias = np.polyfit(logit, calibrated, 1)  # the graph's calibration is a line, and one line fits all
    np.testing.assert_allclose(scale * logit + bias, calibrated, atol=1e-3)


def test_a_network_begun_from_the_package_keeps_its_batch_norms(shipped: ModelPackage, pixels: torch.Tensor) -> None:
    classifier = build_classifier(NetworkRecipe(package="shipped")).train()
    norms = [layer for layer in classifier.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert all(weights.requires_grad for weights in classifier.parameters())
    lungs = crop(pixels, lung_box(torch.zeros(6, 1, 56, 56)), 144)
    with torch.no_grad():
        torch.testing.assert_close(classifier(lungs)[0], classifier_from_package(shipped)(lungs)[0])


def test_a_recipe_that_says_another_network_is_told_the_packages(shipped: ModelPackage) -> None:
    wanted = NetworkRecipe(package="shipped", side=160)
    with pytest.raises(TrainingError, match=r"side is 160, but the network of pneumonia-children .* has 144"):
        classifier_from_package(shipped, wanted)


def with_recipe(package: ModelPackage, old: str, new: str) -> ModelPackage:
    manifest = package.manifest
    recipe = manifest.provenance.recipe.replace(old, new)
    provenance = manifest.provenance.model_copy(update={"recipe": recipe})
    return ModelPackage(**(vars(package) | {"manifest": manifest.model_copy(update={"provenance": provenance})}))


def test_a_graph_that_does_not_fit_its_recipe_is_refused_by_the_first_weight(plain: ModelPackage) -> None:
    other = with_recipe(plain, "[16, 32, 48, 64]", "[16, 32, 48, 60]")
    with pytest.raises(TrainingError, match=r"has no finder\.at7\.0\.0\.weight of the shape \(60, 48, 3, 3\)"):
        finder_from_package(other)


def test_a_package_of_another_network_is_not_read_back(plain: ModelPackage) -> None:
    other = with_recipe(plain, "[classifier]", '[classifier]\nname = "vgg16"')
    with pytest.raises(TrainingError, match="holds vgg16; only lingula's own network can be read back"):
        classifier_from_package(other)


def test_old_and_new_recipes_name_the_same_network(shipped: ModelPackage) -> None:
    recipe = shipped.manifest.provenance.recipe
    assert network_of(shipped).widths == NetworkRecipe().widths or "[classifier.network]" in recipe
    flat = with_recipe(shipped, recipe, "[classifier]\nside = 96\nwidths = [8, 8, 8, 8]\nepochs = 2\n")
    nested = with_recipe(shipped, recipe, "[classifier.network]\nside = 96\nwidths = [8, 8, 8, 8]\n")
    assert network_of(flat) == network_of(nested) == NetworkRecipe(side=96, widths=(8, 8, 8, 8))


def exported(package: ModelPackage, network: str) -> tuple[ModelPackage, Reader]:
    """Give a package of a small network whose batch norms have seen pictures, and what it was made from."""
    recipe = f"[finder]\nwidths = [8, 8, 8, 8]\n[classifier.network]\nside = 32\nwidths = [8, 8, 8, 8]\n{network}"
    other = with_recipe(package, package.manifest.provenance.recipe, recipe)
    torch.manual_seed(6)
    reader = Reader(LungFinder((8, 8, 8, 8)), LingulaClassifier(network_of(other)))
    for weights in reader.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    pictures = as_tensor(np.stack([drawn_chest(seed, has_opacity=seed % 2 == 1).pixels for seed in range(8)]))
    with torch.no_grad():
        reader.train()(pictures)
    return ModelPackage(**(vars(other) | {"graph": export_graph(reader)})), reader.eval()


@pytest.mark.parametrize("head", ["", "head = [8]\n"], ids=["without layers", "with a layer"])
def test_the_batch_norms_of_a_head_judge_by_the_statistics_they_were_shipped_with(
    head: str, plain: ModelPackage
) -> None:
    package, reader = exported(plain, f"{head}batch_norm = true\n")
    begun = classifier_from_package(package, network_of(package))
    pictures = torch.rand(4, 1, 32, 32)
    with torch.no_grad():
        wanted = reader.classifier(pictures)[0]
        torch.testing.assert_close(begun(pictures)[0], wanted, rtol=1e-4, atol=1e-4)
    (norm,) = (layer for layer in begun.head if isinstance(layer, nn.BatchNorm1d))
    assert norm.running_mean is not None
    assert norm.running_mean.abs().max() > 1e-3


def test_a_graph_without_the_statistics_of_a_heads_batch_norm_is_refused(plain: ModelPackage) -> None:
    package, _ = exported(plain, "head = [8]\nbatch_norm = true\n")
    renamed = package.graph.replace(b"classifier.head.1.running_mean", b"classifier.head.1.running_lost")
    assert renamed != package.graph
    with pytest.raises(TrainingError, match=r"has no classifier\.head\.1\.running_mean of the shape \(8,\)"):
        classifier_from_package(ModelPackage(**(vars(package) | {"graph": renamed})))


def test_refining_moves_what_may_learn_and_nothing_else(shipped: ModelPackage) -> None:
    chests = [drawn_chest(seed, has_opacity=seed % 2 == 1) for seed in range(8)]
    pictures = np.stack([chest.pixels for chest in chests])
    targets = np.array([chest.has_opacity for chest in chests], np.float32)
    examples = LabelledExamples(
        pictures=pictures,
        targets=targets,
        findings=targets.astype(np.int64),
        masks=find_lungs(finder_from_package(shipped), pictures)[0],
    )
    begun = classifier_from_package(shipped).state_dict()
    schedule = Schedule(epochs=2, batch=4, learning_rate=1e-3, weight_decay=0.1, average=0.5)
    for trainable, may_move in (("head", ("pneumonia.",)), ("all", ("pneumonia.", "stem.", "stages."))):
        network = NetworkRecipe(package="shipped", trainable=trainable)
        recipe = ClassifierRecipe(schedule=schedule, network=network)
        refined = train_classifier(examples, recipe, 1, progress=lambda _: None).state_dict()
        moved = {name for name, value in refined.items() if not torch.equal(value, begun[name])}
        moved = {name for name in moved if not name.startswith("finding.")}  # drawn anew: no graph has it
        assert moved
        assert all(name.startswith(may_move) for name in moved)
        assert not any("running" in name for name in moved)
