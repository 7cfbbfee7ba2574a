"""The worklist: reading order, nobody sees another site's studies, and the record's order is the one explained."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made.pictures import as_jpeg
from made.triage import (
    LIKELY,
    NORTH,
    SOUTH,
    START,
    UNLIKELY,
    UNSURE,
    MadeTriage,
    MovableClock,
    made_chest,
    made_doctor,
    made_jpeg,
)

from lingula.errors import NotFound
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, FileFormat, Instance, Priority, Status
from lingula.records.records import Assessment, NewInstance, Records, open_records
from lingula.triage.priority import effective_priority, priority_of
from lingula.triage.worklist import Worklist, WorklistFilter


def work(triage: MadeTriage) -> None:
    while triage.worker.work_once():
        pass


def test_likely_comes_first_and_errors_come_before_unlikely(triage: MadeTriage) -> None:
    sent = {
        "unlikely": triage.send(made_jpeg(UNLIKELY)),
        "inverted": triage.send(as_jpeg(255 - made_chest())),
        "likely": triage.send(made_jpeg(LIKELY)),
        "unsure": triage.send(made_jpeg(UNSURE)),
    }
    work(triage)

    rows = triage.worklist.page(WorklistFilter()).rows

    order = [name for row in rows for name, instance in sent.items() if instance == row.first_instance]
    assert order[0] == "likely"
    assert set(order[1:3]) == {"inverted", "unsure"}
    assert order[3] == "unlikely"
    assert triage.worklist.why(rows[0]).startswith("Pneumonia likely (probability 0.")


def test_a_filter_narrows_the_list(triage: MadeTriage) -> None:
    for brightness in (LIKELY, UNLIKELY):
        triage.send(made_jpeg(brightness))
    work(triage)

    assert triage.worklist.page(WorklistFilter(band=Band.UNLIKELY)).total == 1
    assert triage.worklist.page(WorklistFilter(priority=Priority.ASAP)).total == 1
    assert triage.worklist.page(WorklistFilter(status=Status.RECEIVED)).total == 0
    assert triage.worklist.page(WorklistFilter(is_reviewed=True)).total == 0
    assert len(triage.worklist.page(WorklistFilter(page=2, page_size=1)).rows) == 1
    study = triage.worklist.page(WorklistFilter()).rows[0].study
    assert [row.study for row in triage.worklist.page(WorklistFilter(text=study[:12])).rows] == [study]


def test_nobody_sees_another_sites_studies(triage: MadeTriage) -> None:
    received = triage.receiver.receive(made_jpeg(), site=NORTH, door="http")

    assert triage.worklist.page(WorklistFilter(sites={SOUTH})).total == 0
    assert triage.worklist.summary({SOUTH}).unreviewed == 0
    with pytest.raises(NotFound):
        triage.worklist.study(received.study, {SOUTH})
    with pytest.raises(NotFound):
        triage.worklist.instance(received.instance, {SOUTH})
    assert triage.worklist.study(received.study, {NORTH}).id == received.study
    assert triage.worklist.instance(received.instance, None).new.id == received.instance


def test_parked_instances_are_listed(triage: MadeTriage) -> None:
    instance = triage.send(made_jpeg())
    triage.store.store.delete(triage.of(instance).new.store_key)
    work(triage)

    assert [stored.new.id for stored in triage.worklist.parked({NORTH})] == [instance]
    assert triage.worklist.parked({SOUTH}) == []


def test_the_next_study_is_one_that_no_other_doctor_has_open(triage: MadeTriage) -> None:
    sent = [triage.receiver.receive(made_jpeg(seed=seed), site=NORTH, door="http").study for seed in range(3)]
    rows = [row.study for row in triage.worklist.page(WorklistFilter()).rows]
    triage.reviews.claim(rows[1], made_doctor("otto"))

    assert set(rows) == set(sent)
    assert triage.worklist.next_after(rows[0], {NORTH}) == rows[2]
    assert triage.worklist.next_after(rows[2], {NORTH}) == rows[0]
    triage.reviews.claim(rows[0], made_doctor("otto"))
    assert triage.worklist.next_after(rows[2], None) is None


NUMBERS = count(1)
STATEMENTS = st.one_of(st.none(), st.sampled_from([Status.FAILED, Status.NOT_ELIGIBLE]), st.sampled_from(list(Band)))


@pytest.fixture(scope="module")
def records() -> Iterator[Records]:
    opened = open_records("memory://").records
    yield opened
    opened.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(studies=st.lists(st.tuples(STATEMENTS, st.booleans(), st.integers(0, 600)), min_size=1, max_size=12))
def test_the_order_is_total_explained_and_puts_unassessed_above_routine(
    records: Records, studies: list[tuple[Band | Status | None, bool, int]]
) -> None:
    worklist = Worklist(records=records, clock=MovableClock(START + timedelta(hours=10)))
    site = SiteName(f"site-{next(NUMBERS)}")
    for outcome, is_stat, minutes in studies:
        new = made_instance(site, is_stat=is_stat, minutes=minutes)
        records.add_instance(new)
        if outcome is not None:
            records.save_assessments([made_assessment(new, outcome)])

    rows = worklist.page(WorklistFilter(sites={site})).rows

    assert len(rows) == len(studies)
    keys = [(row.effective_priority.rank, row.received_at, row.study) for row in rows]
    assert all(before < after for before, after in pairwise(keys))
    for row in rows:
        assert row.effective_priority is effective_priority(
            row.priority, row.received_at, worklist.clock(), worklist.caps
        )
        assert row.status is Status.ASSESSED or row.priority.rank < Priority.ROUTINE.rank
        assert worklist.why(row).endswith(".")


def made_instance(site: SiteName, *, is_stat: bool, minutes: int) -> NewInstance:
    number = next(NUMBERS)
    return NewInstance(
        id=InstanceId(f"i{number}"),
        study=StudyId(f"s{number}"),
        site=site,
        door="http",
        sha256=f"{number:064x}",
        size_bytes=1,
        store_key=f"originals/{number}",
        description=Instance(file_format=FileFormat.JPEG, is_stat=is_stat),
        received_at=START + timedelta(minutes=minutes),
    )


def made_assessment(new: NewInstance, outcome: Band | Status) -> Assessment:
    band = outcome if isinstance(outcome, Band) else None
    return Assessment(
        instance=new.id,
        status=Status.ASSESSED if band else Status(outcome),
        priority=priority_of(band, is_stat=new.description.is_stat),
        assessed_at=START + timedelta(hours=10),
        seconds=0.1,
        code_version="0",
        reason=None if band else "a reason",
        probability=0.5 if band else None,
        band=band,
        package_sha256="0" * 64,
    )
