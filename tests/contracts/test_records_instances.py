"""What every record promises of instances: arrivals, attempts, statements, and what must be looked after."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from made.arrivals import NOON, NORTH, SOUTH, after, made_arrival, made_refusal, made_result

from lingula.errors import Conflict, NotFound, SettingsError
from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Band, FileFormat, Instance, Status
from lingula.records.records import Records, open_records

I1, I2 = InstanceId("i1"), InstanceId("i2")


def test_the_installation_key_is_made_once_even_when_many_ask_first(records: Records) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: records.installation_key(), range(16)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32


def test_an_arrival_is_given_back_with_everything_it_says(records: Records) -> None:
    arrival = made_arrival()
    assert records.add_instance(arrival)
    stored = records.instance(I1)
    assert stored.new == arrival
    assert (stored.status, stored.attempts, stored.assessment) == (Status.RECEIVED, 0, None)


def test_identifying_values_come_back_wrapped(records: Records) -> None:
    records.add_instance(made_arrival())
    stored = records.instance(I1)
    assert stored.new.description.patient_name is not None
    assert stored.new.description.patient_name.reveal() == "Doe^Jané"
    assert "Doe" not in repr(stored)
    assert "jane" not in repr(stored)
    assert "4711" not in repr(stored)


def test_elements_a_file_does_not_carry_stay_none(records: Records) -> None:
    arrival = replace(made_arrival(), description=Instance(file_format=FileFormat.PNG), source_name=None)
    records.add_instance(arrival)
    assert records.instance(I1).new == arrival


def test_times_are_kept_to_the_microsecond_in_utc(records: Records) -> None:
    moment = datetime(2026, 7, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    records.add_instance(made_arrival(received_at=moment))
    assert records.instance(I1).new.received_at == moment
    assert records.instance(I1).new.received_at.tzinfo is UTC


def test_the_same_arrival_again_changes_nothing(records: Records) -> None:
    assert records.add_instance(made_arrival())
    records.save_assessments([made_result()])
    assert not records.add_instance(made_arrival(received_at=after(60)))
    stored = records.instance(I1)
    assert stored.status is Status.ASSESSED
    assert stored.new.received_at == NOON
    assert len(records.study(StudyId("s1")).instances) == 1


def test_other_bytes_under_one_id_change_nothing(records: Records) -> None:
    records.add_instance(made_arrival())
    assert not records.add_instance(replace(made_arrival(sha256="b" * 64), store_key="other"))
    stored = records.instance(I1).new
    assert (stored.sha256, stored.store_key) == ("a" * 64, made_arrival().store_key)
    assert len(records.study(StudyId("s1")).instances) == 1


def test_one_instance_under_two_studies_is_a_conflict(records: Records) -> None:
    records.add_instance(made_arrival())
    with pytest.raises(Conflict, match="under study s1"):
        records.add_instance(made_arrival(study="s2"))
    with pytest.raises(NotFound):
        records.study(StudyId("s2"))


def test_of_many_who_send_the_same_at_once_one_is_told_it_is_new(records: Records) -> None:
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: records.add_instance(made_arrival()), range(16)))
    assert sorted(told) == [False] * 15 + [True]
    assert len(records.study(StudyId("s1")).instances) == 1


def test_of_many_at_the_same_moment_written_otherwise_the_record_is_the_one_that_was_new(records: Records) -> None:
    ways = [replace(made_arrival(sha256=f"{number:064}"), store_key=f"key-{number}") for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(records.add_instance, ways))
    (first,) = (way for way, is_new in zip(ways, told, strict=True) if is_new)
    kept = records.instance(I1).new
    assert (kept.sha256, kept.store_key) == (first.sha256, first.store_key)


def test_an_unknown_instance_is_not_found(records: Records) -> None:
    with pytest.raises(NotFound, match="i1"):
        records.instance(I1)


def test_attempts_are_counted_and_given_in_the_order_asked(records: Records) -> None:
    for name in ("i1", "i2", "i3"):
        records.add_instance(made_arrival(name, f"s{name}"))
    records.begin_attempts([I2])
    begun = records.begin_attempts([InstanceId("i3"), I2, InstanceId("unknown"), I1])
    assert [(stored.new.id, stored.attempts) for stored in begun] == [("i3", 1), ("i2", 2), ("i1", 1)]
    assert begun[2].new == made_arrival("i1", "si1")
    assert records.instance(I2).attempts == 2


def test_where_only_the_untried_are_asked_for_no_other_attempt_is_counted(records: Records) -> None:
    for name in ("i1", "i2"):
        records.add_instance(made_arrival(name, f"s{name}"))
    records.begin_attempts([I2])
    assert [stored.new.id for stored in records.begin_attempts([I2, I1], only_untried=True)] == ["i1"]
    assert records.begin_attempts([I2, I1], only_untried=True) == []
    assert [records.instance(instance).attempts for instance in (I1, I2)] == [1, 1]


def test_an_attempt_asked_for_twice_at_once_counts_once(records: Records) -> None:
    records.add_instance(made_arrival())
    assert [stored.attempts for stored in records.begin_attempts([I1, I1])] == [1]


def test_what_has_a_result_is_not_attempted(records: Records) -> None:
    for name in ("i1", "i2", "i3"):
        records.add_instance(made_arrival(name, f"s{name}"))
    statements = [made_result("i1"), made_refusal("i2"), made_refusal("i3", Status.FAILED)]
    records.save_assessments(statements)
    assert records.begin_attempts([I1, I2, InstanceId("i3")]) == []
    assert records.begin_attempts([]) == []
    assert records.instance(I1).attempts == 0


def test_attempts_that_were_not_the_radiograph_s_fault_are_taken_back(records: Records) -> None:
    for name in ("i1", "i2", "i3"):
        records.add_instance(made_arrival(name, f"s{name}"))
    records.begin_attempts([I1, InstanceId("i3")])
    records.begin_attempts([I1])
    records.save_assessments([made_result("i3")])
    records.forgive_attempts([I1, I2, InstanceId("i3"), InstanceId("unknown")])
    assert [records.instance(InstanceId(name)).attempts for name in ("i1", "i2", "i3")] == [1, 0, 1]


def test_a_result_is_given_back_whole(records: Records) -> None:
    records.add_instance(made_arrival())
    assert set(records.save_assessments([made_result()])) == {I1}
    stored = records.instance(I1)
    assert stored.status is Status.ASSESSED
    assert stored.assessment == made_result()


def test_a_refusal_keeps_its_reason_and_no_numbers(records: Records) -> None:
    records.add_instance(made_arrival())
    records.save_assessments([made_refusal()])
    assert records.instance(I1).assessment == made_refusal()
    assert records.instance(I1).status is Status.NOT_ELIGIBLE


def test_a_second_result_by_the_same_package_changes_nothing(records: Records) -> None:
    records.add_instance(made_arrival())
    records.save_assessments([made_result(band=Band.LIKELY)])
    assert not records.save_assessments([made_result(band=Band.UNLIKELY)])
    assert records.instance(I1).assessment == made_result(band=Band.LIKELY)


def test_of_two_results_in_one_call_the_first_is_kept(records: Records) -> None:
    records.add_instance(made_arrival())
    records.save_assessments([made_result(band=Band.LIKELY), made_result(band=Band.UNLIKELY)])
    assert records.instance(I1).assessment == made_result(band=Band.LIKELY)


def test_another_package_s_result_becomes_the_newest_and_the_first_s_never_returns(records: Records) -> None:
    records.add_instance(made_arrival())
    first, second = made_result(band=Band.LIKELY), made_result(band=Band.UNLIKELY, package="2" * 64)
    records.save_assessments([first])
    assert set(records.save_assessments([second])) == {I1}
    assert not records.save_assessments([first])
    assert records.instance(I1).assessment == second
    assert records.study(StudyId("s1")).band is Band.UNLIKELY


def test_a_late_failure_never_replaces_a_result(records: Records) -> None:
    records.add_instance(made_arrival())
    records.save_assessments([made_result()])
    assert not records.save_assessments([made_refusal(status=Status.FAILED)])
    assert records.instance(I1).status is Status.ASSESSED


def test_a_late_result_replaces_a_failure(records: Records) -> None:
    records.add_instance(made_arrival())
    records.save_assessments([made_refusal(status=Status.FAILED)])
    assert set(records.save_assessments([made_result()])) == {I1}
    assert records.instance(I1).assessment == made_result()


def test_statements_on_unknown_instances_are_left_out_and_the_others_recorded(records: Records) -> None:
    records.add_instance(made_arrival())
    assert set(records.save_assessments([made_result("unknown"), made_result("i1")])) == {I1}
    assert records.save_assessments([]) == frozenset()


def test_of_workers_who_finish_at_once_one_takes_effect(records: Records) -> None:
    records.add_instance(made_arrival())
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: len(records.save_assessments([made_result()])), range(16)))
    assert sum(taken) == 1


def test_a_failed_instance_opened_again_is_as_it_arrived(records: Records) -> None:
    records.add_instance(made_arrival())
    records.begin_attempts([I1])
    records.save_assessments([made_refusal(status=Status.FAILED)])
    records.reopen(I1)
    stored = records.instance(I1)
    assert (stored.status, stored.attempts, stored.assessment) == (Status.RECEIVED, 0, None)
    assert records.study(StudyId("s1")).status is Status.RECEIVED
    assert set(records.save_assessments([made_result()])) == {I1}
    assert records.instance(I1).assessment == made_result()


def test_a_failure_may_be_recorded_again_after_opening_again(records: Records) -> None:
    records.add_instance(made_arrival())
    failure = replace(made_refusal(status=Status.FAILED), package_sha256="1" * 64)
    records.save_assessments([failure])
    records.reopen(I1)
    assert set(records.save_assessments([failure])) == {I1}
    assert records.instance(I1).status is Status.FAILED


def test_only_a_failed_instance_can_be_opened_again(records: Records) -> None:
    records.add_instance(made_arrival())
    with pytest.raises(Conflict, match="received"):
        records.reopen(I1)
    records.save_assessments([made_result()])
    with pytest.raises(Conflict, match="assessed"):
        records.reopen(I1)
    with pytest.raises(NotFound):
        records.reopen(I2)


def test_the_unassessed_are_given_oldest_first(records: Records) -> None:
    for name, seconds in (("i3", 30), ("i1", 10), ("i2", 20), ("i4", 40), ("i5", 5)):
        records.add_instance(made_arrival(name, f"s{name}", received_at=after(seconds)))
    records.save_assessments([made_result("i5")])
    assert records.unassessed(after(40), at_most=10) == ["i1", "i2", "i3"]
    assert records.unassessed(after(60), at_most=2) == ["i1", "i2"]


def test_the_parked_are_given_newest_first_and_only_of_the_sites_asked(records: Records) -> None:
    for name, site, seconds in (("i1", NORTH, 1), ("i2", SOUTH, 2), ("i3", NORTH, 3), ("i4", NORTH, 4)):
        records.add_instance(made_arrival(name, f"s{name}", site=site, received_at=after(seconds)))
        if name != "i4":
            records.save_assessments([made_refusal(name, Status.FAILED, reason="the graph ran out of memory")])
    assert [stored.new.id for stored in records.parked(None, 10)] == ["i3", "i2", "i1"]
    assert [stored.new.id for stored in records.parked([NORTH], 1)] == ["i3"]
    assert records.parked([], 10) == []
    (parked,) = records.parked([SOUTH], 10)
    assert parked.assessment is not None
    assert parked.assessment.reason == "the graph ran out of memory"


def test_what_answers_passes_its_check(records: Records) -> None:
    records.check()
    key = records.installation_key()
    records.check()
    assert records.installation_key() == key


@pytest.mark.parametrize(
    "url", ["", "records", "mysql://x", "sqlite://", "sqlite:///", "sqlite://host/x", "sqlite:///x?y=1"]
)
def test_another_url_is_a_settings_error_that_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="LINGULA_RECORDS_URL"):
        open_records(url)
