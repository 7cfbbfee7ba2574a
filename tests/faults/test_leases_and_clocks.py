"""Two workers hold one note, because the first one's lease ended while it worked; a machine's clock jumps."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from made.triage import MadeTriage, made_jpeg, made_model, made_triage

from lingula.radiology.study import Status
from lingula.triage.events import AssessmentFailed, InstanceAssessed
from lingula.triage.worker import Worker
from lingula.triage.worklist import WorklistFilter

LEASE_SECONDS = 60.0


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("package")


@pytest.fixture
def triage(package: Path) -> MadeTriage:
    return made_triage(made_model(package))


def of_another_process(triage: MadeTriage) -> Worker:
    """Give a worker that shares the places only."""
    return replace(triage.worker, assessor=replace(triage.assessor))


def test_two_workers_with_one_lease_ended_give_exactly_one_result(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    is_slow, may_go_on = threading.Event(), threading.Event()

    def stand_still(_key: str) -> None:
        if not is_slow.is_set():
            is_slow.set()
            assert may_go_on.wait(30)

    triage.store.on_get = stand_still
    first = threading.Thread(target=triage.worker.work_once)
    first.start()
    assert is_slow.wait(30)
    triage.clock.move(seconds=LEASE_SECONDS + 1)

    assert of_another_process(triage).work_once() == 1
    may_go_on.set()
    first.join(30)

    assert triage.of(instance).status is Status.ASSESSED
    assert sum(isinstance(event, InstanceAssessed) for event in triage.events) == 1
    assert triage.queue.depth() == 0
    triage.clock.move(seconds=LEASE_SECONDS + 1)
    assert triage.queue.take(1, 0) == []


def test_a_worker_that_died_loses_its_lease_and_another_one_assesses(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    (note,) = triage.queue.take(1, 0)
    triage.records.begin_attempts([note.instance])  # and then it was killed

    assert of_another_process(triage).work_once() == 0
    triage.clock.move(seconds=LEASE_SECONDS + 1)
    assert of_another_process(triage).work_once() == 1

    assert (triage.of(instance).status, triage.of(instance).attempts) == (Status.ASSESSED, 2)


@pytest.mark.parametrize("hours", [-26, -1, 1, 26])
def test_a_clock_that_jumps_loses_nothing_doubles_nothing_and_keeps_a_total_order(
    triage: MadeTriage, hours: int
) -> None:
    upkeep = replace(triage.upkeep, timer=iter(range(0, 10_000, 40)).__next__)  # it never jumps
    sent = [triage.send(made_jpeg(seed=1)), triage.send(made_jpeg(seed=2))]
    for note in triage.queue.take(1, 0):
        triage.queue.done(note)  # lost
    triage.clock.move(hours=hours)
    sent.append(triage.send(made_jpeg(seed=3)))

    for _ in range(3):
        upkeep.run_once()
        triage.clock.move(seconds=LEASE_SECONDS + 1)
        while triage.worker.work_once():
            pass

    assert {triage.of(instance).status for instance in sent} == {Status.ASSESSED}
    told = [event.instance for event in triage.events if isinstance(event, InstanceAssessed)]
    assert sorted(told) == sorted(sent)
    assert not any(isinstance(event, AssessmentFailed) for event in triage.events)
    rows = triage.worklist.page(WorklistFilter()).rows
    assert len(rows) == len(sent)
    assert [row.study for row in triage.worklist.page(WorklistFilter()).rows] == [row.study for row in rows]
    assert all(event.waited_seconds >= 0 for event in triage.events if isinstance(event, InstanceAssessed))
