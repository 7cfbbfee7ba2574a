"""A store that stands still beyond the lease at every attempt: the failure that was parked gives way to the result.

Both statements stay recorded. What a doctor, an engineer and a program see is the result, and how it came about.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from made.hospital import Hospital
from made.triage import NORTH, FaultyStore, Outage, made_jpeg

from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Band, Status
from lingula.triage.assess import Assessor
from lingula.triage.worker import Worker

ATTEMPTS = 3
SECONDS = 30.0


@dataclass
class Stalled:
    """Workers that hold one radiograph each whose bytes do not come, until they are let go on."""

    hospital: Hospital
    instance: InstanceId
    may_go_on: threading.Event = field(default_factory=threading.Event)
    stand_still: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    threads: list[threading.Thread] = field(default_factory=list)

    def worker(self) -> Worker:
        """Give a worker of a process of its own, before the store that stands still."""
        system = self.hospital.system
        assessor = Assessor(
            store=FaultyStore(system.store, Outage(), self._wait),
            records=system.records,
            queue=system.queue,
            serving=system.serving,
            notify=system.hub.notify,
            clock=self.hospital.clock,
            most_attempts=ATTEMPTS,
            suspect_delay_seconds=0.0,
        )
        return Worker(queue=system.queue, assessor=assessor)

    def begin(self) -> None:
        """Let a worker take the note and stand still; the lease of the one before has ended."""
        worker = self.worker()
        self.hospital.system.queue.put(self.instance)
        thread = threading.Thread(target=self._work, args=(worker,))
        thread.start()
        self.threads.append(thread)
        assert self.stand_still.acquire(timeout=SECONDS)

    def end(self) -> None:
        """Let the store answer and all workers record what they have."""
        self.may_go_on.set()
        for thread in self.threads:
            thread.join(SECONDS)
        self.hospital.system.hub.flush()

    def _work(self, worker: Worker) -> None:
        while not self.may_go_on.is_set() and self.hospital.of(self.instance).status is Status.RECEIVED:
            worker.work_once(0.0)

    def _wait(self, _key: str) -> None:
        self.stand_still.release()
        assert self.may_go_on.wait(SECONDS)


@contextmanager
def all_attempts_stand_still(hospital: Hospital) -> Iterator[Stalled]:
    stalled = Stalled(hospital, hospital.send(made_jpeg()).new.id)
    try:
        for _ in range(ATTEMPTS):
            stalled.begin()
        yield stalled
    finally:
        stalled.end()


def park(stalled: Stalled) -> None:
    """Let one more process find that all attempts are used up."""
    stalled.hospital.system.queue.put(stalled.instance)
    worker = stalled.worker()
    for _ in range(2):  # it waits once before it tries what two have not come back from
        worker.work_once(0.0)
    stalled.hospital.system.hub.flush()


@pytest.fixture
def late(hospital: Hospital) -> InstanceId:
    """Give a radiograph that was parked, and assessed after all."""
    with all_attempts_stand_still(hospital) as stalled:
        park(stalled)
        assert hospital.of(stalled.instance).status is Status.FAILED
        told = hospital.person("ada").get("/api/v1/failures").json()
        assert [one["instance"] for one in told["failures"]] == [stalled.instance]
    return stalled.instance


def test_the_result_stands_once_and_the_failure_stays_recorded(hospital: Hospital, late: InstanceId) -> None:
    stored = hospital.of(late)
    assert stored.status is Status.ASSESSED
    assert stored.assessment is not None
    assert (stored.assessment.reason, stored.assessment.band) == (None, Band.LIKELY)
    entries = hospital.system.records.study(stored.new.study).timeline
    assert [one.action for one in entries if one.action.endswith(("failed", "assessed"))] == [
        "assessment_failed",
        "instance_assessed",
    ], "three workers came late, and one of them told of a result"


def test_no_list_calls_it_failed_any_more(hospital: Hospital, late: InstanceId) -> None:
    ada, machine = hospital.person("ada"), hospital.machine(NORTH)
    assert ada.get("/api/v1/failures").json()["total"] == 0
    summary = machine.get("/api/v1/summary").json()
    assert (summary["parked"], summary["by_status"].get("failed", 0), summary["by_status"]["assessed"]) == (0, 0, 1)
    assert ada.post(f"/api/v1/instances/{late}/replay").status_code == 409, "there is nothing to try again"


def test_api_worklist_and_page_show_the_result_and_how_it_came_about(hospital: Hospital, late: InstanceId) -> None:
    mara = hospital.person("mara")
    told = mara.get(f"/api/v1/instances/{late}").json()
    assert (told["status"], told["assessment"]["band"], told["assessment"]["reason"]) == ("assessed", "likely", None)
    (row,) = mara.get("/api/v1/studies").json()["studies"]
    assert (row["status"], row["band"], row["priority"]) == ("assessed", "likely", "asap")
    assert "could not be assessed" not in mara.get("/", headers={"accept": "text/html"}).text
    page = mara.get(f"/studies/{row['study']}", headers={"accept": "text/html"}).text
    assert "Assessment failed: attempt 4: 3 attempts ended without a result" in page
    assert "Radiograph assessed: pneumonia likely" in page
    assert mara.get(f"/api/v1/instances/{late}/heatmap.png").status_code == 200
