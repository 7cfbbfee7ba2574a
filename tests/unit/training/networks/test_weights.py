"""Weights from outside are compared before they are taken, and what is missing is named."""

import hashlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lingula.errors import TrainingError
from lingula.training.networks import build_classifier
from lingula.training.networks.imagenet import BASES
from lingula.training.networks.weights import fetch_weights, read_weights, take_weights
from lingula.training.recipe import NetworkRecipe


@pytest.fixture(autouse=True)
def _own_hub(tmp_path: Path) -> Iterator[None]:
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "hub")
    yield
    torch.hub.set_dir(before)


def published(name: str) -> dict[str, Tensor]:
    """Give weights like a published file's, with the classification layer that it has and we do not."""
    torch.manual_seed(7)
    return BASES[name].make().state_dict() | {"fc.weight": torch.zeros(1000, 4), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "resnet50v2"])
def test_a_local_file_of_the_right_shape_is_taken(name: str, tmp_path: Path) -> None:
    weights = published(name)
    torch.save(weights, tmp_path / "weights.pth")
    recipe = NetworkRecipe(name=name, side=64, pretrained=True, weights="weights.pth", trainable="head")
    taken = build_classifier(recipe, data=tmp_path).state_dict()
    for tensor, value in weights.items():
        if not tensor.startswith("fc."):
            assert torch.equal(taken[f"base.{tensor}"], value), tensor


def test_weights_of_another_network_are_refused_by_their_first_tensor(tmp_path: Path) -> None:
    torch.save(published("small-cnn"), tmp_path / "weights.pth")
    with pytest.raises(TrainingError, match=r"weights\.pth has no tensor features\.0\.weight"):
        build_classifier(NetworkRecipe(name="vgg16", pretrained=True, weights="weights.pth"), data=tmp_path)


def test_weights_of_another_shape_are_refused_and_nothing_is_loaded() -> None:
    base = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    before = {name: value.clone() for name, value in base.state_dict().items()}
    wrong = {name: torch.ones_like(value) for name, value in before.items()} | {"1.weight": torch.ones(3, 2)}
    with pytest.raises(TrainingError, match=r"tensor 1\.weight has the shape \(3, 2\), this network's has \(2, 2\)"):
        take_weights(base, wrong, "other.pth")
    assert all(torch.equal(value, before[name]) for name, value in base.state_dict().items())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "holds no plain weights"),
        (b"junk", "holds no plain weights"),
        (b"no weights", "holds no plain weights"),
        (b"<!doctype html><title>Not found</title>", "holds no plain weights"),
        (b"PK\x03\x04" + bytes(60), "holds no plain weights"),
        (b"\x80\x02K\x01h\x07.", "holds no plain weights"),
    ],
)
def test_an_unreadable_file_is_named(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match=f"weights.pth cannot be read: .*{reason}"):
        read_weights(path)


def test_a_pickled_object_is_never_run(tmp_path: Path) -> None:
    torch.save({"layer": nn.Linear(2, 2)}, tmp_path / "weights.pth")  # a whole module: code, not weights
    with pytest.raises(TrainingError, match="holds no plain weights"):
        read_weights(tmp_path / "weights.pth")


@pytest.mark.parametrize("name", ["lingula", "small-cnn"])
def test_networks_that_nobody_published_cannot_be_pretrained(name: str) -> None:
    with pytest.raises(TrainingError, match=f"nobody publishes ImageNet weights of {name}"):
        build_classifier(NetworkRecipe(name=name, pretrained=True))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_published_weights_are_fetched_once_and_their_digest_compared(served: tuple[str, Path]) -> None:
    url, folder = served
    weights = nn.Linear(3, 2).state_dict()
    torch.save(weights, folder / "tiny.pth")
    digest = hashlib.sha256((folder / "tiny.pth").read_bytes()).hexdigest()[:8]
    shutil.copy(folder / "tiny.pth", folder / f"tiny-{digest}.pth")
    shutil.copy(folder / "tiny.pth", folder / "tiny-00000000.pth")
    fetched = fetch_weights("tiny", f"{url}/tiny-{digest}.pth")
    assert all(torch.equal(fetched[name], value) for name, value in weights.items())
    (folder / f"tiny-{digest}.pth").unlink()
    assert fetch_weights("tiny", f"{url}/tiny-{digest}.pth").keys() == weights.keys()  # from the cache
    with pytest.raises(TrainingError, match=r"cannot be fetched .*invalid hash"):
        fetch_weights("tiny", f"{url}/tiny-00000000.pth")


def test_offline_the_file_to_download_is_named() -> None:
    url = "http://127.0.0.1:9/resnet50-0676ba61.pth"  # nobody listens there
    with pytest.raises(TrainingError, match=f"download {url} where there is a network, and name the file as `weights`"):
        fetch_weights("resnet50", url)
