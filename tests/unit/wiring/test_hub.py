"""Events reach whoever waits at once, and everybody else in order and once."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from made.arrivals import made_arrival, made_result

from lingula.errors import BackendUnavailable
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, Priority
from lingula.records.records import Records, TimelineEntry, open_records
from lingula.triage.events import AssessmentFailed, Event, InstanceAssessed, InstanceReceived, StudyReviewed
from lingula.wiring import EventHub
from lingula.wiring.hub import Finished

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SITE, STUDY, INSTANCE = SiteName("st-anne"), StudyId("s1"), InstanceId("i1")


def received(name: str = "i1") -> Event:
    return InstanceReceived(
        at=NOW, site=SITE, study=STUDY, instance=InstanceId(name), door="http", size_bytes=1, seconds=0.1
    )


def assessed(name: str = "i1") -> Event:
    return InstanceAssessed(
        at=NOW,
        site=SITE,
        study=STUDY,
        instance=InstanceId(name),
        probability=0.9,
        band=Band.LIKELY,
        priority=Priority.ASAP,
        novelty=0.1,
        package="chest-1.0.0",
        seconds=0.01,
        waited_seconds=0.02,
    )


def failed(*, is_parked: bool) -> Event:
    return AssessmentFailed(
        at=NOW, site=SITE, study=STUDY, instance=INSTANCE, reason="damaged", attempt=1, is_parked=is_parked
    )


@pytest.fixture
def records() -> Records:
    return open_records("memory://").records


def actions(records: Records) -> list[str]:
    return [entry.action for entry in records.timeline(0, None, 1000)]


def test_followers_and_timeline_get_every_event_in_order(records: Records) -> None:
    seen: list[Event] = []
    hub = EventHub(records.add_timeline, [seen.append])
    hub.start()
    events = [received(), assessed(), failed(is_parked=True)]
    for event in events:
        hub.notify(event)
    hub.stop()
    assert seen == events
    assert actions(records) == ["instance_received", "instance_assessed", "assessment_failed"]
    entry = records.timeline(0, None, 10)[1]
    assert (entry.study, entry.instance, entry.site) == (STUDY, INSTANCE, SITE)
    assert entry.detail["band"] == "likely"
    assert "study" not in entry.detail


def test_a_verdict_is_on_the_timeline_when_notify_returns(records: Records) -> None:
    hub = EventHub(records.add_timeline, [])
    hub.notify(received())
    assert actions(records) == []
    hub.notify(StudyReviewed(at=NOW, site=SITE, study=STUDY, reviewer="mara", verdict="agree", waited_seconds=1.0))
    assert actions(records) == ["instance_received", "study_reviewed"]


def run_waiting(hub: EventHub, notify: Callable[[], None], seconds: float) -> Finished | None:
    async def wait() -> Finished | None:
        waiting = asyncio.create_task(hub.wait_for(INSTANCE, seconds))
        await asyncio.sleep(0)
        threading.Thread(target=notify).start()
        return await waiting

    return asyncio.run(wait())


@pytest.mark.parametrize("event", [assessed(), failed(is_parked=True)], ids=["assessed", "parked"])
def test_who_waits_hears_when_the_instance_is_finished(records: Records, event: Event) -> None:
    hub = EventHub(records.add_timeline, [])
    assert run_waiting(hub, lambda: hub.notify(event), 30.0)


@pytest.mark.parametrize("event", [received(), failed(is_parked=False), assessed("another")])
def test_who_waits_is_not_woken_by_anything_else(records: Records, event: Event) -> None:
    hub = EventHub(records.add_timeline, [])
    assert not run_waiting(hub, lambda: hub.notify(event), 0.05)


def test_an_instance_that_finished_just_before_needs_no_waiting(records: Records) -> None:
    hub = EventHub(records.add_timeline, [])
    hub.notify(assessed())
    assert asyncio.run(hub.wait_for(INSTANCE, 0.0))


def test_several_may_wait_for_the_same_instance_and_one_may_give_up(records: Records) -> None:
    hub = EventHub(records.add_timeline, [])

    async def wait() -> list[Finished | None]:
        patient = asyncio.create_task(hub.wait_for(INSTANCE, 30.0))
        assert not await hub.wait_for(INSTANCE, 0.01)
        also = asyncio.create_task(hub.wait_for(INSTANCE, 30.0))
        await asyncio.sleep(0)
        hub.notify(assessed())
        return [await patient, await also]

    assert asyncio.run(wait()) == [Finished(), Finished()]


def test_who_listens_hears_once_of_many_changes_after_they_are_written(records: Records) -> None:
    hub = EventHub(records.add_timeline, [])

    async def listen() -> tuple[bool, int, bool]:
        with hub.listen() as signal:
            for number in range(5):
                hub.notify(received(f"i{number}"))
            hub.start()
            heard = await signal.changed(30.0)
            return heard, len(actions(records)), await signal.changed(0.05)

    assert asyncio.run(listen()) == (True, 5, False)
    hub.stop()


def test_nobody_is_told_after_leaving(records: Records) -> None:
    hub = EventHub(records.add_timeline, [])

    async def leave() -> None:
        with hub.listen():
            pass

    asyncio.run(leave())
    hub.notify(received())
    hub.flush()  # would raise if it called a loop that has ended
    assert actions(records) == ["instance_received"]


class Flickering:
    """A timeline that does not answer the first time."""

    def __init__(self) -> None:
        self.entries: list[TimelineEntry] = []
        self.answers = False

    def add_timeline(self, entries: Sequence[TimelineEntry]) -> None:
        if not self.answers:
            raise BackendUnavailable("the records do not answer; try again")
        self.entries += entries


def test_the_timeline_is_written_once_the_records_answer_again() -> None:
    flickering = Flickering()
    seen: list[Event] = []
    hub = EventHub(flickering.add_timeline, [seen.append])
    hub.notify(received())
    hub.flush()
    flickering.answers = True
    hub.notify(assessed())
    hub.flush()
    assert [entry.action for entry in flickering.entries] == ["instance_received", "instance_assessed"]
    assert seen == [received(), assessed()]


def test_who_waits_is_given_what_was_recorded_and_need_not_ask(records: Records) -> None:
    hub = EventHub(records.add_timeline, [])
    records.add_instance(made_arrival("i1"))
    records.save_assessments([made_result("i1")])
    stored = records.instance(INSTANCE)

    def finish() -> None:
        hub.hand_over(stored)
        hub.notify(assessed())

    assert run_waiting(hub, finish, 30.0) == Finished(stored=stored)
    assert asyncio.run(hub.wait_for(INSTANCE, 0.0)) == Finished()  # whoever comes later asks the record
