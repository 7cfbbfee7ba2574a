"""Assessing: what each outcome is, nobody suffers for a neighbour, an error never looks like a negative."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from made.dicom_files import as_bytes, made_dataset, with_frame
from made.packages import MAP_SIDE, RULE_IN, RULE_OUT
from made.pictures import as_jpeg, as_png
from made.triage import LIKELY, NORTH, UNLIKELY, UNSURE, MadeTriage, made_chest, made_jpeg
from pydicom.uid import UID, JPEGBaseline8Bit

from lingula import __version__
from lingula.errors import BackendUnavailable
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.records import StoredInstance
from lingula.triage.assess import assess_bytes
from lingula.triage.events import AssessmentFailed, InstanceAssessed, InstanceNotEligible
from lingula.triage.finding import conclude
from lingula.triage.infer import Inference, Model


def made_lateral() -> bytes:
    dataset = made_dataset(made_chest())
    dataset.Modality, dataset.ViewPosition = "DX", "LL"
    return as_bytes(dataset)


def made_damaged() -> bytes:
    """Give a whole DICOM file whose compressed frame is none."""
    return with_frame(made_dataset(made_chest()), b"\xff\xd8\xff\xe0" + bytes(400) + b"\xff\xd9", JPEGBaseline8Bit)


def made_inference(probability: float, novelty: float) -> Inference:
    flat = np.zeros((MAP_SIDE, MAP_SIDE), np.uint8)
    return Inference(
        probability=probability,
        novelty=novelty,
        activation_map=flat,
        lung_mask=flat,
        embedding=np.zeros(4, np.float32),
    )


def failing_on(instance_key: str, error: Exception) -> Callable[[str], None]:
    def stumble(key: str) -> None:
        if key == instance_key:
            raise error

    return stumble


@pytest.mark.parametrize(
    ("brightness", "band", "priority"),
    [
        (LIKELY, Band.LIKELY, Priority.ASAP),
        (UNSURE, Band.UNSURE, Priority.URGENT),
        (UNLIKELY, Band.UNLIKELY, Priority.ROUTINE),
    ],
)
def test_a_band_gives_the_priority(model: Model, brightness: float, band: Band, priority: Priority) -> None:
    finding = assess_bytes(made_jpeg(brightness), model)

    assert (finding.status, finding.band, finding.priority) == (Status.ASSESSED, band, priority)
    assert finding.probability is not None
    assert 0.0 < finding.probability < 1.0
    assert finding.activation_map is not None
    assert len(finding.activation_map) == MAP_SIDE**2
    assert finding.lung_mask is not None
    assert len(finding.lung_mask) == MAP_SIDE**2
    assert finding.seconds > 0


def test_bytes_that_are_no_radiograph_fail_with_the_reason(model: Model) -> None:
    finding = assess_bytes(b"Dear doctor", model)

    assert (finding.status, finding.priority, finding.probability) == (Status.FAILED, Priority.URGENT, None)
    assert finding.reason


def test_a_lateral_view_is_kept_but_not_assessed(model: Model) -> None:
    finding = assess_bytes(made_lateral(), model)

    assert (finding.status, finding.priority, finding.probability) == (Status.NOT_ELIGIBLE, Priority.URGENT, None)
    assert finding.reason == "view position 'LL' is lateral; only AP and PA are assessed"


def test_an_inverted_picture_without_a_header_is_not_eligible(model: Model) -> None:
    finding = assess_bytes(as_jpeg(255 - made_chest()), model)

    assert (finding.status, finding.priority, finding.probability) == (Status.NOT_ELIGIBLE, Priority.URGENT, None)
    assert finding.reason is not None
    assert finding.reason.startswith("does not look like the radiographs the model was trained on (novelty ")
    assert finding.novelty is not None
    assert finding.novelty > 1
    assert finding.activation_map is None


@pytest.mark.parametrize(
    "data",
    [as_png(np.full((300, 300), 90, np.uint8)), as_jpeg(made_chest(rows=40, columns=60))],
    ids=["constant", "thumbnail"],
)
def test_a_picture_without_a_radiograph_in_it_is_not_eligible(model: Model, data: bytes) -> None:
    finding = assess_bytes(data, model)

    assert (finding.status, finding.priority, finding.probability) == (Status.NOT_ELIGIBLE, Priority.URGENT, None)


def test_pixels_that_turn_out_damaged_fail_with_the_reason(model: Model) -> None:
    finding = assess_bytes(made_damaged(), model)

    assert (finding.status, finding.priority, finding.probability) == (Status.FAILED, Priority.URGENT, None)
    assert finding.reason


def test_a_stack_of_pictures_is_not_eligible(model: Model) -> None:
    dataset = made_dataset(made_chest())
    dataset.NumberOfFrames = 2
    dataset.PixelData = dataset.PixelData * 2

    finding = assess_bytes(as_bytes(dataset), model)

    assert finding.status is Status.NOT_ELIGIBLE


@pytest.mark.parametrize(("probability", "novelty"), [(float("nan"), 0.1), (0.1, float("nan"))])
def test_an_answer_that_is_no_number_is_a_failure_and_never_a_negative(
    model: Model, probability: float, novelty: float
) -> None:
    finding = conclude(made_inference(probability, novelty), model.manifest, is_stat=False, seconds=0.0)

    assert (finding.status, finding.priority, finding.band) == (Status.FAILED, Priority.URGENT, None)


def test_a_novelty_just_above_the_limit_never_reads_as_the_limit(model: Model) -> None:
    finding = conclude(made_inference(0.1, 1.004), model.manifest, is_stat=False, seconds=0.0)

    assert finding.reason is not None
    assert "(novelty 1.004, limit 1.0)" in finding.reason


def test_what_is_assessed_is_recorded_with_the_package_behind_it(triage: MadeTriage, model: Model) -> None:
    instance = triage.send(made_jpeg())
    triage.clock.move(seconds=3)

    assert triage.worker.work_once() == 1

    statement = triage.statement(instance)
    assert (statement.status, statement.band, statement.code_version) == (Status.ASSESSED, Band.LIKELY, __version__)
    assert statement.package_sha256 == model.package.sha256
    assert (statement.rule_out_threshold, statement.rule_in_threshold) == (RULE_OUT, RULE_IN)
    event = triage.events[-1]
    assert isinstance(event, InstanceAssessed)
    assert (event.instance, event.package, event.waited_seconds) == (instance, "made-1.0.0", 3.0)
    assert triage.queue.depth() == 0


def test_what_waits_is_assessed_together_and_each_gets_its_own_answer(triage: MadeTriage) -> None:
    sent = [triage.send(made_jpeg(brightness, seed=7)) for brightness in (LIKELY, UNLIKELY, UNSURE)]
    lateral = triage.send(made_lateral())
    sent.insert(2, lateral)

    assert triage.worker.work_once() == 4

    assert [triage.statement(instance).band for instance in sent] == [Band.LIKELY, Band.UNLIKELY, None, Band.UNSURE]
    refused = [event for event in triage.events if isinstance(event, InstanceNotEligible)]
    assert [event.instance for event in refused] == [lateral]


def test_who_waits_is_told_exactly_what_the_record_says(triage: MadeTriage) -> None:
    told: list[StoredInstance] = []
    assessor = replace(triage.assessor, hand_over=told.append)
    damaged = made_dataset(made_chest())
    damaged.SOPInstanceUID = UID(f"{damaged.SOPInstanceUID}.7")
    broken = with_frame(damaged, b"\xff\xd8\xff\xe0" + bytes(400) + b"\xff\xd9", JPEGBaseline8Bit)
    for data in (made_jpeg(LIKELY), made_lateral(), broken):
        triage.receiver.receive(data, site=NORTH, door="http")

    replace(triage.worker, assessor=assessor).work_once()

    recorded = [triage.records.instance(stored.new.id) for stored in told]
    assert told == recorded
    assert {stored.status for stored in told} == {Status.ASSESSED, Status.NOT_ELIGIBLE, Status.FAILED}


def test_an_instance_noted_twice_is_assessed_once(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    (note,) = triage.queue.take(1, 0)
    triage.queue.put(instance)
    (again,) = triage.queue.take(1, 0)

    triage.worker.assess([note, again])

    assert len([event for event in triage.events if isinstance(event, InstanceAssessed)]) == 1
    assert triage.of(instance).attempts == 1


def test_of_two_workers_at_the_same_instance_one_result_stands_and_is_told(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    (note,) = triage.queue.take(1, 0)

    def overtake(_key: str) -> None:
        triage.store.on_get = lambda _key: None
        triage.worker.assess([note])

    triage.store.on_get = overtake
    triage.worker.assess([note])

    assert triage.of(instance).status is Status.ASSESSED
    assert len([event for event in triage.events if isinstance(event, InstanceAssessed)]) == 1


def test_a_note_for_what_is_assessed_already_or_unknown_is_taken_away(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    triage.worker.work_once()
    triage.queue.put(instance)
    triage.queue.put(InstanceId("iunknown"))

    assert triage.worker.work_once() == 2

    assert triage.queue.depth() == 0
    assert len([event for event in triage.events if isinstance(event, InstanceAssessed)]) == 1


def test_the_senders_stat_comes_before_what_the_model_says(triage: MadeTriage) -> None:
    received = triage.receiver.receive(made_jpeg(UNLIKELY), site=NORTH, door="http", priority=Priority.STAT)

    triage.worker.work_once()

    assert triage.statement(received.instance).priority is Priority.STAT


def test_damaged_pixels_fail_at_the_first_attempt(triage: MadeTriage) -> None:
    instance = triage.send(made_damaged())

    triage.worker.work_once()

    assert triage.of(instance).status is Status.FAILED
    event = triage.events[-1]
    assert isinstance(event, AssessmentFailed)
    assert (event.is_parked, event.attempt) == (True, 1)


def test_one_that_fails_unforeseen_fails_alone_and_is_parked_after_three_attempts(
    triage: MadeTriage, caplog: pytest.LogCaptureFixture
) -> None:
    sent = [triage.send(made_jpeg(seed=seed)) for seed in range(4)]
    poison = triage.of(sent[1]).new.store_key
    triage.store.on_get = failing_on(poison, KeyError("Doe^Jane"))

    while triage.worker.work_once():
        pass

    assert [triage.of(instance).status for instance in sent] == [
        Status.ASSESSED,
        Status.FAILED,
        Status.ASSESSED,
        Status.ASSESSED,
    ]
    statement = triage.statement(sent[1])
    assert statement.reason == "could not be assessed in 3 attempts: KeyError"
    assert statement.priority is Priority.URGENT
    failures = [event for event in triage.events if isinstance(event, AssessmentFailed)]
    assert [(event.attempt, event.is_parked) for event in failures] == [(2, False), (3, True)]
    assert "unforeseen" in caplog.text


def test_several_that_fail_are_each_tried_as_often_as_one(triage: MadeTriage) -> None:
    sent = [triage.send(made_jpeg(seed=seed)) for seed in range(4)]
    for instance in sent:
        triage.store.store.delete(triage.of(instance).new.store_key)

    while triage.worker.work_once():
        pass

    for instance in sent:
        assert str(triage.statement(instance).reason).startswith(
            "could not be assessed in 3 attempts: nothing is stored"
        )
        assert triage.of(instance).attempts == 3


def test_an_original_that_is_gone_is_parked_with_the_reason(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    triage.store.store.delete(triage.of(instance).new.store_key)

    while triage.worker.work_once():
        pass

    reason = triage.statement(instance).reason
    assert reason is not None
    assert "nothing is stored under" in reason


def test_one_that_kills_the_program_is_found_out_and_its_neighbours_are_assessed(triage: MadeTriage) -> None:
    """A killed process is played by BaseException: nothing after it runs, and the notes are written again."""
    sent = [triage.send(made_jpeg(seed=seed)) for seed in range(4)]
    poison = triage.of(sent[0]).new.store_key

    class Killed(BaseException):
        pass

    def die(key: str) -> None:
        if key == poison:
            raise Killed

    triage.store.on_get = die
    deaths = 0
    for _ in range(20):
        try:
            while triage.worker.work_once():
                pass
            break
        except Killed:
            deaths += 1
            for instance in triage.records.unassessed(triage.clock.now.replace(year=2030), 100):
                triage.queue.put(instance)

    assert deaths == 3
    assert [triage.of(instance).status for instance in sent] == [Status.FAILED, *[Status.ASSESSED] * 3]
    reason = triage.statement(sent[0]).reason
    assert reason is not None
    assert reason.startswith("3 attempts ended without a result")


def test_what_was_under_way_twice_when_the_program_ended_waits_while_the_others_get_through(triage: MadeTriage) -> None:
    first, second = triage.send(made_jpeg(seed=1)), triage.send(made_jpeg(seed=2))
    for _ in range(2):
        triage.records.begin_attempts([first])  # as a program that is killed leaves it
    worker = replace(triage.worker, assessor=replace(triage.assessor, suspect_delay_seconds=5.0))

    worker.work_once()
    assert (triage.of(first).status, triage.of(first).attempts) == (Status.RECEIVED, 2)
    assert triage.of(second).status is Status.ASSESSED

    triage.clock.move(seconds=6)
    worker.work_once()
    assert (triage.of(first).status, triage.of(first).attempts) == (Status.ASSESSED, 3)


@pytest.mark.parametrize("place", ["store.get", "records.save_assessments", "queue.done"])
def test_an_outage_is_not_the_radiographs_fault(triage: MadeTriage, place: str) -> None:
    instance = triage.send(made_jpeg())
    for _ in range(5):
        triage.outage.of = {place}
        with pytest.raises(BackendUnavailable):
            triage.worker.work_once()
        triage.clock.move(minutes=2)

    triage.outage.of = set()
    while triage.worker.work_once():
        pass

    assert triage.of(instance).status is Status.ASSESSED
    assert triage.of(instance).attempts == 1
    assert triage.queue.depth() == 0


def test_attempts_that_an_outage_of_the_record_cost_are_taken_back_once_it_answers(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    for _ in range(5):
        triage.outage.of = {"records.save_assessments", "records.forgive_attempts"}
        with pytest.raises(BackendUnavailable):
            triage.worker.work_once()
        assert triage.of(instance).attempts == 1
        triage.clock.move(minutes=2)
        triage.outage.of = {"records.forgive_attempts"}
        with pytest.raises(BackendUnavailable):
            triage.worker.work_once()
        triage.clock.move(minutes=2)

    triage.outage.of = set()
    while triage.worker.work_once():
        pass

    assert (triage.of(instance).status, triage.of(instance).attempts) == (Status.ASSESSED, 1)


def test_a_store_that_gives_back_other_bytes_is_asked_again_before_a_person_is(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    key, data = triage.of(instance).new.store_key, made_jpeg()
    triage.store.store.delete(key)
    triage.store.store.put(key, b"")
    triage.worker.work_once()
    assert triage.of(instance).status is Status.RECEIVED

    triage.store.store.delete(key)
    triage.store.store.put(key, data)
    while triage.worker.work_once():
        pass
    assert triage.of(instance).status is Status.ASSESSED

    other = triage.send(made_jpeg(seed=2))
    triage.store.store.delete(triage.of(other).new.store_key)
    triage.store.store.put(triage.of(other).new.store_key, b"torn")
    while triage.worker.work_once():
        pass
    assert "gave 4 bytes of an original of" in str(triage.statement(other).reason)
    assert triage.of(other).status is Status.FAILED


def test_an_original_that_decayed_in_the_store_is_not_assessed(triage: MadeTriage) -> None:
    """As long as it was and still a picture, but not the one that was sent."""
    instance = triage.send(made_jpeg())
    key, data = triage.of(instance).new.store_key, bytearray(made_jpeg())
    data[-40] ^= 1
    triage.store.store.delete(key)
    triage.store.store.put(key, bytes(data))
    while triage.worker.work_once():
        pass
    assert triage.of(instance).status is Status.FAILED
    assert "other bytes than it was given" in str(triage.statement(instance).reason)


def test_a_replayed_instance_is_assessed_again(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    key, data = triage.of(instance).new.store_key, made_jpeg()
    triage.store.store.delete(key)
    while triage.worker.work_once():
        pass
    assert triage.of(instance).status is Status.FAILED

    triage.store.store.put(key, data)
    triage.upkeep.replay(instance)
    triage.worker.work_once()

    assert triage.of(instance).status is Status.ASSESSED


def test_parking_what_somebody_else_finished_changes_nothing(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    triage.worker.work_once()

    assert triage.assessor.park(instance, "late")
    assert triage.of(instance).status is Status.ASSESSED
