"""What instances decide together, and which statement takes effect."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made.arrivals import NOON

from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Band, Priority, Status
from lingula.records.study_state import InstanceState, takes_effect, waiting_priority, weigh_study

STATES = st.lists(
    st.builds(
        InstanceState,
        id=st.uuids().map(lambda uuid: InstanceId(str(uuid))),
        status=st.sampled_from(Status),
        priority=st.sampled_from(Priority),
        received_at=st.integers(0, 5).map(lambda seconds: NOON + timedelta(seconds=seconds)),
        band=st.none() | st.sampled_from(Band),
        probability=st.none() | st.floats(0, 1, allow_subnormal=False),
    ),
    min_size=1,
    max_size=6,
)


def made_state(name: str, priority: Priority, probability: float | None = None, seconds: float = 0) -> InstanceState:
    return InstanceState(
        id=InstanceId(name),
        status=Status.ASSESSED,
        priority=priority,
        received_at=NOON + timedelta(seconds=seconds),
        probability=probability,
    )


@given(states=STATES)
def test_a_study_is_as_urgent_as_its_most_urgent_instance(states: list[InstanceState]) -> None:
    weighed = weigh_study(states)
    assert weighed.priority.rank == min(state.priority.rank for state in states)
    assert weighed.deciding in {state.id for state in states if state.priority is weighed.priority}


@given(states=STATES, data=st.data())
def test_the_order_in_which_instances_are_known_changes_nothing(
    states: list[InstanceState], data: st.DataObject
) -> None:
    assert weigh_study(data.draw(st.permutations(states))) == weigh_study(states)


@given(states=STATES)
def test_a_study_is_assessed_only_when_nobody_waits_and_nothing_failed(states: list[InstanceState]) -> None:
    statuses = {state.status for state in states}
    is_assessed = weigh_study(states).status is Status.ASSESSED
    assert is_assessed == (Status.ASSESSED in statuses and not statuses & {Status.RECEIVED, Status.FAILED})


@pytest.mark.parametrize(
    ("bands", "highest"),
    [
        ({Band.LIKELY, Band.UNSURE, Band.UNLIKELY, None}, Band.LIKELY),
        ({Band.UNSURE, Band.UNLIKELY}, Band.UNSURE),
        ({Band.UNLIKELY, None}, Band.UNLIKELY),
        ({None}, None),
    ],
)
def test_a_study_takes_the_highest_band(bands: set[Band | None], highest: Band | None) -> None:
    states = [
        InstanceState(
            id=InstanceId(f"i{band}"), status=Status.ASSESSED, priority=Priority.URGENT, received_at=NOON, band=band
        )
        for band in bands
    ]
    assert weigh_study(states).band is highest


def test_the_more_probable_decides_then_the_earlier_then_the_smaller_id() -> None:
    certain = made_state("i9", Priority.ASAP, 0.9, seconds=5)
    early, late = made_state("i8", Priority.ASAP, 0.8), made_state("i7", Priority.ASAP, 0.8, seconds=1)
    same = made_state("i6", Priority.ASAP, 0.8, seconds=1)
    unknown = made_state("i5", Priority.ASAP)
    assert weigh_study([unknown, late, early, certain]).deciding == "i9"
    assert weigh_study([unknown, late, early]).deciding == "i8"
    assert weigh_study([unknown, late, same]).deciding == "i6"


def test_what_waits_is_urgent_unless_the_sender_says_stat() -> None:
    assert waiting_priority(is_stat=False) is Priority.URGENT
    assert waiting_priority(is_stat=True) is Priority.STAT


@pytest.mark.parametrize("statement", [Status.ASSESSED, Status.NOT_ELIGIBLE, Status.FAILED])
def test_every_statement_takes_effect_on_what_waits(statement: Status) -> None:
    assert takes_effect(statement, Status.RECEIVED, has_result_of_package=False)


@pytest.mark.parametrize("standing", [Status.ASSESSED, Status.NOT_ELIGIBLE, Status.FAILED])
def test_a_failure_replaces_nothing_and_a_new_package_s_result_everything(standing: Status) -> None:
    assert not takes_effect(Status.FAILED, standing, has_result_of_package=False)
    assert takes_effect(Status.ASSESSED, standing, has_result_of_package=False)
    assert not takes_effect(Status.ASSESSED, standing, has_result_of_package=True)
