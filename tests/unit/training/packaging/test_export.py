"""The exported graph says what the network says, on real radiographs too."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lingula.modelpackage.archive import read_package, shipped_package_path
from lingula.modelpackage.preprocessing import prepare
from lingula.modelpackage.session import open_session
from lingula.radiology.reading import read_radiograph
from lingula.training.networks import LungFinder, Reader, bare_classifier
from lingula.training.packaging.export import export_graph, measure_parity
from lingula.training.recipe import NetworkRecipe

RADIOGRAPHS = 200


@pytest.fixture(scope="module")
def reader() -> Reader:
    torch.manual_seed(3)
    torch.set_num_threads(1)
    made = Reader(LungFinder(), bare_classifier(NetworkRecipe()))
    made.train()
    for _ in range(3):  # batch statistics that are not the initial ones
        made(torch.rand(4, 1, 224, 224))
    return made.eval()


@pytest.fixture(scope="module")
def graph(reader: Reader) -> bytes:
    return export_graph(reader)


def real_pictures(real_data: Path, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    paths = sorted((real_data / "chest_xray" / "train").rglob("*.jpeg"))
    chosen = paths[:: len(paths) // count][:count]
    return np.stack([read_radiograph(path.read_bytes()).pixels for path in chosen])


def test_graph_and_network_agree_on_200_real_radiographs(reader: Reader, graph: bytes, real_data: Path) -> None:
    pictures = real_pictures(real_data, RADIOGRAPHS)
    assert pictures.shape == (RADIOGRAPHS, 224, 224)
    assert measure_parity(reader, graph, pictures) <= 1e-4


def test_all_outputs_agree_at_every_batch_size(reader: Reader, graph: bytes) -> None:
    session = open_session(graph, threads=1)
    pixels = torch.rand(5, 1, 224, 224)
    names = ("probability", "activation_map", "lung_mask", "embedding", "novelty")
    with torch.no_grad():
        ours = dict(zip(names, reader(pixels), strict=True))
    for count in (1, 2, 5):
        theirs = session.run(pixels[:count].numpy())
        for name in names:
            np.testing.assert_allclose(theirs[name], ours[name][:count].numpy(), atol=1e-4, err_msg=name)


def test_the_shipped_package_was_proven_equal_to_its_network() -> None:
    assert read_package(shipped_package_path()).manifest.evidence.parity <= 1e-4


def test_a_full_size_radiograph_and_its_small_copy_are_assessed_alike(real_data: Path) -> None:
    package = read_package(shipped_package_path())
    session = open_session(package.graph, threads=1)
    folder = real_data / "chest_xray"

    def probability(path: Path) -> float:
        radiograph = read_radiograph(path.read_bytes(), at_least=package.manifest.preprocessing.decode_at_least)
        prepared = prepare(radiograph, package.manifest.preprocessing)
        return float(session.run(prepared, ("probability",))["probability"][0, 0])

    differences = [
        abs(probability(path) - probability(folder / "train" / path.parent.name / path.name))
        for path in sorted((folder / "fullres").rglob("*.jpeg"))
    ]
    assert len(differences) == 120
    assert np.median(differences) <= 0.03
