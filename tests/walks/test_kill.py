"""Kill -9 at any point and start again: nothing a sender was told is lost, nothing is doubled.

A hospital sends 200 real radiographs while the program is killed twenty times, in its start, while it receives and
while it assesses. A sender that got no answer sends again, as hospitals do.
"""

import hashlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from made.packages import made_package
from made.servers import settings_for

from lingula.doors.credentials import digest, new_secret
from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.radiology.study import Status
from lingula.records.accounts import Site
from lingula.records.records import open_records
from lingula.stores.store import open_store

KILLS = 20
RADIOGRAPHS = 200
PER_LIFE = RADIOGRAPHS // (KILLS + 1)
PATIENCE_SECONDS = 120.0
SENDERS = 4


class Hospital:
    """Sends radiographs from a few connections, each until it is told that it is safe."""

    def __init__(self, address: str, key: str, paths: list[Path]) -> None:
        self.acknowledged: dict[Path, InstanceId] = {}
        self._address, self._key = address, key
        self._waiting = deque(paths)
        self._allowed = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def allow(self, count: int) -> None:
        """Let so many more radiographs go out."""
        self._allowed.release(count)

    def wait_for(self, count: int) -> None:
        """Wait until so many are acknowledged."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {count} acknowledged"
            time.sleep(0.005)

    def _send_all(self) -> None:
        while self._waiting:
            self._allowed.acquire()
            try:
                path = self._waiting.popleft()
            except IndexError:
                return
            self._send(path)

    def _send(self, path: Path) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "image/jpeg"}
        while path not in self.acknowledged:
            try:
                answer = httpx.post(
                    f"{self._address}/api/v1/instances", content=path.read_bytes(), headers=headers, timeout=30
                )
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code in (200, 201):
                self.acknowledged[path] = InstanceId(answer.json()["instance"])
            else:
                assert answer.status_code == 503, answer.text


@pytest.fixture
def real_files(real_data: Path) -> list[Path]:
    """200 radiographs, no two alike: all there are at original size, and copies at 224 x 224 of others."""
    folder = real_data / "chest_xray"
    candidates = [*sorted((folder / "fullres").glob("*/*")), *sorted((folder / "train" / "NORMAL").glob("*"))]
    distinct = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in candidates[: RADIOGRAPHS + 50]}
    return list(distinct.values())[:RADIOGRAPHS]


def add_site(home: Path) -> str:
    secret = new_secret()
    place = open_records(f"sqlite://{home}/records.sqlite")
    place.accounts.add_site(Site(name=SiteName("north"), ae_title="NORTH", api_key_sha256=digest(secret)))
    place.records.close()
    return secret


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def living(settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the program; it is killed in the end if it still runs."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("LINGULA_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "lingula", "serve"], env={**outside, "LINGULA_DICOM_PORT": "0", **settings}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def wait_until_all_are_assessed(address: str, key: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        summary = httpx.get(f"{address}/api/v1/summary", headers={"Authorization": f"Bearer {key}"}, timeout=30).json()
        if summary["by_status"].get("received", 0) == 0:
            return
        assert time.monotonic() < deadline, summary
        time.sleep(0.05)


def test_killed_twenty_times_nothing_is_lost_and_nothing_doubled(tmp_path: Path, real_files: list[Path]) -> None:
    assert len(real_files) == RADIOGRAPHS
    dice = random.Random(os.environ.get("PYTEST_RANDOMLY_SEED", "20"))
    home, port = tmp_path / "home", free_port()
    home.mkdir()
    key, address = add_site(home), f"http://127.0.0.1:{port}"
    settings = settings_for(home, made_package(tmp_path / "package"))
    settings["LINGULA_HTTP_PORT"] = str(port)
    hospital = Hospital(address, key, real_files)

    for life in range(KILLS):
        with living(settings) as process:
            hospital.allow(PER_LIFE)
            if life % 4 == 0:
                time.sleep(dice.uniform(0.0, 1.0))  # in its start
            else:
                hospital.wait_for(len(hospital.acknowledged) + 1)
                time.sleep(dice.uniform(0.0, 0.15))  # while it receives and assesses
            process.send_signal(signal.SIGKILL)
            process.wait(30)

    with living(settings) as process:
        hospital.allow(RADIOGRAPHS)
        hospital.wait_for(RADIOGRAPHS)
        wait_until_all_are_assessed(address, key)
        process.terminate()
        assert process.wait(60) == 0

    check_nothing_is_lost_and_nothing_doubled(home, hospital.acknowledged)


def check_nothing_is_lost_and_nothing_doubled(home: Path, acknowledged: dict[Path, InstanceId]) -> None:
    place, store = open_records(f"sqlite://{home}/records.sqlite"), open_store(f"file://{home}/store")
    assert len(set(acknowledged.values())) == RADIOGRAPHS
    for path, instance in acknowledged.items():
        stored = place.records.instance(instance)
        assert stored.status in {Status.ASSESSED, Status.NOT_ELIGIBLE}
        assert store.get(stored.new.store_key) == path.read_bytes()
    assert place.records.summary(None).unreviewed == RADIOGRAPHS
    place.records.close()
    with sqlite3.connect(home / "records.sqlite") as database:
        counts = database.execute("select count(*), count(distinct instance_id) from statements").fetchone()
        instances = database.execute("select count(*) from instances").fetchone()
    database.close()
    assert counts == (RADIOGRAPHS, RADIOGRAPHS)
    assert instances == (RADIOGRAPHS,)
