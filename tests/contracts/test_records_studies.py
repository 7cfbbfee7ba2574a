"""What every record promises of studies: what their instances decide, claims, verdicts, the timeline."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from made.arrivals import NOON, NORTH, SOUTH, after, made_arrival, made_refusal, made_result, made_review

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.records import Records, TimelineEntry, WorklistQuery
from lingula.records.reviews import Claim, Verdict

S1, S2 = StudyId("s1"), StudyId("s2")


def test_an_unknown_study_is_not_found(records: Records) -> None:
    with pytest.raises(NotFound, match="s1"):
        records.study(S1)


def test_a_study_waits_as_urgent_until_it_is_assessed(records: Records) -> None:
    records.add_instance(made_arrival())
    study = records.study(S1)
    assert (study.status, study.band, study.priority) == (Status.RECEIVED, None, Priority.URGENT)
    assert (study.site, study.received_at, study.claim) == (NORTH, NOON, None)


@pytest.mark.parametrize("band", list(Band))
def test_a_study_takes_over_what_its_only_instance_says(records: Records, band: Band) -> None:
    records.add_instance(made_arrival())
    records.save_assessments([made_result(band=band)])
    study = records.study(S1)
    assert (study.status, study.band, study.priority) == (Status.ASSESSED, band, made_result(band=band).priority)


def test_a_study_takes_the_highest_of_its_instances(records: Records) -> None:
    for name in ("i1", "i2", "i3"):
        records.add_instance(made_arrival(name))
    records.save_assessments([made_result("i1", Band.UNLIKELY), made_result("i2", Band.LIKELY), made_refusal("i3")])
    study = records.study(S1)
    assert (study.status, study.band, study.priority) == (Status.ASSESSED, Band.LIKELY, Priority.ASAP)
    assert [instance.new.id for instance in study.instances] == ["i1", "i2", "i3"]


def test_a_study_with_one_instance_still_waiting_is_no_less_than_urgent(records: Records) -> None:
    records.add_instance(made_arrival("i1"))
    records.save_assessments([made_result("i1", Band.UNLIKELY)])
    records.add_instance(made_arrival("i2", received_at=after(60)))
    study = records.study(S1)
    assert (study.status, study.band, study.priority) == (Status.RECEIVED, Band.UNLIKELY, Priority.URGENT)
    assert study.received_at == NOON


def test_a_failure_is_not_hidden_by_a_result(records: Records) -> None:
    records.add_instance(made_arrival("i1"))
    records.add_instance(made_arrival("i2"))
    records.save_assessments([made_result("i1", Band.UNLIKELY), made_refusal("i2", Status.FAILED)])
    study = records.study(S1)
    assert (study.status, study.priority) == (Status.FAILED, Priority.URGENT)


def test_what_the_sender_calls_stat_stays_stat(records: Records) -> None:
    records.add_instance(made_arrival("i1", is_stat=True))
    assert records.study(S1).priority is Priority.STAT
    records.save_assessments([made_result("i1", Band.UNLIKELY)])
    assert records.study(S1).priority is Priority.STAT


def test_a_study_becomes_stat_with_a_later_instance(records: Records) -> None:
    records.add_instance(made_arrival("i1"))
    records.save_assessments([made_result("i1", Band.UNLIKELY)])
    records.add_instance(made_arrival("i2", is_stat=True))
    assert records.study(S1).priority is Priority.STAT


def test_only_one_doctor_has_a_study_open(records: Records) -> None:
    records.add_instance(made_arrival())
    records.claim(S1, Claim(reviewer="ann", until=after(60)), now=NOON)
    with pytest.raises(Conflict, match="ann"):
        records.claim(S1, Claim(reviewer="bob", until=after(90)), now=after(30))
    assert records.study(S1).claim == Claim(reviewer="ann", until=after(60))


def test_a_doctor_may_prolong_their_own_claim(records: Records) -> None:
    records.add_instance(made_arrival())
    records.claim(S1, Claim(reviewer="ann", until=after(60)), now=NOON)
    records.claim(S1, Claim(reviewer="ann", until=after(120)), now=after(30))
    assert records.study(S1).claim == Claim(reviewer="ann", until=after(120))


def test_a_claim_ends_by_itself(records: Records) -> None:
    records.add_instance(made_arrival())
    records.claim(S1, Claim(reviewer="ann", until=after(60)), now=NOON)
    records.claim(S1, Claim(reviewer="bob", until=after(120)), now=after(60))
    assert records.study(S1).claim == Claim(reviewer="bob", until=after(120))


def test_only_the_claimer_can_release_and_doing_so_twice_is_no_error(records: Records) -> None:
    records.add_instance(made_arrival())
    records.claim(S1, Claim(reviewer="ann", until=after(60)), now=NOON)
    records.release(S1, "bob")
    assert records.study(S1).claim is not None
    records.release(S1, "ann")
    records.release(S1, "ann")
    records.release(S2, "ann")
    assert records.study(S1).claim is None


def test_an_unknown_study_cannot_be_claimed(records: Records) -> None:
    with pytest.raises(NotFound):
        records.claim(S1, Claim(reviewer="ann", until=after(60)), now=NOON)


def test_of_doctors_who_claim_at_once_one_gets_it(records: Records) -> None:
    records.add_instance(made_arrival())

    def claim(number: int) -> bool:
        try:
            records.claim(S1, Claim(reviewer=f"doctor{number}", until=after(60)), now=NOON)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(claim, range(16))) == 1


def test_a_verdict_is_given_back_and_ends_the_claim(records: Records) -> None:
    records.add_instance(made_arrival())
    records.claim(S1, Claim(reviewer="ann", until=after(600)), now=NOON)
    review = records.add_review(made_review())
    study = records.study(S1)
    assert review.number == 1
    assert study.reviews == [review]
    assert study.reviews[0].new == made_review()
    assert study.claim is None


def test_verdicts_are_only_added_never_replaced(records: Records) -> None:
    records.add_instance(made_arrival())
    first, second = made_review(), made_review(reviewer="bob", verdict=Verdict.DISAGREE, reviewed_at=after(900))
    records.add_review(first)
    records.add_review(second)
    reviews = records.study(S1).reviews
    assert [(review.number, review.new) for review in reviews] == [(1, first), (2, second)]


def test_nobody_reviews_what_another_has_open(records: Records) -> None:
    records.add_instance(made_arrival())
    records.claim(S1, Claim(reviewer="bob", until=after(600)), now=NOON)
    with pytest.raises(Conflict, match="bob"):
        records.add_review(made_review(reviewed_at=after(300)))
    assert records.study(S1).reviews == []
    records.add_review(made_review(reviewed_at=after(600)))
    assert len(records.study(S1).reviews) == 1


def test_an_unknown_study_cannot_be_reviewed(records: Records) -> None:
    with pytest.raises(NotFound):
        records.add_review(made_review())


def test_verdicts_given_at_once_are_numbered_without_gaps(records: Records) -> None:
    records.add_instance(made_arrival())
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(lambda _: records.add_review(made_review()).number, range(16)))
    assert sorted(numbers) == list(range(1, 17))


def test_a_radiograph_nobody_has_seen_brings_a_reviewed_study_back(records: Records) -> None:
    records.add_instance(made_arrival("i1"))
    records.add_review(made_review())
    query = WorklistQuery(now=after(600), caps={})
    assert records.worklist(query).total == 0
    records.add_instance(made_arrival("i1"))  # the same again: nothing new to see
    assert records.worklist(query).total == 0
    records.add_instance(made_arrival("i2", received_at=after(500)))
    (row,) = records.worklist(query).rows
    assert row.verdict is Verdict.AGREE
    assert len(records.study(S1).reviews) == 1


def entry(action: str = "instance_received", study: StudyId | None = S1, *, is_south: bool = False) -> TimelineEntry:
    return TimelineEntry(
        action=action,
        at=NOON,
        site=SOUTH if is_south else NORTH,
        study=study,
        instance=InstanceId("i1"),
        detail={"door": "http", "seconds": 0.25, "attempt": 2, "is_parked": False, "reason": None, "word": "höher"},
    )


def test_what_happened_is_given_back_in_order_with_growing_numbers(records: Records) -> None:
    records.add_timeline([entry("first"), entry("second")])
    records.add_timeline([entry("third")])
    found = records.timeline(after=0, sites=None, at_most=10)
    assert [one.action for one in found] == ["first", "second", "third"]
    assert all(earlier.number < later.number for earlier, later in pairwise(found))
    assert found[0].detail == entry().detail
    assert (found[0].at, found[0].site, found[0].study, found[0].instance) == (NOON, NORTH, S1, "i1")


def test_a_reader_can_follow_from_where_it_stopped(records: Records) -> None:
    records.add_timeline([entry(str(number)) for number in range(5)])
    first = records.timeline(after=0, sites=None, at_most=2)
    rest = records.timeline(after=first[-1].number, sites=None, at_most=10)
    assert [one.action for one in [*first, *rest]] == ["0", "1", "2", "3", "4"]
    assert records.timeline(after=rest[-1].number, sites=None, at_most=10) == []


def test_the_newest_entry_alone_can_be_asked_for(records: Records) -> None:
    assert records.timeline(after=-1, sites=None, at_most=10) == []
    records.add_timeline([entry("first"), entry("south", is_south=True), entry("last")])
    assert [one.action for one in records.timeline(after=-1, sites=None, at_most=10)] == ["last"]
    assert [one.action for one in records.timeline(after=-1, sites=[SOUTH], at_most=10)] == ["south"]


def test_entries_are_given_for_the_sites_asked_only(records: Records) -> None:
    nowhere = TimelineEntry(action="started", at=NOON)
    records.add_timeline([nowhere, entry("north"), entry("south", is_south=True)])
    assert [one.action for one in records.timeline(0, [SOUTH], 10)] == ["south"]
    assert [one.action for one in records.timeline(0, None, 10)] == ["started", "north", "south"]
    assert records.timeline(0, [], 10) == []


def test_a_study_carries_its_own_timeline(records: Records) -> None:
    records.add_instance(made_arrival())
    records.add_timeline([entry("mine"), entry("other", S2), entry("mine too")])
    assert [one.action for one in records.study(S1).timeline] == ["mine", "mine too"]


def test_entries_added_at_once_by_many_are_all_kept(records: Records) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: records.add_timeline([entry(f"{number}a"), entry(f"{number}b")]), range(40)))
    found = [one.action for one in records.timeline(0, None, 1_000)]
    assert sorted(found) == sorted(f"{number}{letter}" for number in range(40) for letter in "ab")
    records.add_timeline([])
    assert len(records.timeline(0, None, 1_000)) == 80
