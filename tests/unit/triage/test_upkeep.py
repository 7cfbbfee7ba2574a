"""Upkeep: whatever queue or record forgot is found again, and nothing recorded is ever deleted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from made.dicom_files import as_bytes, made_dataset
from made.triage import NORTH, START, MadeTriage, made_chest, made_jpeg, made_triage

from lingula.errors import BackendUnavailable, Conflict, NotFound
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Status
from lingula.triage.events import InstanceReceived
from lingula.triage.infer import Model
from lingula.triage.originals import original_key
from lingula.triage.upkeep import Found
from lingula.triage.worklist import WorklistFilter


def lose_notes(triage: MadeTriage) -> None:
    for note in triage.queue.take(100, 0):
        triage.queue.done(note)


def orphan(triage: MadeTriage, data: bytes) -> str:
    """Store a radiograph that is not recorded, as a power cut between the two leaves it."""
    before = set(triage.stored_keys())
    triage.outage.of = {"records.add_instance"}
    with pytest.raises(BackendUnavailable):
        triage.send(data)
    triage.outage.of = set()
    (key,) = set(triage.stored_keys()) - before
    return key


def test_lost_notes_are_written_again_after_a_while(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    lose_notes(triage)

    assert triage.upkeep.run_once().requeued == 0
    triage.clock.move(seconds=31)
    assert triage.upkeep.run_once().requeued == 1

    assert [note.instance for note in triage.queue.take(4, 0)] == [instance]


def test_what_waits_already_is_not_noted_twice(triage: MadeTriage) -> None:
    triage.send(made_jpeg())
    triage.clock.move(minutes=5)

    assert triage.upkeep.run_once().requeued == 0
    assert triage.queue.depth() == 1


def test_the_queue_is_rebuilt_from_the_record(triage: MadeTriage) -> None:
    sent = [triage.send(made_jpeg(seed=seed)) for seed in range(3)]
    lose_notes(triage)

    assert triage.upkeep.rebuild_queue() == 3

    assert {note.instance for note in triage.queue.take(9, 0)} == set(sent)


def test_a_note_lost_among_many_that_wait_is_written_again(triage: MadeTriage) -> None:
    lost = triage.send(made_jpeg(seed=1))
    lose_notes(triage)
    triage.clock.move(minutes=5)
    for seed in range(2, 7):
        triage.send(made_jpeg(seed=seed))

    assert triage.upkeep.run_once().requeued == 1

    assert [note.instance for note in triage.queue.take(9, 0)].count(lost) == 1


def test_what_is_under_way_is_noted_again_once_a_minute_at_most(triage: MadeTriage) -> None:
    now = [0.0]
    upkeep = replace(triage.upkeep, timer=lambda: now[0])
    triage.send(made_jpeg())
    triage.queue.take(1, 0)  # a worker has it and takes long
    triage.clock.move(seconds=40)

    assert upkeep.run_once().requeued == 1
    triage.queue.take(1, 0)
    now[0] += 59
    assert upkeep.run_once().requeued == 0
    now[0] += 2
    assert upkeep.run_once().requeued == 1


def test_several_that_look_after_a_queue_do_not_multiply_its_notes(triage: MadeTriage) -> None:
    for seed in range(5):
        triage.send(made_jpeg(seed=seed))
    lose_notes(triage)
    triage.clock.move(minutes=5)

    found = [replace(triage.upkeep).run_once().requeued for _ in range(4)]

    assert found == [5, 0, 0, 0]


def test_a_clock_that_was_set_back_hides_no_lost_note(triage: MadeTriage) -> None:
    now = [0.0]
    upkeep = replace(triage.upkeep, timer=lambda: now[0])
    triage.send(made_jpeg())
    lose_notes(triage)
    triage.clock.move(hours=-5)

    assert upkeep.run_once().requeued == 0
    now[0] += 31
    assert upkeep.run_once().requeued == 1


def test_a_clock_that_was_set_forward_multiplies_nothing(triage: MadeTriage) -> None:
    triage.send(made_jpeg())
    triage.clock.move(days=400)

    assert triage.upkeep.run_once().requeued == 0
    triage.worker.work_once()
    (row,) = triage.worklist.page(WorklistFilter()).rows
    assert row.status is Status.ASSESSED


def test_originals_are_looked_for_again_after_a_clock_was_set_back(triage: MadeTriage) -> None:
    triage.clock.move(days=30)
    triage.upkeep.run_once()
    triage.clock.move(days=-30)
    orphan(triage, made_jpeg())
    triage.clock.move(hours=3)

    assert triage.upkeep.run_once().adopted == 1


def test_an_original_that_was_never_recorded_is_recorded_late(triage: MadeTriage) -> None:
    key = orphan(triage, made_jpeg())
    triage.clock.move(hours=3)

    assert triage.upkeep.run_once() == Found(requeued=0, adopted=1)

    (row,) = triage.worklist.page(WorklistFilter()).rows
    stored = triage.of(row.first_instance)
    assert (stored.new.store_key, stored.new.door, stored.new.received_at) == (key, "upkeep", START)
    assert isinstance(triage.events[-1], InstanceReceived)
    triage.worker.work_once()
    assert triage.of(row.first_instance).status is Status.ASSESSED


def test_a_fresh_original_is_left_to_its_receiver(triage: MadeTriage) -> None:
    orphan(triage, made_jpeg())
    triage.clock.move(minutes=30)

    assert triage.upkeep.run_once().adopted == 0


def test_a_second_copy_of_what_is_recorded_is_cleared_away(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    orphan(triage, made_jpeg())
    assert len(triage.stored_keys()) == 2
    triage.clock.move(hours=3)

    assert triage.upkeep.run_once().adopted == 0

    assert triage.stored_keys() == [triage.of(instance).new.store_key]


def test_other_bytes_under_a_recorded_uid_are_cleared_away(triage: MadeTriage) -> None:
    def dicom(seed: int) -> bytes:
        dataset = made_dataset(made_chest(seed=seed))
        dataset.SOPInstanceUID = "1.2.3"
        return as_bytes(dataset)

    orphan(triage, dicom(2))
    instance = triage.send(dicom(1))
    triage.clock.move(hours=3)

    assert triage.upkeep.run_once().adopted == 0
    assert triage.stored_keys() == [triage.of(instance).new.store_key]


def test_an_original_of_another_installation_is_left_alone(triage: MadeTriage, model: Model) -> None:
    other = made_triage(model)
    other.send(made_jpeg())
    (key,) = other.stored_keys()
    triage.store.put(key, made_jpeg())
    triage.store.put("originals/202603/north/no-original", b"")
    triage.clock.move(hours=3)

    assert triage.upkeep.run_once().adopted == 0
    assert key in triage.stored_keys()


def test_an_original_that_cannot_be_read_is_named_and_left(
    triage: MadeTriage, caplog: pytest.LogCaptureFixture
) -> None:
    triage.store.put(original_key(NORTH, InstanceId("iabc"), START, "t"), b"half a file")
    triage.clock.move(hours=3)

    assert triage.upkeep.run_once().adopted == 0
    assert "never recorded cannot be read" in caplog.text
    assert len(triage.stored_keys()) == 1


def test_originals_are_looked_through_once_an_hour_and_each_once(triage: MadeTriage) -> None:
    for _ in range(6):
        triage.upkeep.run_once()
        triage.clock.move(minutes=20)

    assert triage.store.looks == ["originals/202602/", "originals/202603/", "originals/202603/"]


def test_replaying_asks_for_a_failed_instance(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())

    with pytest.raises(Conflict):
        triage.upkeep.replay(instance)
    with pytest.raises(NotFound):
        triage.upkeep.replay(InstanceId("inone"))


def test_replaying_while_the_queue_is_down_is_made_up_for(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    data = triage.store.get(triage.of(instance).new.store_key)
    triage.store.store.delete(triage.of(instance).new.store_key)
    while triage.worker.work_once():
        pass
    triage.store.put(triage.of(instance).new.store_key, data)
    triage.outage.of = {"queue.put"}
    triage.upkeep.replay(instance)
    triage.outage.of = set()

    triage.clock.now += timedelta(minutes=1)
    triage.upkeep.run_once()
    triage.worker.work_once()

    assert triage.of(instance).status is Status.ASSESSED
