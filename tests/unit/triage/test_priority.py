"""Priority: the order of reading, and one sentence that says why."""

from datetime import timedelta

import pytest
from made.triage import START

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, FileFormat, Instance, Priority, Status
from lingula.records.records import WorklistRow
from lingula.triage.priority import DEFAULT_CAPS, effective_priority, priority_of, why, words


def made_row(status: Status, priority: Priority, **changes: object) -> WorklistRow:
    return WorklistRow(
        study=StudyId("s1"),
        site=SiteName("north"),
        status=status,
        band=changes.get("band"),  # type: ignore[arg-type]  # chosen by each test
        priority=priority,
        effective_priority=priority,
        probability=changes.get("probability"),  # type: ignore[arg-type]  # the same
        rule_out_threshold=None,
        rule_in_threshold=None,
        novelty=None,
        reason=changes.get("reason"),  # type: ignore[arg-type]  # the same
        received_at=START,
        assessed_at=None,
        instances=1,
        first_instance=InstanceId("i1"),
        description=Instance(file_format=FileFormat.JPEG),
        claim=None,
        verdict=None,
    )


@pytest.mark.parametrize("band", [None, *Band])
def test_the_senders_stat_comes_first(band: Band | None) -> None:
    assert priority_of(band, is_stat=True) is Priority.STAT


def test_without_a_statement_an_instance_is_urgent() -> None:
    assert priority_of(None, is_stat=False) is Priority.URGENT


@pytest.mark.parametrize(
    ("priority", "waited", "effective"),
    [
        (Priority.STAT, timedelta(days=9), Priority.STAT),
        (Priority.ASAP, timedelta(days=9), Priority.ASAP),
        (Priority.URGENT, timedelta(hours=1), Priority.URGENT),
        (Priority.URGENT, timedelta(hours=1, seconds=1), Priority.ASAP),
        (Priority.ROUTINE, timedelta(hours=4), Priority.ROUTINE),
        (Priority.ROUTINE, timedelta(hours=4, seconds=1), Priority.URGENT),
        (Priority.ROUTINE, timedelta(days=9), Priority.URGENT),
    ],
)
def test_who_waits_too_long_is_read_one_step_sooner(priority: Priority, waited: timedelta, effective: Priority) -> None:
    assert effective_priority(priority, START, START + waited, DEFAULT_CAPS) is effective


def test_a_cap_for_asap_never_reaches_what_the_sender_marked() -> None:
    caps = {Priority.ASAP: timedelta(minutes=1)}

    assert effective_priority(Priority.ASAP, START, START + timedelta(hours=1), caps) is Priority.ASAP


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (made_row(Status.RECEIVED, Priority.STAT), "The sender marked it stat; waiting 5 min."),
        (made_row(Status.RECEIVED, Priority.URGENT), "Not assessed yet; waiting 5 min."),
        (
            made_row(Status.FAILED, Priority.URGENT, reason="every pixel has the same grey level"),
            "Could not be assessed (every pixel has the same grey level); waiting 5 min.",
        ),
        (
            made_row(Status.FAILED, Priority.URGENT),
            "Could not be assessed (no reason recorded); waiting 5 min.",
        ),
        (
            made_row(Status.NOT_ELIGIBLE, Priority.URGENT, reason="view position 'LL' is lateral"),
            "Not eligible for assessment (view position 'LL' is lateral); waiting 5 min.",
        ),
        (
            made_row(Status.ASSESSED, Priority.ASAP, band=Band.LIKELY, probability=0.934),
            "Pneumonia likely (probability 0.93); waiting 5 min.",
        ),
        (
            made_row(Status.ASSESSED, Priority.ASAP, band=Band.LIKELY, probability=0.9999),
            "Pneumonia likely (probability above 0.99); waiting 5 min.",
        ),
        (
            made_row(Status.ASSESSED, Priority.ROUTINE, band=Band.UNLIKELY, probability=0.0001),
            "Pneumonia unlikely (probability below 0.01); waiting 5 min.",
        ),
        (made_row(Status.ASSESSED, Priority.URGENT), "Pneumonia not rated; waiting 5 min."),
    ],
)
def test_a_row_says_why_it_is_where_it_is(row: WorklistRow, sentence: str) -> None:
    assert why(row, START + timedelta(minutes=5), DEFAULT_CAPS) == sentence


def test_a_row_that_was_promoted_says_so() -> None:
    row = made_row(Status.ASSESSED, Priority.ROUTINE, band=Band.UNLIKELY, probability=0.04)

    assert why(row, START + timedelta(hours=4, minutes=12), DEFAULT_CAPS) == (
        "Pneumonia unlikely (probability 0.04); waiting 4 h 12 min, longer than 4 h for routine, "
        "so it is read as urgent."
    )


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(days=1, minutes=3), "1 d 3 min"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
    ],
)
def test_a_duration_is_written_as_people_say_it(duration: timedelta, text: str) -> None:
    assert words(duration) == text
