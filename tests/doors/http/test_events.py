"""What happens is told as it happens, over a real connection, and can be taken up again."""

import json
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from httpx import Client
from made.hospital import KEYS, Hospital, made_hospital, made_system
from made.serving import serving
from made.triage import NORTH, SOUTH, Outage, made_jpeg

from lingula.radiology.identifiers import SiteName
from lingula.records.records import Records, TimelineEntry


@dataclass(frozen=True)
class Told:
    """One server-sent event."""

    number: int
    action: str
    data: dict[str, object]


@pytest.fixture
def address(busy_hospital: Hospital) -> Iterator[str]:
    with serving(busy_hospital) as url:
        yield url


def listen(url: str, at_most: int, site: str = NORTH, after: int | None = None) -> list[Told]:
    """Read so many events."""
    told: list[Told] = []
    headers = {"authorization": f"Bearer {dict(KEYS)[site]}"}  # type: ignore[index]  # a site's name is a text
    if after is not None:
        headers["last-event-id"] = str(after)
    with Client(timeout=30) as client, client.stream("GET", f"{url}/api/v1/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif "id" in fields:
                told.append(Told(int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields = {}
            if len(told) == at_most:
                break
    return told


def test_a_radiographs_way_is_told_and_taken_up_where_it_stopped(busy_hospital: Hospital, address: str) -> None:
    sent = busy_hospital.send(made_jpeg())

    told = listen(address, 2, after=0)
    rest = listen(address, 1, after=told[0].number)

    assert sorted(one.action for one in told) == ["instance_assessed", "instance_received"]
    assert {one.data["study"] for one in told} == {sent.new.study}
    assert rest == told[1:]


def test_without_a_number_only_what_happens_from_now_on_is_told(busy_hospital: Hospital, address: str) -> None:
    busy_hospital.send(made_jpeg(seed=1))
    listen(address, 2, after=0)
    late = threading.Timer(1.0, lambda: busy_hospital.send(made_jpeg(seed=2)))
    late.start()

    told = listen(address, 2)

    late.join()
    assert {one.action for one in told} == {"instance_received", "instance_assessed"}
    assert min(one.number for one in told) >= 3


def test_a_site_is_told_of_its_own_radiographs_only(busy_hospital: Hospital, address: str) -> None:
    busy_hospital.send(made_jpeg(seed=1), site=SOUTH)
    busy_hospital.send(made_jpeg(seed=2), site=NORTH)

    told = listen(address, 2, site=SOUTH, after=0)

    assert {one.data["site"] for one in told} == {SOUTH}


def test_too_many_listeners_are_asked_to_come_again(hospital: Hospital) -> None:
    door = hospital.app.state.door

    with door.listeners.reserve(door.listeners.free):
        answer = hospital.machine().get("/api/v1/events")

    assert answer.status_code == 503


def test_a_number_that_is_none_is_refused(hospital: Hospital) -> None:
    assert hospital.machine().get("/api/v1/events", headers={"last-event-id": "x"}).status_code == 422


def test_when_the_record_is_down_the_stream_ends_and_the_page_asks_again(package: Path, tmp_path: Path) -> None:
    system, clock = made_system(package, tmp_path)
    outage = Outage()
    records = OutableRecords(system.records, outage)
    with made_hospital(replace(system, records=records), clock) as hospital, serving(hospital) as url:  # type: ignore[arg-type]  # only what events need
        headers = {"authorization": f"Bearer {KEYS[NORTH]}", "last-event-id": "0"}
        outage.of.add("timeline")
        with Client(timeout=30) as client, client.stream("GET", f"{url}/api/v1/events", headers=headers) as answer:
            told = list(answer.iter_lines())

    assert told == ["retry: 3000", ""]


@dataclass
class OutableRecords:
    """Records whose timeline a test can take down."""

    records: Records
    outage: Outage

    def timeline(self, after: int, sites: Collection[SiteName] | None, at_most: int) -> Sequence[TimelineEntry]:
        self.outage.check("timeline")
        return self.records.timeline(after, sites, at_most)

    def close(self) -> None:
        self.records.close()
