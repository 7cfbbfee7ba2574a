"""The same radiograph by two ways is one radiograph; another one under its UID is refused, and nothing is lost."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType

import pytest
from made.dicom_files import IDENTIFYING, PATIENT, as_bytes, made_dataset, set_elements
from made.triage import NORTH, SOUTH, MadeTriage, made_chest, made_jpeg
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from lingula.errors import BackendUnavailable, Conflict
from lingula.radiology.likeness import Likeness
from lingula.radiology.study import Status
from lingula.triage.comparing import MOST_IN_LINE, Comparing
from lingula.triage.events import InstanceReceivedAgain
from lingula.triage.originals import original_key, read_original_key

BY_MODALITY, BY_ARCHIVE = ExplicitVRLittleEndian, RLELossless


def made_file(syntax: UID = BY_MODALITY, seed: int = 1, elements: Mapping[str, object] = MappingProxyType({})) -> bytes:
    return as_bytes(set_elements(made_dataset(made_chest(seed=seed)), elements), syntax)


def received_again(triage: MadeTriage) -> InstanceReceivedAgain:
    event = triage.events[-1]
    assert isinstance(event, InstanceReceivedAgain)
    return event


def test_the_same_radiograph_in_another_transfer_syntax_is_one_radiograph(triage: MadeTriage) -> None:
    first = triage.receiver.receive(made_file(BY_MODALITY), site=NORTH, door="dicom")
    second = triage.receiver.receive(made_file(BY_ARCHIVE), site=NORTH, door="http")

    assert (second.instance, second.study, second.is_new) == (first.instance, first.study, False)
    stored = triage.of(first.instance).new
    assert triage.stored_keys() == [stored.store_key]
    assert triage.store.get(stored.store_key) == made_file(BY_MODALITY), "the first stays"
    assert (received_again(triage).door, received_again(triage).likeness) == ("http", Likeness.PIXELS)


def test_the_timeline_names_what_differs_and_never_how(triage: MadeTriage) -> None:
    triage.send(made_file())
    triage.send(made_file(elements={"PatientName": "Doe^Janet", "ViewPosition": "AP", "InstitutionName": "St. Anne"}))

    assert received_again(triage).differs_in == "patient_name, view_position"
    assert not any(secret in repr(triage.events) for secret in (*IDENTIFYING, "Janet"))


def test_what_was_assessed_stays_assessed_and_is_not_tried_again(triage: MadeTriage) -> None:
    instance = triage.send(made_file(BY_MODALITY))
    triage.worker.work_once()
    before = triage.statement(instance)

    received = triage.receiver.receive(made_file(BY_ARCHIVE), site=NORTH, door="http")

    assert received.status is Status.ASSESSED
    assert triage.queue.depth() == 0
    assert triage.statement(instance) == before


def test_nothing_is_fetched_for_first_arrivals_and_equal_bytes(triage: MadeTriage) -> None:
    triage.outage.of = {"store.get"}

    assert triage.receiver.receive(made_file(), site=NORTH, door="http").is_new
    assert not triage.receiver.receive(made_file(), site=NORTH, door="http").is_new


@pytest.mark.parametrize(
    ("elements", "seed", "said"),
    [
        ({}, 2, "other pixels under this UID: instance i.* stays; send a changed radiograph under a new SOP"),
        ({"PatientID": "PID-4712"}, 1, "another patient under this UID: instance i.* stays; settle at the sender"),
        ({"StudyInstanceUID": "1.2.3"}, 1, "is recorded under study s.*, not s.*; the first stays"),
        ({"NumberOfFrames": 2, "PixelData": made_chest().tobytes() * 2}, 1, "other pixels"),
    ],
    ids=["pixels", "patient", "study", "frames"],
)
def test_another_radiograph_under_a_known_uid_is_refused_without_identity(
    triage: MadeTriage, caplog: pytest.LogCaptureFixture, elements: dict[str, object], seed: int, said: str
) -> None:
    instance = triage.send(made_file())

    with caplog.at_level(logging.WARNING), pytest.raises(Conflict, match=said) as refused:
        triage.send(made_file(seed=seed, elements=elements))

    (line,) = (record for record in caplog.records if record.__dict__.get("action") == "instance_refused")
    told = f"{refused.value} {line.__dict__}"
    assert instance in told
    assert not any(secret in told for secret in (*IDENTIFYING, PATIENT, "PID-4712", "1.2.3"))
    assert triage.stored_keys() == [triage.of(instance).new.store_key]
    assert len(triage.events) == 1


def test_a_picture_and_a_radiograph_under_one_id_are_not_compared(triage: MadeTriage) -> None:
    known = triage.of(triage.send(made_jpeg())).new

    with pytest.raises(Conflict, match="pixels that cannot be compared"):
        Comparing().likeness(triage.store, known, replace(known, sha256="0" * 64), made_file())


def test_another_site_s_radiograph_is_never_compared_with(triage: MadeTriage) -> None:
    triage.send(made_file(), NORTH)
    triage.outage.of = {"store.get"}

    received = triage.receiver.receive(made_file(seed=2, elements={"PatientID": "other"}), site=SOUTH, door="http")

    assert received.is_new, "whether north has this UID is not south's to learn"


def lose(triage: MadeTriage, key: str) -> None:
    triage.store.delete(key)


def cut(triage: MadeTriage, key: str) -> None:
    triage.store.put(key, triage.store.get(key)[:-1])


def spoil(triage: MadeTriage, key: str) -> None:
    triage.store.put(key, triage.store.get(key)[:-1] + b"\7")


@pytest.mark.parametrize("damage", [lose, cut, spoil])
def test_if_the_first_cannot_be_read_the_sender_keeps_its_copy(
    triage: MadeTriage, damage: Callable[[MadeTriage, str], None]
) -> None:
    instance = triage.send(made_file(BY_MODALITY))
    key = triage.of(instance).new.store_key
    damage(triage, key)

    with pytest.raises(BackendUnavailable, match=f"the original of instance {instance} cannot be read"):
        triage.send(made_file(BY_ARCHIVE))

    assert set(triage.stored_keys()) <= {key}, "no second copy stays"


def test_if_the_store_goes_down_in_the_middle_the_next_try_tells(triage: MadeTriage) -> None:
    instance = triage.send(made_file(BY_MODALITY))
    triage.outage.of = {"store.get", "store.delete"}
    with pytest.raises(BackendUnavailable):
        triage.send(made_file(BY_ARCHIVE))
    assert len(triage.stored_keys()) == 2, "the copy could not be cleared away"

    triage.outage.of = set()
    assert not triage.receiver.receive(made_file(BY_ARCHIVE), site=NORTH, door="http").is_new
    triage.clock.move(hours=2)
    triage.upkeep.run_once()

    assert triage.stored_keys() == [triage.of(instance).new.store_key], "upkeep found it"


@pytest.mark.parametrize(("seed", "last"), [(1, "InstanceReceivedAgain"), (2, "InstanceReceived")])
def test_an_original_left_between_store_and_record_is_compared_like_any_other(
    triage: MadeTriage, seed: int, last: str
) -> None:
    instance = triage.send(made_file(BY_MODALITY))
    left = original_key(NORTH, instance, triage.clock(), "left")
    triage.store.put(left, made_file(BY_ARCHIVE, seed=seed))
    original = read_original_key(left)
    assert original is not None

    assert not triage.receiver.adopt(original)

    assert triage.stored_keys() == [triage.of(instance).new.store_key]
    assert type(triage.events[-1]).__name__ == last


def test_two_ways_at_the_same_moment_make_one_radiograph(triage: MadeTriage) -> None:
    ways = [made_file(syntax) for syntax in (BY_MODALITY, BY_ARCHIVE, ImplicitVRLittleEndian)] * 2
    together = threading.Barrier(len(ways))

    def wait_for_the_others(name: str) -> None:
        if name == "records.add_instance":
            together.wait(10)

    triage.outage.on_check = wait_for_the_others

    with ThreadPoolExecutor(len(ways)) as pool:
        received = list(pool.map(lambda data: triage.receiver.receive(data, site=NORTH, door="http"), ways))

    assert sorted(one.is_new for one in received) == [False] * (len(ways) - 1) + [True]
    assert len({one.instance for one in received}) == 1
    assert triage.stored_keys() == [triage.of(received[0].instance).new.store_key]


def test_few_wait_to_be_compared_and_the_others_are_told_to_come_again(triage: MadeTriage) -> None:
    triage.send(made_file(BY_MODALITY))
    entered, go_on = threading.Event(), threading.Event()

    def stand_still(_key: str) -> None:
        entered.set()
        assert go_on.wait(30)

    triage.store.on_get = stand_still
    with ThreadPoolExecutor(MOST_IN_LINE) as pool:
        waiting = [pool.submit(triage.send, made_file(BY_ARCHIVE)) for _ in range(MOST_IN_LINE)]
        assert entered.wait(30)
        while triage.receiver.comparing.in_line < MOST_IN_LINE:
            threading.Event().wait(0.01)
        with pytest.raises(BackendUnavailable, match="too many radiographs received before are being compared"):
            triage.send(made_file(BY_ARCHIVE))
        assert triage.receiver.receive(made_file(elements={"SOPInstanceUID": "1.2.9"}), site=NORTH, door="http").is_new
        go_on.set()

    assert len({one.result() for one in waiting}) == 1


def test_who_waits_too_long_for_its_turn_is_told_to_come_again(triage: MadeTriage) -> None:
    receiver = replace(triage.receiver, comparing=Comparing(wait_seconds=0.05))
    receiver.receive(made_file(BY_MODALITY), site=NORTH, door="http")
    entered, go_on = threading.Event(), threading.Event()

    def stand_still(_key: str) -> None:
        entered.set()
        assert go_on.wait(30)

    triage.store.on_get = stand_still
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: receiver.receive(made_file(BY_ARCHIVE), site=NORTH, door="http"))
        assert entered.wait(30)
        with pytest.raises(BackendUnavailable, match="too many"):
            receiver.receive(made_file(BY_ARCHIVE), site=NORTH, door="http")
        go_on.set()
        assert not first.result().is_new
    assert not receiver.receive(made_file(BY_ARCHIVE), site=NORTH, door="http").is_new, "the turn was given on"
