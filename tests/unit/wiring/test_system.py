"""A system put together from settings takes a radiograph in, assesses it, tells of it, and stops cleanly."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from made.packages import made_package
from made.triage import MovableClock, made_jpeg

from lingula.errors import BackendUnavailable, NotFound, SettingsError
from lingula.radiology.identifiers import SiteName
from lingula.radiology.study import Band, Priority, Status
from lingula.settings import FlagValue, load_settings
from lingula.wiring import System, build_system
from lingula.wiring.assessing import looking_after
from lingula.wiring.crew import Crew, Round

NORTH = SiteName("north")


@pytest.fixture
def flags(tmp_path: Path) -> dict[str, FlagValue]:
    return {
        "home": tmp_path / "home",
        "store_url": "memory://",
        "records_url": "memory://",
        "package": str(made_package(tmp_path / "made")),
        "workers": 1,
    }


@pytest.fixture
def system(flags: dict[str, FlagValue]) -> Iterator[System]:
    made = build_system(load_settings(flags))
    yield made
    made.stop()


def test_a_radiograph_walks_through_a_running_system(system: System) -> None:
    system.start()
    received = system.receiver.receive(made_jpeg(), site=NORTH, door="test")
    assert asyncio.run(system.hub.wait_for(received.instance, 30.0))
    stored = system.records.instance(received.instance)
    assert stored.status is Status.ASSESSED
    assert stored.assessment is not None
    assert stored.assessment.band is Band.LIKELY
    system.hub.flush()
    study = system.records.study(received.study)
    assert sorted(entry.action for entry in study.timeline) == ["instance_assessed", "instance_received"]
    assert 'lingula_received_total{door="test",site="north"} 1.0' in system.metrics.render().decode()


def test_a_running_system_is_ready_and_a_stopped_crew_is_not(system: System) -> None:
    system.start()
    report = system.health.report()
    assert report.is_ready, report
    assert {part.name for part in report.parts} == {"store", "queue", "records", "model", "threads"}
    system.crew.stop()
    with pytest.raises(BackendUnavailable, match="lingula-worker-0 has ended"):
        system.crew.check()


def test_what_was_recorded_before_the_start_is_assessed_after_it(system: System) -> None:
    received = system.receiver.receive(made_jpeg(), site=NORTH, door="test")
    for note in system.queue.take(10, 0.0):
        system.queue.done(note)  # the note is lost, as with a queue in memory when the program ends
    system.start()
    assert asyncio.run(system.hub.wait_for(received.instance, 30.0))


def test_settings_reach_the_parts_they_are_for(flags: dict[str, FlagValue]) -> None:
    clock = MovableClock()
    chosen: dict[str, FlagValue] = {"cap_urgent_minutes": 7.0, "claim_minutes": 3.0, "upload_limit_bytes": 2048}
    system = build_system(load_settings({**flags, **chosen}), clock)
    assert system.worklist.caps[Priority.URGENT].total_seconds() == 7 * 60
    assert system.reviews.claim_minutes == 3.0
    assert system.receiver.limit_bytes == 2048
    assert system.clock() == clock.now
    system.stop()


def test_what_waits_is_shown_to_operators(system: System) -> None:
    system.receiver.receive(made_jpeg(), site=NORTH, door="test")
    shown = system.metrics.render().decode()
    assert "lingula_queue_depth 1.0" in shown
    assert 'lingula_unreviewed_studies{priority="urgent"} 1.0' in shown


def test_a_system_that_never_started_stops_without_harm(flags: dict[str, FlagValue]) -> None:
    before = threading.active_count()
    system = build_system(load_settings(flags))
    system.stop()
    system.stop()
    assert threading.active_count() <= before + 1


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"store_url": "ftp://somewhere"}, SettingsError),
        ({"queue_url": "carrier-pigeon://"}, SettingsError),
        ({"records_url": "csv:///file"}, SettingsError),
        ({"package": "nothing-1.0.0"}, NotFound),
    ],
)
def test_a_place_or_package_that_cannot_be_opened_is_named(
    flags: dict[str, FlagValue], wrong: dict[str, FlagValue], error: type[Exception]
) -> None:
    with pytest.raises(error):
        build_system(load_settings({**flags, **wrong}))


def test_an_outage_only_delays_upkeep() -> None:
    looked = threading.Semaphore(0)

    class Flickering:
        """Upkeep whose records do not answer the first time."""

        times = 0

        def rebuild_queue(self) -> int:
            self.times += 1
            if self.times == 1:
                raise BackendUnavailable("the records do not answer")
            return 0

        def run_once(self) -> None:
            looked.release()

    look = looking_after(Flickering(), is_forgetful=True)  # type: ignore[arg-type]  # the two methods it calls
    crew = Crew([], [Round(name="upkeep", work=look, every_seconds=0.01)])
    crew.start()
    assert looked.acquire(timeout=30)
    crew.stop()
