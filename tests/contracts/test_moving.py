"""A site is carried from SQLite and a folder to any other places, whole, once, and without a change at home."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from made.arrivals import (
    NOON,
    NORTH,
    SOUTH,
    after,
    made_arrival,
    made_refusal,
    made_result,
    made_review,
)
from made.home import arrive, made_home, original_of

from lingula.errors import BackendUnavailable, Conflict, NotFound
from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Status
from lingula.records.accounts import Binding, BindingKind
from lingula.records.moves import Taken
from lingula.records.records import RecordsPlace, TimelineEntry, open_records
from lingula.records.reviews import Claim
from lingula.stores.store import open_store
from lingula.wiring.moving import Ends, MoveTally, count_studies, move_sites, sites_to_move


@pytest.fixture
def home(tmp_path: Path) -> str:
    return made_home(tmp_path)


@pytest.fixture
def ends(home: str, place: RecordsPlace, tmp_path: Path) -> Iterator[Ends]:
    opened = open_records(home)
    from_store, to_store = open_store(f"file://{tmp_path}/home"), open_store("memory://")
    yield Ends(from_records=opened, from_store=from_store, to_records=place, to_store=to_store)
    opened.records.close()


def moved(ends: Ends, site: str | None = None) -> MoveTally:
    return move_sites(ends, sites_to_move(ends, site), is_all=site is None)


def test_everything_is_carried_as_it_was(ends: Ends) -> None:
    tally = moved(ends)
    giving, taking = ends.from_records, ends.to_records
    assert tally.is_whole
    assert (tally.sites, tally.studies, tally.by_outcome[Taken.NEW], tally.originals, tally.users) == (2, 4, 4, 5, 3)
    assert taking.records.installation_key() == giving.records.installation_key()
    for study in ("s1", "s2", "s3", "s4"):
        theirs, ours = taking.records.study(StudyId(study)), giving.records.study(StudyId(study))
        assert theirs == ours
        for stored in theirs.instances:
            assert ends.to_store.get(stored.new.store_key) == original_of(stored.new.id)
    ever = datetime.min.replace(tzinfo=UTC)
    assert taking.shadows.shadow_pairs("2" * 64, ever) == giving.shadows.shadow_pairs("2" * 64, ever)
    assert taking.records.summary(None) == giving.records.summary(None)
    assert taking.accounts.users() == giving.accounts.users()
    assert taking.accounts.sites() == giving.accounts.sites()
    assert taking.accounts.bindings() == giving.accounts.bindings()
    assert {line.resource for line in taking.accounts.accesses(99)} == {"s1", "i4", "s4", "users", "i1"}
    entries = taking.records.timeline(0, None, 99)
    assert sorted(str(entry.detail["n"]) for entry in entries) == ["0", "1", "2", "3"]
    assert [entry.detail["n"] for entry in entries if entry.site == NORTH] == [0, 3]


def test_one_site_is_carried_without_the_others(ends: Ends) -> None:
    tally = moved(ends, "north")
    taking = ends.to_records
    assert (tally.sites, tally.studies, tally.originals) == (1, 3, 4)
    with pytest.raises(NotFound):
        taking.records.study(StudyId("s4"))
    assert [user.name for user in taking.accounts.users()] == ["ann", "eve"]
    assert [site.name for site in taking.accounts.sites()] == [NORTH]
    assert taking.accounts.site_of_key("4" * 64).name == NORTH
    assert {entry.site for entry in taking.records.timeline(0, None, 99)} == {NORTH}
    assert {line.resource for line in taking.accounts.accesses(99)} == {"s1", "i4", "i1"}
    moved(ends)
    assert taking.records.summary(None) == ends.from_records.records.summary(None)
    assert len(taking.records.timeline(0, None, 99)) == 4
    assert len(taking.accounts.accesses(99)) == 5


def test_carrying_again_changes_nothing_and_carries_what_came_since(ends: Ends) -> None:
    moved(ends)
    again = moved(ends)
    assert (again.by_outcome[Taken.THERE], again.originals, again.log_lines, again.users) == (4, 0, 0, 0)
    giving = ends.from_records
    arrive(giving, ends.from_store, "i6", "s1")
    arrive(giving, ends.from_store, "i7", "s7")
    giving.records.save_assessments([made_result("i6")])
    giving.records.add_timeline([TimelineEntry(action="assessed", at=after(9), site=NORTH, detail={"n": 9})])
    since = moved(ends)
    assert (since.by_outcome[Taken.RENEWED], since.by_outcome[Taken.NEW], since.by_outcome[Taken.THERE]) == (1, 1, 3)
    assert (since.originals, since.log_lines) == (2, 1)
    assert ends.to_records.records.study(StudyId("s1")) == giving.records.study(StudyId("s1"))


def test_a_failure_that_was_set_back_since_is_tried_again_at_the_other_place(ends: Ends) -> None:
    moved(ends)
    ends.from_records.records.reopen(InstanceId("i3"))
    tally = moved(ends)
    assert (tally.by_outcome[Taken.RENEWED], tally.by_outcome[Taken.THERE]) == (1, 3)
    assert ends.to_records.records.instance(InstanceId("i3")).status is Status.RECEIVED
    assert ends.to_records.records.study(StudyId("s2")) == ends.from_records.records.study(StudyId("s2"))
    assert moved(ends).by_outcome[Taken.THERE] == 4


def test_a_failure_that_was_set_back_at_the_other_place_is_left_so(ends: Ends) -> None:
    moved(ends)
    ends.to_records.records.reopen(InstanceId("i3"))
    assert moved(ends).by_outcome[Taken.THERE] == 4
    assert ends.to_records.records.instance(InstanceId("i3")).status is Status.RECEIVED


def test_a_failure_that_was_set_back_and_failed_again_there_is_ahead(ends: Ends) -> None:
    moved(ends)
    for records in (ends.to_records.records, ends.from_records.records):
        records.reopen(InstanceId("i3"))
    ends.to_records.records.save_assessments([made_refusal("i3", Status.FAILED, "again")])
    assert moved(ends).by_outcome[Taken.AHEAD] == 1
    assert ends.to_records.records.instance(InstanceId("i3")).status is Status.FAILED


def test_a_claim_made_since_is_not_carried_and_keeps_nothing_from_being_there(ends: Ends) -> None:
    moved(ends)
    ends.from_records.records.claim(StudyId("s3"), Claim(reviewer="ann", until=after(60)), NOON)
    assert moved(ends).by_outcome[Taken.THERE] == 4
    assert ends.to_records.records.study(StudyId("s3")).claim is None


def test_a_study_on_which_work_has_gone_on_there_is_left_alone(ends: Ends) -> None:
    moved(ends)
    ends.to_records.records.add_review(made_review("s2", "bob"))
    arrive(ends.from_records, ends.from_store, "i8", "s2")
    tally = moved(ends)
    assert tally.by_outcome[Taken.AHEAD] == 1
    assert not tally.is_whole
    assert len(ends.to_records.records.study(StudyId("s2")).reviews) == 1


def test_what_was_carried_before_an_end_is_passed_over_after_it(ends: Ends) -> None:
    def give_out(tally: MoveTally) -> None:
        if tally.studies == 2:
            raise BackendUnavailable("the power went")

    with pytest.raises(BackendUnavailable):
        move_sites(ends, sites_to_move(ends, None), is_all=True, notify=give_out)
    tally = moved(ends)
    assert (tally.by_outcome[Taken.THERE], tally.by_outcome[Taken.NEW]) == (2, 2)
    assert ends.to_records.records.summary(None) == ends.from_records.records.summary(None)


def test_an_original_that_is_lost_or_changed_is_named_and_its_study_left(ends: Ends) -> None:
    ends.from_store.delete("north/i3")
    ends.from_store.delete("north/i4")
    ends.from_store.put("north/i4", b"other bytes")
    tally = moved(ends)
    assert tally.damaged == [InstanceId("i3"), InstanceId("i4")]
    assert tally.by_outcome[Taken.NEW] == 2
    for study in ("s2", "s3"):
        with pytest.raises(NotFound):
            ends.to_records.records.study(StudyId(study))
    assert list(ends.to_store.keys("")) == ["north/i1", "north/i2", "south/i5"]


def test_another_installation_s_records_are_refused_and_left_as_they_are(ends: Ends) -> None:
    theirs = ends.to_records.records
    key = theirs.installation_key()
    theirs.add_instance(made_arrival("x", "y"))
    with pytest.raises(Conflict, match="another installation"):
        moved(ends)
    assert theirs.installation_key() == key
    assert theirs.summary(None).unreviewed == 1


def test_records_that_were_opened_but_never_used_take_the_key(ends: Ends) -> None:
    place = ends.to_records
    assert ends.from_records.moves.known_key() is not None
    place.records.check()
    assert place.moves.known_key() != ends.from_records.moves.known_key()
    moved(ends)
    assert place.moves.known_key() == ends.from_records.moves.known_key()


def test_a_binding_that_is_another_site_s_there_ends_the_carrying(ends: Ends) -> None:
    moved(ends, "south")
    ends.to_records.accounts.add_binding(Binding(kind=BindingKind.BUCKET, value="s3://images/north", site=SOUTH))
    with pytest.raises(Conflict, match="south"):
        moved(ends, "north")


def test_an_unknown_site_and_an_empty_place_are_not_found(ends: Ends) -> None:
    with pytest.raises(NotFound, match="north, south"):
        sites_to_move(ends, "west")
    turned = replace(ends, from_records=ends.to_records, to_records=ends.from_records)
    with pytest.raises(NotFound, match="nothing was ever recorded"):
        sites_to_move(turned, None)
    assert count_studies(ends, [NORTH]) == 3
