"""What every record promises of the worklist: a total order that agrees with the rule as written, filters, counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made.arrivals import (
    NOON,
    NORTH,
    SOUTH,
    after,
    made_arrival,
    made_description,
    made_refusal,
    made_result,
    made_review,
)

from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.records import Records, WorklistQuery, WorklistRow, open_records
from lingula.records.reviews import Claim, Verdict
from lingula.triage.priority import effective_priority

CAPS = {Priority.ROUTINE: timedelta(seconds=400), Priority.URGENT: timedelta(seconds=100)}
NOW = after(1_000)
QUERY = WorklistQuery(now=NOW, caps={})
ARRIVAL = st.tuples(
    st.integers(0, 1_000), st.sampled_from([*Band, "stat", "received", "failed", "not eligible"]), st.booleans()
)
DURATIONS = st.integers(0, 1_000).map(lambda seconds: timedelta(seconds=seconds)) | st.just(timedelta.max)


def fill(records: Records, kinds: Mapping[str, tuple[int, str]]) -> None:
    """Add one study for each name, arrived that many seconds after noon, of a band or another kind."""
    for name, (seconds, kind) in kinds.items():
        instance = f"i{name}"
        records.add_instance(made_arrival(instance, name, received_at=after(seconds), is_stat=kind == "stat"))
        if kind in set(Band):
            records.save_assessments([made_result(instance, Band(kind))])
        elif kind in {"failed", "not eligible"}:
            records.save_assessments([made_refusal(instance, Status(kind))])


def names(rows: Sequence[WorklistRow]) -> list[str]:
    return [str(row.study) for row in rows]


def test_the_most_urgent_come_first_and_then_who_waits_longest(records: Records) -> None:
    fill(
        records,
        {
            "unlikely": (0, "unlikely"),
            "unsure": (40, "unsure"),
            "received": (10, "received"),
            "failed": (20, "failed"),
            "refused": (30, "not eligible"),
            "likely late": (70, "likely"),
            "likely early": (60, "likely"),
            "stat": (90, "stat"),
        },
    )
    expected = ["stat", "likely early", "likely late", "received", "failed", "refused", "unsure", "unlikely"]
    assert names(records.worklist(QUERY).rows) == expected


def test_nothing_unassessed_stands_below_what_was_found_unlikely(records: Records) -> None:
    kinds = {"a": (0, "unlikely"), "b": (900, "received"), "c": (901, "failed"), "d": (902, "not eligible")}
    fill(records, kinds)
    assert names(records.worklist(QUERY).rows)[-1] == "a"


def test_who_waited_longer_than_the_cap_is_read_with_the_next_higher(records: Records) -> None:
    fill(records, {"urgent": (950, "unsure"), "long": (500, "unlikely"), "short": (700, "unlikely")})
    page = records.worklist(replace(QUERY, caps=CAPS))
    found = [(str(row.study), row.priority, row.effective_priority) for row in page.rows]
    assert found == [
        ("long", Priority.ROUTINE, Priority.URGENT),
        ("urgent", Priority.URGENT, Priority.URGENT),
        ("short", Priority.ROUTINE, Priority.ROUTINE),
    ]


def test_exactly_the_cap_is_not_longer(records: Records) -> None:
    fill(records, {"exact": (600, "unlikely"), "urgent": (990, "unsure")})
    assert names(records.worklist(replace(QUERY, caps=CAPS)).rows) == ["urgent", "exact"]
    later = replace(QUERY, caps=CAPS, now=NOW + timedelta(microseconds=1))
    assert names(records.worklist(later).rows) == ["exact", "urgent"]


def test_no_wait_lifts_anybody_above_the_sender_s_stat(records: Records) -> None:
    fill(records, {"likely": (0, "likely"), "unsure": (0, "unsure"), "stat": (999, "stat")})
    page = records.worklist(replace(QUERY, caps=dict.fromkeys(Priority, timedelta(0))))
    assert names(page.rows)[0] == "stat"
    assert [row.effective_priority for row in page.rows[1:]] == [Priority.ASAP, Priority.ASAP]


def test_whoever_arrived_together_is_ordered_by_id(records: Records) -> None:
    fill(records, {"b": (5, "unsure"), "c": (5, "unsure"), "a": (5, "unsure")})
    assert names(records.worklist(QUERY).rows) == ["a", "b", "c"]


@given(
    arrivals=st.lists(ARRIVAL, max_size=14),
    urgent_cap=DURATIONS,
    routine_cap=DURATIONS,
    page_size=st.integers(1, 6),
    is_reviewed=st.sampled_from([False, True, None]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_order_is_total_and_agrees_with_the_rule_as_written(
    arrivals: list[tuple[int, str, bool]],
    urgent_cap: timedelta,
    routine_cap: timedelta,
    page_size: int,
    is_reviewed: bool | None,  # noqa: FBT001  # Hypothesis gives it by name
) -> None:
    records = open_records("memory://").records
    fill(records, {f"s{number}": (seconds, kind) for number, (seconds, kind, _) in enumerate(arrivals)})
    for number, (_, _, reviewed) in enumerate(arrivals):
        if reviewed:
            records.add_review(made_review(f"s{number}"))
    caps = {Priority.URGENT: urgent_cap, Priority.ROUTINE: routine_cap}
    query = WorklistQuery(now=NOW, caps=caps, is_reviewed=is_reviewed, page_size=page_size)
    pages = [records.worklist(replace(query, page=page)) for page in range(1, len(arrivals) + 2)]
    rows = [row for page in pages for row in page.rows]
    asked = [number for number, (_, _, reviewed) in enumerate(arrivals) if is_reviewed in {None, reviewed}]
    assert sorted(names(rows)) == sorted(f"s{number}" for number in asked)
    assert {page.total for page in pages} == {len(asked)}
    for row in rows:
        assert row.effective_priority is effective_priority(row.priority, row.received_at, NOW, caps)
    order = [(row.effective_priority.rank, row.received_at, row.study) for row in rows]
    assert order == sorted(order)
    records.close()


def test_pages_follow_each_other_without_gap_or_repetition(records: Records) -> None:
    fill(records, {f"s{number:02}": (number, "unsure") for number in range(25)})
    pages = [records.worklist(replace(QUERY, page=page, page_size=10)) for page in (1, 2, 3, 4)]
    assert [len(page.rows) for page in pages] == [10, 10, 5, 0]
    assert [page.total for page in pages] == [25] * 4
    assert names([row for page in pages for row in page.rows]) == [f"s{number:02}" for number in range(25)]


def test_a_row_says_what_decides_its_place(records: Records) -> None:
    records.add_instance(made_arrival("i1"))
    records.add_instance(made_arrival("i2", received_at=after(5)))
    records.save_assessments([made_result("i1", Band.UNLIKELY), made_result("i2", Band.LIKELY)])
    records.claim(StudyId("s1"), Claim(reviewer="ann", until=after(2_000)), now=NOON)
    (row,) = records.worklist(QUERY).rows
    assert row == WorklistRow(
        study=StudyId("s1"),
        site=NORTH,
        status=Status.ASSESSED,
        band=Band.LIKELY,
        priority=Priority.ASAP,
        effective_priority=Priority.ASAP,
        probability=0.93,
        rule_out_threshold=0.1,
        rule_in_threshold=0.7,
        novelty=0.125,
        reason=None,
        received_at=NOON,
        assessed_at=after(1),
        instances=2,
        first_instance=InstanceId("i2"),
        description=made_description(),
        claim=Claim(reviewer="ann", until=after(2_000)),
        verdict=None,
    )


def test_of_equally_urgent_instances_the_more_probable_is_shown(records: Records) -> None:
    for name in ("i1", "i2", "i3"):
        records.add_instance(made_arrival(name))
    results = [
        replace(made_result(name), probability=value) for name, value in (("i1", 0.8), ("i2", 0.9), ("i3", 0.85))
    ]
    records.save_assessments(results)
    assert records.worklist(QUERY).rows[0].first_instance == "i2"


def test_a_row_gives_the_reason_where_there_is_no_result(records: Records) -> None:
    fill(records, {"s1": (0, "not eligible")})
    (row,) = records.worklist(QUERY).rows
    assert (row.reason, row.probability, row.band, row.assessed_at) == ("lateral view", None, None, after(1))


def test_a_claim_that_has_ended_is_not_shown(records: Records) -> None:
    fill(records, {"s1": (0, "likely")})
    records.claim(StudyId("s1"), Claim(reviewer="ann", until=NOW), now=NOON)
    assert records.worklist(QUERY).rows[0].claim is None
    assert records.worklist(replace(QUERY, now=after(999))).rows[0].claim is not None


def test_the_list_can_be_narrowed(records: Records) -> None:
    fill(records, {"s1": (0, "likely"), "s2": (1, "unlikely"), "t3": (2, "received"), "t4": (3, "failed")})
    records.add_instance(made_arrival("is5", "s5", site=SOUTH, received_at=after(4)))
    records.add_review(made_review("s1"))
    narrowed = {
        "s2": replace(QUERY, band=Band.UNLIKELY),
        "t3 s5": replace(QUERY, status=Status.RECEIVED),
        "t3": replace(QUERY, status=Status.RECEIVED, sites=[NORTH]),
        "s5": replace(QUERY, sites=[SOUTH]),
        "": replace(QUERY, sites=[]),
        "t3 t4 s5": replace(QUERY, priority=Priority.URGENT),
        "t3 t4": replace(QUERY, text="T"),
        "t4": replace(QUERY, text=" t4 "),
        "s1": replace(QUERY, is_reviewed=True),
        "s1 t3 t4 s5 s2": replace(QUERY, is_reviewed=None),
    }
    for expected, query in narrowed.items():
        page = records.worklist(query)
        assert names(page.rows) == expected.split()
        assert page.total == len(expected.split())


@pytest.mark.parametrize("text", ["%", "_", "s%", "' OR 1=1 --", "\\", "\x00"])
def test_a_searched_text_is_taken_letter_by_letter(records: Records, text: str) -> None:
    fill(records, {"s1": (0, "likely")})
    assert records.worklist(replace(QUERY, text=text)).total == 0


def test_a_reviewed_study_shows_its_newest_verdict(records: Records) -> None:
    fill(records, {"s1": (0, "likely")})
    records.add_review(made_review(verdict=Verdict.AGREE))
    records.add_review(made_review(verdict=Verdict.DISAGREE, reviewed_at=after(900)))
    (row,) = records.worklist(replace(QUERY, is_reviewed=True)).rows
    assert row.verdict is Verdict.DISAGREE


def test_an_empty_record_has_an_empty_list_and_counts_nothing(records: Records) -> None:
    assert records.worklist(QUERY).rows == []
    summary = records.summary(None)
    assert set(summary.by_status.values()) | set(summary.by_band.values()) | set(summary.by_priority.values()) == {0}
    assert set(summary.by_status) == set(Status)
    assert set(summary.by_band) == set(Band)
    assert (summary.parked, summary.unreviewed, summary.reviewed) == (0, 0, 0)
    assert (summary.oldest_received_at, summary.oldest_unassessed_at) == (None, None)


def test_the_summary_counts_what_waits_for_a_doctor(records: Records) -> None:
    fill(
        records,
        {
            "s1": (1, "likely"),
            "s2": (2, "likely"),
            "s3": (3, "unlikely"),
            "s4": (4, "received"),
            "s5": (5, "failed"),
            "s6": (6, "stat"),
            "s7": (0, "unsure"),
        },
    )
    records.add_review(made_review("s7"))
    summary = records.summary(None)
    assert summary.by_status == {
        Status.RECEIVED: 2,
        Status.ASSESSED: 3,
        Status.NOT_ELIGIBLE: 0,
        Status.FAILED: 1,
    }
    assert summary.by_band == {Band.LIKELY: 2, Band.UNSURE: 0, Band.UNLIKELY: 1}
    assert summary.by_priority == {Priority.STAT: 1, Priority.ASAP: 2, Priority.URGENT: 2, Priority.ROUTINE: 1}
    assert (summary.parked, summary.unreviewed, summary.reviewed) == (1, 6, 1)
    assert (summary.oldest_received_at, summary.oldest_unassessed_at) == (after(1), after(4))


def test_the_summary_counts_the_sites_asked_only(records: Records) -> None:
    fill(records, {"s1": (1, "likely"), "s2": (2, "failed")})
    records.add_instance(made_arrival("i3", "s3", site=SOUTH, received_at=after(3)))
    records.add_review(made_review("s1"))
    north, south, nowhere = records.summary([NORTH]), records.summary([SOUTH]), records.summary([])
    assert (north.unreviewed, north.reviewed, north.parked) == (1, 1, 1)
    assert (south.unreviewed, south.reviewed, south.parked) == (1, 0, 0)
    assert south.oldest_received_at == south.oldest_unassessed_at == after(3)
    assert (nowhere.unreviewed, nowhere.reviewed, nowhere.parked) == (0, 0, 0)


def test_a_wait_since_long_before_the_epoch_is_understood(records: Records) -> None:
    records.add_instance(made_arrival("i1", received_at=datetime(1969, 1, 1, tzinfo=UTC)))
    records.save_assessments([made_result("i1", Band.UNLIKELY)])
    (row,) = records.worklist(replace(QUERY, caps=CAPS)).rows
    assert row.effective_priority is Priority.URGENT
