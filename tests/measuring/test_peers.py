"""Peers of `make bench`: the table, the ratio, and that a peer answers as it is asked."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from made.pictures import as_jpeg, made_pixels
from numpy.typing import NDArray
from redis import Redis

from benchmarks.load import Load
from benchmarks.peers.flask_service import create_app
from benchmarks.peers.measure import Row, count_at, package_path, verdict
from benchmarks.peers.services import PEERS, Peer, Stand, no_survivors
from benchmarks.peers.shipped import Shipped
from lingula.modelpackage.archive import read_package
from lingula.modelpackage.preprocessing import prepare
from lingula.radiology.reading import read_radiograph
from lingula.triage.infer import Model

JPEG = as_jpeg(made_pixels(900, 1100))


def load(per_second: float) -> Load:
    return Load(
        connections=32,
        seconds=100 / per_second,
        milliseconds=[10.0] * 99 + [50.0],
        failures=[],
        processor_seconds=1.0,
        generator_seconds=0.01,
    )


def test_a_line_says_everything_that_was_measured() -> None:
    row = Row(service="MLServer", load=load(50.0), memory_bytes=300 * 2**20, times=2.5)
    assert str(row).split() == ["MLServer", "32", "50.0", "10.0", "10.0", "50.0", "0", "10.0", "0.10", "300", "2.5"]


def test_the_ratio_is_told_beside_what_was_asked() -> None:
    said = verdict("MLServer", 2.0, load(150.0), load(50.0))
    assert said.strip() == "3.0 (1.0) times MLServer at 32 connections; asked: 2"


def test_one_connection_alone_gets_fewer_and_no_connection_stays_idle() -> None:
    assert [count_at(connections, 20) for connections in (1, 8, 32)] == [5, 20, 32]


def test_peers_get_the_probability_that_our_server_would_state() -> None:
    package = read_package(package_path())
    preprocessing = package.manifest.preprocessing
    prepared = prepare(read_radiograph(JPEG, at_least=preprocessing.decode_at_least), preprocessing)
    ours = Model(package).infer([prepared])[0].probability
    assert Shipped(package_path()).with_our_decoding(JPEG) == pytest.approx(ours, abs=1e-6)


def test_decoding_every_pixel_says_nearly_the_same() -> None:
    shipped = Shipped(package_path())
    assert shipped.with_pillow(JPEG) == pytest.approx(shipped.with_our_decoding(JPEG), abs=0.05)


def test_the_student_service_answers_and_keeps_its_answer(redis_url: str) -> None:
    seen: list[tuple[int, ...]] = []

    def predict(pixels: NDArray[np.float32]) -> float:
        seen.append(pixels.shape)
        return 0.25

    results = Redis.from_url(redis_url)
    client = create_app(predict, results).test_client()
    answer = client.post("/predict", data={"file": (io.BytesIO(JPEG), "chest.jpeg")}).get_json()
    assert answer["probability"] == 0.25
    assert seen == [(1, 224, 224, 3)]
    assert json.loads(results.get(f"result:{answer['id']}") or "null") == answer
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_listens_on_this_machine_only_and_where_it_is_told(peer: Peer, tmp_path: Path) -> None:
    stand = Stand(home=tmp_path, port=4321, python=tmp_path / "python", package=tmp_path / "it.lingula")
    launch = peer.launch(stand)
    said = " ".join([*launch.command, *(path.read_text() for path in tmp_path.glob("*.json"))])
    assert "4321" in said
    assert "127.0.0.1" in said


def test_workers_that_do_not_listen_are_ended_with_their_parent() -> None:
    worker = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {worker!r}]); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    (child,) = psutil.Process(process.pid).children()
    with process, no_survivors(psutil.Process(process.pid), end_seconds=0.2):
        pass
    # Its new parent may be slow to collect it, and then it is there as a zombie.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
