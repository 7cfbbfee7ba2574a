"""A hospital goes on sending while people promote, roll back and break packages: nothing is lost, nothing mixed.

The real program in a process of its own, with its records on disk; decisions come from other processes, as from
somebody at a terminal.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from made.packages import made_graph, made_manifest, made_package
from made.servers import Served, serving
from made.triage import LIKELY, made_jpeg

from lingula.doors.credentials import digest, new_secret
from lingula.modelpackage.archive import write_package
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Site
from lingula.records.records import open_records
from lingula.registry import Registry

PATIENCE_SECONDS = 90.0
PAUSE_SECONDS = 0.05  # between two radiographs: a busy hospital, and quiet moments in which a shadow may work
THRESHOLDS = {"1.0.0": (0.3, 0.7), "2.0.0": (0.97, 0.99)}  # the second calls the same radiographs unlikely
BANDS = {"made-1.0.0": "likely", "made-2.0.0": "unlikely"}

# What arrived and was assessed, and has neither a statement of the candidate nor an attempt that a kill cut off.
OPEN_SHADOWS = """
select id from instances where not exists (select 1 from shadow_statements where instance_id = id)
"""
PROMOTER = """
import sys
from pathlib import Path
from lingula.registry import Registry
Registry(Path(sys.argv[1])).promote(sys.argv[2], because="may be killed", who="test")
"""


@dataclass
class House:
    """A home with a shelf of two packages, and the key of a site."""

    home: Path
    key: str
    registry: Registry

    @property
    def settings(self) -> dict[str, str]:
        return {"LINGULA_HOME": str(self.home), "LINGULA_LOG_LEVEL": "error", "LINGULA_WORKERS": "1"}

    def decide(self, *words: str) -> None:
        """Type one command at another terminal."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("LINGULA_")}
        command = [sys.executable, "-m", "lingula", "models", *words]
        subprocess.run(command, env={**outside, **self.settings}, check=True, capture_output=True)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the records as they lie on the disk."""
        with sqlite3.connect(self.home / "records.sqlite") as database:
            found = database.execute(query).fetchall()
        database.close()
        return found


@dataclass
class Sender:
    """A hospital that sends one radiograph after the other and waits for each assessment."""

    address: str
    key: str
    answers: list[dict[str, object]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    is_to_stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "image/jpeg"}
        with httpx.Client(base_url=self.address, headers=headers, timeout=60) as client:
            for number in range(100_000):
                if self.is_to_stop.wait(PAUSE_SECONDS):
                    return
                answer = client.post("/api/v1/instances", params={"wait": 60}, content=made_jpeg(LIKELY, seed=number))
                if answer.status_code == 200:
                    self.answers.append(answer.json()["assessment"])
                else:
                    self.failed.append(answer.text)

    def wait_for(self, package: str, more: int = 3) -> None:
        """Wait until so many more answers came, the newest from this package."""
        enough, deadline = len(self.answers) + more, time.monotonic() + PATIENCE_SECONDS
        while len(self.answers) < enough or self.answers[-1]["package"] != package:
            assert time.monotonic() < deadline, f"no answer by {package}: {self.answers[-1:]}, {self.failed[-1:]}"
            time.sleep(0.02)


@contextmanager
def sending(served: Served, house: House) -> Iterator[Sender]:
    sender = Sender(served.address, house.key)
    thread = threading.Thread(target=sender.run)
    thread.start()
    try:
        yield sender
    finally:
        sender.is_to_stop.set()
        thread.join()


@pytest.fixture
def house(tmp_path: Path) -> House:
    home = tmp_path / "home"
    home.mkdir()
    registry = Registry(home / "packages")
    for version, thresholds in THRESHOLDS.items():
        registry.register(made_package(tmp_path / "made", version=version, thresholds=thresholds))
    registry.promote("made-1.0.0", because="the first", who="test")
    key = new_secret()
    place = open_records(f"sqlite://{home}/records.sqlite")
    place.accounts.add_site(Site(name=SiteName("north"), ae_title="NORTH", api_key_sha256=digest(key)))
    place.records.close()
    return House(home, key, registry)


def check_nothing_is_lost_or_mixed(house: House, sender: Sender) -> None:
    """Each answer and each record names its own package and is banded by that package's own thresholds."""
    assert sender.failed == []
    assert {BANDS[str(answer["package"])] == answer["band"] for answer in sender.answers} == {True}
    stated = house.rows(
        "select package_name || '-' || package_version, band, rule_out_threshold, rule_in_threshold from statements"
    )
    allowed = {(f"made-{version}", BANDS[f"made-{version}"], *limits) for version, limits in THRESHOLDS.items()}
    assert set(stated) <= allowed
    assert house.rows("select count(*) from instances where status != 'assessed'") == [(0,)]
    assert len(stated) == len(sender.answers)


def metrics(served: Served) -> str:
    return httpx.get(f"{served.address}/metrics", timeout=30).text


def test_promoted_broken_and_rolled_back_while_radiographs_arrive(house: House) -> None:
    with serving(settings=house.settings) as served, sending(served, house) as sender:
        sender.wait_for("made-1.0.0")
        house.decide("promote", "made-2.0.0", "--because", "better")
        sender.wait_for("made-2.0.0")
        assert httpx.get(f"{served.address}/health/ready", timeout=30).json()["package"] == "made-2.0.0"
        house.decide("rollback", "--because", "too few alarms")
        sender.wait_for("made-1.0.0")

        house.registry.register(made_misfit(house.home))
        house.decide("promote", "misfit", "--because", "nobody ran it")
        wait_until(lambda: 'lingula_package_is_behind{stage="serving"} 1.0' in metrics(served))
        sender.wait_for("made-1.0.0")
        assert httpx.get(f"{served.address}/health/ready", timeout=30).status_code == 200
        house.decide("rollback", "--because", "it does not load")
        wait_until(lambda: 'lingula_package_is_behind{stage="serving"} 0.0' in metrics(served))
    check_nothing_is_lost_or_mixed(house, sender)


def test_a_promotion_killed_in_the_middle_leaves_the_old_or_the_new(house: House) -> None:
    dice = random.Random(3)
    with serving(settings=house.settings) as served, sending(served, house) as sender:
        sender.wait_for("made-1.0.0")
        for _ in range(3):
            other = next(label for label in BANDS if label != house.registry.serving().label)
            promoting = subprocess.Popen([sys.executable, "-c", PROMOTER, str(house.home / "packages"), other])
            time.sleep(dice.uniform(0.3, 1.5))
            promoting.send_signal(signal.SIGKILL)
            promoting.wait(30)
            sender.wait_for(house.registry.serving().label)
    check_nothing_is_lost_or_mixed(house, sender)


def test_a_shadow_is_invisible_and_goes_on_after_a_kill(house: House) -> None:
    house.registry.start_shadow("made-2.0.0", because="beside", who="test")
    with serving(settings=house.settings) as served, sending(served, house) as sender:
        sender.wait_for("made-1.0.0")
        sender.is_to_stop.set()
        wait_until(lambda: house.rows("select count(*) from shadow_statements where status is not null") != [(0,)])
        served.process.kill()
    with serving(settings=house.settings) as served, sending(served, house) as again:
        again.wait_for("made-1.0.0")
        again.is_to_stop.set()
        wait_until(lambda: not house.rows(OPEN_SHADOWS))
        seen = what_people_see(served, house)
    assert "made-1.0.0" in seen
    assert "made-2.0.0" not in seen
    assert {row[0] for row in house.rows("select distinct package_version from statements")} == {"1.0.0"}
    bands = house.rows("select distinct band, package_version from shadow_statements where status is not null")
    assert bands == [("unlikely", "2.0.0")]


def made_misfit(folder: Path) -> Path:
    """Write a package whose graph loads but gives other shapes than its manifest says."""
    made = made_manifest(name="misfit")
    outputs = tuple(
        spec.model_copy(update={"shape": (0, 1, 9, 9)}) if spec.name == "activation_map" else spec
        for spec in made.outputs
    )
    return write_package(folder, made.model_copy(update={"outputs": outputs}), made_graph(), "# Misfit\n")


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def what_people_see(served: Served, house: House) -> str:
    """Give everything that the API tells a hospital, its timeline included."""
    headers = {"Authorization": f"Bearer {house.key}"}
    with httpx.Client(base_url=served.address, headers=headers, timeout=30) as client:
        studies = client.get("/api/v1/studies").json()["studies"]
        found = [client.get(f"/api/v1/studies/{study['study']}").text for study in studies]
        found += [client.get("/api/v1/summary").text, client.get("/predictions").text, str(studies)]
    return "".join([*found, str(house.rows("select action, detail from timeline"))])
