"""Receiving: nothing half-written, twice is once, and the sender is told the truth."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from made.dicom_files import as_bytes, made_dataset
from made.triage import NORTH, SOUTH, START, MadeTriage, made_chest, made_jpeg

from lingula.errors import BackendUnavailable, Conflict, NotDicom, NotFound, UnreadablePixels
from lingula.radiology.identifiers import SiteName, SourceName
from lingula.radiology.study import Priority, Status
from lingula.triage.events import InstanceReceived, InstanceReceivedAgain, InstanceReplayed
from lingula.triage.originals import month_prefixes, original_key, read_original_key


def made_dicom(seed: int = 1, uid: str = "1.2.3.4") -> bytes:
    dataset = made_dataset(made_chest(seed=seed))
    dataset.SOPInstanceUID = uid
    return as_bytes(dataset)


def test_a_radiograph_is_stored_as_sent_recorded_and_noted(triage: MadeTriage) -> None:
    data = made_jpeg()

    received = triage.receiver.receive(data, site=NORTH, door="http", source_name=SourceName("Doe.jpg"))

    stored = triage.of(received.instance)
    assert (received.is_new, received.status) == (True, Status.RECEIVED)
    assert triage.store.get(stored.new.store_key) == data
    assert stored.new.sha256 == hashlib.sha256(data).hexdigest()
    assert stored.new.source_name == SourceName("Doe.jpg")
    assert stored.new.received_at == START
    assert [note.instance for note in triage.queue.take(4, 0)] == [received.instance]
    assert triage.events == [
        InstanceReceived(
            at=START,
            site=NORTH,
            study=received.study,
            instance=received.instance,
            door="http",
            size_bytes=len(data),
            seconds=0.0,
        )
    ]


@pytest.mark.parametrize("left", [None, b"", made_jpeg()[:1000], made_jpeg(seed=9)])
def test_an_original_that_was_lost_or_damaged_is_put_back_when_it_is_sent_again(
    triage: MadeTriage, left: bytes | None
) -> None:
    instance = triage.send(made_jpeg())
    key = triage.of(instance).new.store_key
    triage.store.store.delete(key)
    while triage.worker.work_once():
        pass
    if left is not None:
        triage.store.store.put(key, left)
    assert triage.of(instance).status is Status.FAILED

    again = triage.receiver.receive(made_jpeg(), site=NORTH, door="http")

    assert (again.instance, again.is_new, again.status) == (instance, False, Status.RECEIVED)
    assert list(triage.store.store.keys("originals/")) == [key]
    assert InstanceReplayed(at=START, site=NORTH, study=again.study, instance=instance, asked_by="the sender") in (
        triage.events
    )
    triage.worker.work_once()
    assert triage.of(instance).status is Status.ASSESSED


def test_a_failure_that_is_no_fault_of_the_store_stays_one_when_it_is_sent_again(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    key = triage.of(instance).new.store_key
    triage.store.store.delete(key)
    while triage.worker.work_once():
        pass
    triage.store.store.put(key, made_jpeg())  # somebody has restored it already

    assert triage.receiver.receive(made_jpeg(), site=NORTH, door="http").status is Status.FAILED
    assert triage.worker.work_once() == 0


def test_sending_twice_is_the_same_as_sending_once(triage: MadeTriage) -> None:
    first = triage.receiver.receive(made_jpeg(), site=NORTH, door="http")
    second = triage.receiver.receive(made_jpeg(), site=NORTH, door="dicom")

    assert (second.instance, second.study, second.is_new) == (first.instance, first.study, False)
    assert triage.of(first.instance).new.door == "http"
    assert len(triage.stored_keys()) == 1
    assert triage.queue.depth() == 1
    assert isinstance(triage.events[-1], InstanceReceivedAgain)


def test_what_is_assessed_already_is_not_noted_again(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    triage.worker.work_once()

    received = triage.receiver.receive(made_jpeg(), site=NORTH, door="http")

    assert (received.instance, received.status) == (instance, Status.ASSESSED)
    assert triage.queue.depth() == 0


def test_the_same_bytes_from_two_hospitals_are_two_studies(triage: MadeTriage) -> None:
    assert triage.send(made_jpeg(), NORTH) != triage.send(made_jpeg(), SOUTH)


def test_other_pixels_under_a_known_uid_are_refused_and_leave_nothing(triage: MadeTriage) -> None:
    instance = triage.send(made_dicom(seed=1))

    with pytest.raises(Conflict):
        triage.send(made_dicom(seed=2))

    assert triage.stored_keys() == [triage.of(instance).new.store_key]
    assert triage.store.get(triage.stored_keys()[0]) == made_dicom(seed=1)


def test_a_senders_stat_is_kept(triage: MadeTriage) -> None:
    received = triage.receiver.receive(made_jpeg(), site=NORTH, door="http", priority=Priority.STAT)

    assert triage.of(received.instance).new.description.is_stat


def test_other_priorities_of_a_sender_change_nothing(triage: MadeTriage) -> None:
    received = triage.receiver.receive(made_jpeg(), site=NORTH, door="http", priority=Priority.ROUTINE)

    assert not received.description.is_stat


@pytest.mark.parametrize(("data", "error"), [(b"", UnreadablePixels), (b"a letter", NotDicom), (b"PK\3\4", NotDicom)])
def test_bytes_that_are_no_radiograph_leave_nothing(triage: MadeTriage, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        triage.send(data)

    assert triage.stored_keys() == []
    assert triage.events == []


def test_a_file_above_the_limit_is_refused_before_it_is_looked_at(triage: MadeTriage) -> None:
    receiver = replace(triage.receiver, limit_bytes=10)

    with pytest.raises(UnreadablePixels, match="11 bytes; at most 10"):
        receiver.receive(b"x" * 11, site=NORTH, door="http")


def test_if_the_store_is_down_the_sender_is_told_and_nothing_is_recorded(triage: MadeTriage) -> None:
    triage.outage.of = {"store.put"}

    with pytest.raises(BackendUnavailable):
        triage.send(made_jpeg())

    assert triage.records.summary(None).unreviewed == 0
    assert triage.events == []


def test_if_the_record_is_down_the_sender_is_told_and_the_original_is_adopted_later(triage: MadeTriage) -> None:
    triage.outage.of = {"records.add_instance"}
    with pytest.raises(BackendUnavailable):
        triage.send(made_jpeg())
    assert triage.events == []

    triage.outage.of = set()
    triage.clock.move(hours=2)
    assert triage.upkeep.run_once().adopted == 1

    assert triage.records.summary(None).unreviewed == 1
    assert len(triage.stored_keys()) == 1


def test_if_only_the_queue_is_down_the_radiograph_is_safe_and_upkeep_notes_it(triage: MadeTriage) -> None:
    triage.outage.of = {"queue.put"}
    instance = triage.send(made_jpeg())
    assert triage.queue.depth() == 0

    triage.outage.of = set()
    triage.clock.move(minutes=1)
    assert triage.upkeep.run_once().requeued == 1

    triage.worker.work_once()
    assert triage.of(instance).status is Status.ASSESSED


def test_a_second_copy_that_cannot_be_deleted_does_not_fail_the_sender(triage: MadeTriage) -> None:
    triage.send(made_jpeg())
    triage.outage.of = {"store.delete"}

    assert not triage.receiver.receive(made_jpeg(), site=NORTH, door="http").is_new


def test_bytes_the_record_points_to_are_never_cleared_away(triage: MadeTriage) -> None:
    receiver = replace(triage.receiver, new_token=lambda: "same")
    first = receiver.receive(made_jpeg(), site=NORTH, door="http")

    assert not receiver.receive(made_jpeg(), site=NORTH, door="http").is_new

    assert triage.store.get(triage.of(first.instance).new.store_key) == made_jpeg()


def test_every_arrival_has_a_token_of_its_own_unless_told_otherwise(triage: MadeTriage) -> None:
    receiver = type(triage.receiver)(
        store=triage.store, records=triage.records, queue=triage.queue, notify=print, clock=triage.clock
    )

    assert receiver.new_token() != receiver.new_token()


@pytest.mark.parametrize("site", ["north", "St. Anne's, Köln", ".hidden", "a/b"])
def test_a_key_says_whose_and_when(triage: MadeTriage, site: str) -> None:
    instance = triage.send(made_jpeg())
    key = original_key(SiteName(site), instance, START, "t1")

    original = read_original_key(key)

    assert original is not None
    assert (original.site, original.instance, original.received_at) == (SiteName(site), instance, START)
    assert key.startswith("originals/202603/")
    triage.store.put(key, b"keys are accepted by stores")


@pytest.mark.parametrize(
    "key",
    [
        "originals/202603/north/iabc-01080000",
        "originals/202613/north/iabc-01080000-t1",
        "originals/202603/.zz/iabc-01080000-t1",
        "elsewhere/202603/north/iabc-01080000-t1",
    ],
)
def test_a_key_that_is_not_ours_is_left_alone(key: str) -> None:
    assert read_original_key(key) is None


def test_months_are_walked_over_the_turn_of_the_year() -> None:
    assert list(month_prefixes(START - timedelta(days=70), START)) == [
        "originals/202512/",
        "originals/202601/",
        "originals/202602/",
        "originals/202603/",
    ]


def test_an_original_whose_bytes_are_gone_is_not_adopted(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    original = read_original_key(original_key(NORTH, instance, START, "gone"))
    assert original is not None

    with pytest.raises(NotFound):
        triage.receiver.adopt(original)
