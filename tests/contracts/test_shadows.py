"""A candidate's statements: each instance once, after the serving package, and nothing else follows from them."""

from dataclasses import replace

from made.arrivals import NOON, after, made_arrival, made_refusal, made_result, made_review, made_shadow

from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Band, Status
from lingula.records.records import Records, RecordsPlace
from lingula.records.reviews import Verdict
from lingula.records.shadows import OpenShadows, ShadowCounts, Shadows, Side

CANDIDATE = "2" * 64
I1, I2, I3 = InstanceId("i1"), InstanceId("i2"), InstanceId("i3")


def opened(shadows: Shadows, *, begun_before: float = -1.0, at_most: int = 10) -> OpenShadows:
    return shadows.open_shadows(CANDIDATE, NOON, begun_before=after(begun_before), at_most=at_most)


def begin(shadows: Shadows, *instances: InstanceId, at: float = 5.0, begun_before: float = -1.0) -> list[InstanceId]:
    return list(shadows.begin_shadows(CANDIDATE, instances, at=after(at), begun_before=after(begun_before)))


def three(records: Records) -> None:
    """Let one arrive before the shadow began, and two after; the last still waits."""
    records.add_instance(made_arrival("i0", "s0", received_at=after(-1)))
    for number in (1, 2, 3):
        records.add_instance(made_arrival(f"i{number}", f"s{number}", received_at=after(number)))
    records.save_assessments([made_result("i0"), made_result("i1"), made_refusal("i2")])


def test_what_left_received_since_is_open_oldest_first(records: Records, shadows: Shadows) -> None:
    three(records)

    assert opened(shadows) == OpenShadows(instances=[I1, I2], from_time=after(1))
    assert opened(shadows, at_most=1).instances == [I1]


def test_what_is_stated_is_closed_and_what_waits_holds_the_time(records: Records, shadows: Shadows) -> None:
    three(records)
    begin(shadows, I1, I2)
    shadows.save_shadows([made_shadow("i1"), replace(made_shadow("i2"), status=Status.FAILED)])

    assert opened(shadows, begun_before=100.0) == OpenShadows(instances=[], from_time=after(3))
    assert shadows.open_shadows("3" * 64, NOON, begun_before=NOON, at_most=10).instances == [I1, I2]


def test_nobody_begins_what_another_has_begun(records: Records, shadows: Shadows) -> None:
    three(records)

    assert begin(shadows, I1) == [I1]
    assert begin(shadows, I1, I2) == [I2]
    assert opened(shadows).instances == []


def test_what_was_begun_and_never_ended_is_tried_once_more_and_no_more(records: Records, shadows: Shadows) -> None:
    three(records)
    begin(shadows, I1, at=5.0)

    assert opened(shadows, begun_before=6.0).instances == [I1, I2]
    assert begin(shadows, I1, at=7.0, begun_before=6.0) == [I1]
    assert opened(shadows, begun_before=100.0).instances == [I2]
    assert begin(shadows, I1, at=100.0, begun_before=99.0) == []
    assert shadows.shadow_counts(CANDIDATE, NOON) == ShadowCounts(arrived=3, finished=0, begun=1)


def test_the_first_statement_stands(records: Records, shadows: Shadows) -> None:
    three(records)
    begin(shadows, I1)
    shadows.save_shadows([made_shadow("i1", Band.UNLIKELY)])
    shadows.save_shadows([made_shadow("i1", Band.LIKELY)])
    shadows.save_shadows([])

    (pair,) = shadows.shadow_pairs(CANDIDATE, NOON)
    assert pair.shadow.band is Band.UNLIKELY
    assert shadows.shadow_counts(CANDIDATE, NOON) == ShadowCounts(arrived=3, finished=1, begun=0)


def test_a_pair_names_both_packages_and_the_verdict(records: Records, shadows: Shadows) -> None:
    three(records)
    records.add_review(made_review("s1", verdict=Verdict.DISAGREE))
    begin(shadows, I1)
    shadows.save_shadows([made_shadow("i1", Band.UNLIKELY)])

    (pair,) = shadows.shadow_pairs(CANDIDATE, NOON)

    assert (pair.study, pair.instance) == (StudyId("s1"), I1)
    assert pair.serving == Side(package="pneumonia-1.0.0", status=Status.ASSESSED, probability=0.93, band=Band.LIKELY)
    assert pair.shadow == Side(package="candidate-2.0.0", status=Status.ASSESSED, probability=0.02, band=Band.UNLIKELY)
    assert (pair.verdict, pair.band) == (Verdict.DISAGREE, Band.LIKELY)


def test_what_an_earlier_shadow_stated_is_not_counted_with_a_later_one(records: Records, shadows: Shadows) -> None:
    three(records)
    records.save_assessments([made_result("i3")])
    begin(shadows, I1, at=5.0)
    begin(shadows, InstanceId("i3"), at=50.0)
    shadows.save_shadows([made_shadow("i1"), made_shadow("i3")])

    assert [pair.instance for pair in shadows.shadow_pairs(CANDIDATE, after(10))] == [InstanceId("i3")]
    assert shadows.shadow_counts(CANDIDATE, after(10)).finished == 1


def test_a_verdict_from_before_another_radiograph_is_no_verdict_on_it(records: Records, shadows: Shadows) -> None:
    three(records)
    records.add_review(made_review("s1"))
    records.add_instance(made_arrival("i9", "s1", received_at=after(9)))
    begin(shadows, I1)
    shadows.save_shadows([made_shadow("i1")])

    assert [pair.verdict for pair in shadows.shadow_pairs(CANDIDATE, NOON)] == [None]


def test_a_package_is_not_compared_with_itself(records: Records, shadows: Shadows) -> None:
    three(records)
    shadows.begin_shadows("1" * 64, [I1], at=NOON, begun_before=NOON)
    shadows.save_shadows([made_shadow("i1", package="1" * 64)])

    assert shadows.shadow_pairs("1" * 64, NOON) == []


def test_nothing_that_people_see_follows_from_a_shadow(place: RecordsPlace) -> None:
    three(place.records)
    seen = [place.records.study(StudyId("s1")), place.records.summary(None), place.records.timeline(0, None, 10)]
    begin(place.shadows, I1)
    place.shadows.save_shadows([made_shadow("i1", Band.UNLIKELY)])

    assert [
        place.records.study(StudyId("s1")),
        place.records.summary(None),
        place.records.timeline(0, None, 10),
    ] == seen
