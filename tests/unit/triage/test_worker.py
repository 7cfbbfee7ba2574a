"""Workers: several share the work, an outage slows them down, and nothing they meet ends them."""

from dataclasses import replace
from threading import Event, Thread

import pytest
from made.triage import MadeTriage, made_jpeg, made_triage

from lingula.errors import BackendUnavailable
from lingula.radiology.study import Status
from lingula.triage.events import InstanceAssessed
from lingula.triage.infer import Model
from lingula.triage.worker import repeat


@pytest.fixture
def triage(model: Model) -> MadeTriage:
    return made_triage(model, is_live=True)


def run_until(triage: MadeTriage, is_done: Event, threads: int = 1) -> None:
    stop = Event()
    running = [Thread(target=triage.worker.run, args=(stop,)) for _ in range(threads)]
    for thread in running:
        thread.start()
    assert is_done.wait(20)
    stop.set()
    for thread in running:
        thread.join(20)
        assert not thread.is_alive()


def told(triage: MadeTriage, count: int) -> Event:
    """Give a flag that rises when so many instances are assessed."""
    done = Event()

    def notify(event: object) -> None:
        triage.events.append(event)  # type: ignore[arg-type]  # events only
        if sum(isinstance(one, InstanceAssessed) for one in list(triage.events)) == count:
            done.set()

    triage.worker = replace(triage.worker, assessor=replace(triage.assessor, notify=notify))
    return done


def test_several_workers_share_the_work_and_each_instance_gets_one_result(triage: MadeTriage) -> None:
    sent = [triage.send(made_jpeg(seed=seed)) for seed in range(20)]

    run_until(triage, told(triage, 20), threads=3)

    assert {triage.of(instance).status for instance in sent} == {Status.ASSESSED}
    assert sum(isinstance(event, InstanceAssessed) for event in triage.events) == 20


def test_a_worker_never_waits_to_fill_a_batch(triage: MadeTriage) -> None:
    triage.send(made_jpeg())

    assert triage.worker.work_once() == 1


def test_a_batch_is_never_larger_than_asked(triage: MadeTriage) -> None:
    for seed in range(5):
        triage.send(made_jpeg(seed=seed))

    assert [triage.worker.work_once(), triage.worker.work_once(), triage.worker.work_once()] == [4, 1, 0]


def test_a_worker_outlives_an_outage(triage: MadeTriage, caplog: pytest.LogCaptureFixture) -> None:
    instance = triage.send(made_jpeg())
    done = told(triage, 1)
    triage.outage.of = {"queue.take"}
    stop = Event()
    thread = Thread(target=triage.worker.run, args=(stop,))
    thread.start()
    while "does not answer" not in caplog.text:
        stop.wait(0.01)

    triage.outage.of = set()

    assert done.wait(20)
    stop.set()
    thread.join(20)
    assert triage.of(instance).status is Status.ASSESSED


def test_a_worker_outlives_what_nobody_foresaw(triage: MadeTriage, caplog: pytest.LogCaptureFixture) -> None:
    instance = triage.send(made_jpeg())
    stumbled = Event()

    def stumble(_key: str) -> None:
        stumbled.set()
        triage.outage.on_check = None
        raise RuntimeError

    triage.outage.on_check = stumble

    run_until(triage, told(triage, 1))

    assert stumbled.is_set()
    assert "goes on" in caplog.text
    assert triage.of(instance).status is Status.ASSESSED


def test_during_an_outage_the_wait_doubles_up_to_15_seconds(triage: MadeTriage) -> None:
    worker = replace(triage.worker, retry_delay_seconds=5.0)

    assert [worker.delay_after(outages) for outages in (0, 1, 2, 3, 4, 50)] == [5.0, 10.0, 15.0, 15.0, 15.0, 15.0]


def test_a_round_is_repeated_whatever_it_meets(caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    mishaps = [BackendUnavailable("the store is full"), RuntimeError("unforeseen")]

    def work() -> None:
        if mishaps:
            raise mishaps.pop(0)
        stop.set()

    repeat(work, stop, every_seconds=0.0)

    assert stop.is_set()
    assert "does not answer" in caplog.text
    assert "the next one follows" in caplog.text
