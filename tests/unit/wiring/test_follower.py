"""Who waits in one process hears of what another did, and nobody looks while nobody waits."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from made.arrivals import made_arrival, made_result

from lingula.errors import BackendUnavailable
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.records.records import Records, TimelineEntry, open_records
from lingula.triage.events import AssessmentFailed, Event, InstanceNotEligible, InstanceReceived
from lingula.wiring import EventHub
from lingula.wiring.follower import OVERLAP, Elsewhere, Follower
from lingula.wiring.hub import Finished

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SITE, STUDY, INSTANCE = SiteName("north"), StudyId("s1"), InstanceId("i1")


def finished(name: str = "i1") -> Event:
    return InstanceNotEligible(
        at=NOW, site=SITE, study=STUDY, instance=InstanceId(name), reason="lateral", waited_seconds=0.1
    )


def failed(*, is_parked: bool) -> Event:
    return AssessmentFailed(
        at=NOW, site=SITE, study=STUDY, instance=INSTANCE, reason="damaged", attempt=1, is_parked=is_parked
    )


def received() -> Event:
    return InstanceReceived(at=NOW, site=SITE, study=STUDY, instance=INSTANCE, door="http", size_bytes=1, seconds=0.1)


@pytest.fixture
def records() -> Iterator[Records]:
    opened = open_records("memory://").records
    yield opened
    opened.close()


@pytest.fixture
def here(records: Records) -> Iterator[EventHub]:
    """The hub of this process."""
    hub = EventHub(records.add_timeline, [], Elsewhere.of(records))
    hub.start()
    yield hub
    hub.stop()


def other(records: Records, *events: Event) -> None:
    """Let another process, which shares only the records, tell of events."""
    hub = EventHub(records.add_timeline, [])
    for event in events:
        hub.notify(event)
    hub.flush()


@pytest.mark.parametrize("event", [finished(), failed(is_parked=True)], ids=["finished", "parked"])
def test_who_waits_hears_what_another_process_finished(records: Records, here: EventHub, event: Event) -> None:
    async def wait() -> Finished | None:
        waiting = asyncio.create_task(here.wait_for(INSTANCE, 30.0))
        await asyncio.sleep(0.05)
        threading.Thread(target=other, args=(records, received(), event)).start()
        return await waiting

    assert asyncio.run(wait())


def test_who_waits_is_not_woken_by_an_attempt_that_failed(records: Records, here: EventHub) -> None:
    other(records, received(), failed(is_parked=False))

    assert not asyncio.run(here.wait_for(INSTANCE, 0.3))


def test_what_was_finished_before_anybody_waited_is_found_in_the_record(records: Records, here: EventHub) -> None:
    records.add_instance(made_arrival("i1"))
    records.save_assessments([made_result("i1")])

    assert asyncio.run(here.wait_for(INSTANCE, 0.01))


def test_who_listens_hears_that_another_process_added_to_the_timeline(records: Records, here: EventHub) -> None:
    async def listen() -> bool:
        with here.listen() as signal:
            threading.Thread(target=other, args=(records, received())).start()
            return await signal.changed(30.0)

    assert asyncio.run(listen())


class Timeline:
    """A timeline that counts looks and may not answer."""

    def __init__(self, newest: int = 0) -> None:
        self.newest, self.asked = newest, list[int]()
        self.answers = True

    def __call__(self, after: int, sites: None, at_most: int) -> Sequence[TimelineEntry]:  # noqa: ARG002 - the shape
        self.asked.append(after)
        if not self.answers:
            raise BackendUnavailable("the records do not answer; try again")
        first = self.newest if after == -1 else after + 1
        return [TimelineEntry(action="a", at=NOW, number=number) for number in range(first, self.newest + 1) if number]


def test_nobody_looks_while_nobody_waits() -> None:
    timeline = Timeline()
    follower = Follower(timeline, lambda _entries: None)
    follower.stop()
    assert timeline.asked == []


def test_following_begins_a_little_before_the_newest_entry_and_each_is_told_once() -> None:
    timeline, told, heard = Timeline(newest=1000), list[int](), threading.Event()

    def tell(entries: Sequence[TimelineEntry]) -> None:
        told.extend(entry.number for entry in entries)
        heard.set()

    follower = Follower(timeline, tell)
    with follower.followed():
        assert heard.wait(30)
        heard.clear()
        timeline.newest = 1003
        assert heard.wait(30)
    follower.stop()

    assert told == list(range(1000 - OVERLAP + 1, 1004))


def test_following_outlives_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    timeline, heard = Timeline(newest=1), threading.Event()
    timeline.answers = False
    follower = Follower(timeline, lambda _entries: heard.set())
    with follower.followed():
        while "cannot be followed" not in caplog.text:
            heard.wait(0.01)
        timeline.answers = True
        assert heard.wait(30)
    follower.stop()


def test_a_record_that_does_not_answer_knows_of_nothing_finished() -> None:
    records = open_records("memory://").records
    elsewhere = Elsewhere.of(records)
    assert not elsewhere.is_finished(INSTANCE)
    records.close()
    assert not elsewhere.is_finished(INSTANCE)
