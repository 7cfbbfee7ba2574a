"""Environments for peers: made once, used again, and a clear sentence where something cannot be installed."""

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks.environments import Environment, as_here
from benchmarks.ground import LeftOut
from benchmarks.peers.services import PEERS, Peer


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_what_a_peer_needs_is_pinned(peer: Peer) -> None:
    assert [one for one in peer.environment.requirements if not re.fullmatch(r"[\w-]+(==|<)[\d.]+", one)] == []


def test_every_peer_has_an_environment_of_its_own() -> None:
    assert len({peer.environment.name for peer in PEERS}) == len(PEERS)


def test_the_graph_runs_in_the_version_that_serving_has() -> None:
    assert as_here("onnxruntime") == (f"onnxruntime=={version('onnxruntime')}",)


def test_an_environment_is_made_once_and_found_again(tmp_path: Path) -> None:
    environment = Environment(name="empty", requirements=("pip",))
    python = environment.python(tmp_path)
    made = python.stat().st_ctime_ns
    assert subprocess.run([str(python), "-c", "import pip"], check=False).returncode == 0
    assert environment.python(tmp_path) == python
    assert python.stat().st_ctime_ns == made


def test_what_cannot_be_installed_is_said_and_not_taken_for_ready(tmp_path: Path) -> None:
    environment = Environment(name="missing", requirements=(f"lingula @ {(tmp_path / 'nowhere').as_uri()}",))
    with pytest.raises(LeftOut, match=r"cannot be installed.*nowhere"):
        environment.python(tmp_path)
    assert not (tmp_path / "missing" / "ready").exists()
