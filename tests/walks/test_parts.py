"""The same walk beside every set of places: sent to one process, assessed by two, seen and reviewed in a fourth."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from made.hospital import made_dicom
from made.packages import made_package
from made.parts import (
    DOCTOR,
    PASSWORD,
    Installation,
    check_exactly_once,
    installed,
    made_radiographs,
    sending,
    wait_until,
    wait_until_all_are_finished,
)
from servers.process import free_port
from servers.s3 import S3Server, new_name

from lingula.doors.credentials import digest
from lingula.doors.sending.sender import Outcome, open_sender
from lingula.records.records import open_records

RADIOGRAPHS, BY_DICOM = 24, 4
DICOM_PORT = free_port()
PLACES = ("embedded", "postgresql-s3-nats", "postgresql-s3-kafka", "postgresql-folder-redis")


def shared_places(named: str, request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    """Give the settings that name the places."""
    if named == "embedded":
        return {}
    _, store, queue = named.split("-")
    settings = {"LINGULA_RECORDS_URL": str(request.getfixturevalue("postgres_database"))}
    if store == "s3":
        request.getfixturevalue("s3_credentials")
        server = request.getfixturevalue("moto_server")
        assert isinstance(server, S3Server)
        settings["LINGULA_STORE_URL"] = server.url(new_name(), "lingula")
    else:
        settings["LINGULA_STORE_URL"] = f"file://{folder}/store"
    settings["LINGULA_QUEUE_URL"] = str(request.getfixturevalue(f"{queue}_queue")).rstrip("?&")
    return settings


@pytest.fixture(params=PLACES)
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    settings = {"LINGULA_PACKAGE": str(made_package(tmp_path / "package"))}
    settings |= shared_places(str(request.param), request, tmp_path)
    with installed(tmp_path, settings) as made:
        for part in ("serve",) if request.param == "embedded" else ("receive", "work", "work", "web"):
            made.add(part, LINGULA_DICOM_PORT=str(DICOM_PORT) if part in {"receive", "serve"} else "0")
        made.wait_until_ready()
        yield made


class Page:
    """A doctor's browser: logged in, following what happens."""

    def __init__(self, installation: Installation) -> None:
        shown = (installation.of("web") or installation.of("serve"))[0]
        self.client = httpx.Client(base_url=shown.address, timeout=30)
        token = {"name": DOCTOR, "password": PASSWORD, "next": "/"}
        self.client.get("/login")
        answer = self.client.post("/login", data={**token, "csrf_token": self.client.cookies["lingula-login"]})
        assert answer.status_code == 303, answer.text
        place = open_records(installation.records_url)
        self.client.headers["x-csrf-token"] = place.accounts.session(digest(self.client.cookies["lingula"])).csrf_token
        place.records.close()
        self.assessed = 0
        self.follows = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()
        assert self.follows.wait(30)

    def _follow(self) -> None:
        with suppress(httpx.TransportError), self.client.stream("GET", "/api/v1/events") as events:
            for line in events.iter_lines():
                self.follows.set()
                self.assessed += line == "event: instance_assessed"


def send_by_dicom(radiographs: Sequence[bytes]) -> None:
    sender = open_sender(f"dicom://LINGULA@127.0.0.1:{DICOM_PORT}?calling=NORTH")
    for data in radiographs:
        assert sender.send(data).outcome is Outcome.RECEIVED
    sender.close()


def test_radiographs_walk_from_the_sender_to_the_doctor_and_each_is_counted_once(installation: Installation) -> None:
    page = Page(installation)
    radiographs = made_radiographs(RADIOGRAPHS - BY_DICOM)
    radiographs += [made_dicom(seed=number, number=number) for number in range(1, BY_DICOM + 1)]
    receiving = (installation.of("receive") or installation.of("serve"))[0]

    with sending(installation, radiographs[1:-BY_DICOM]) as hospital:
        hospital.allow()
        key = {"Authorization": f"Bearer {installation.key}"}
        waited = httpx.post(
            f"{receiving.address}/api/v1/instances?wait=30", content=radiographs[0], headers=key, timeout=60
        )
        send_by_dicom(radiographs[-BY_DICOM:])
        hospital.wait_for()
    wait_until_all_are_finished(installation)

    assert waited.status_code == 200, waited.text
    assert waited.json()["assessment"]["package"] == "made-1.0.0"
    wait_until(lambda: page.assessed == RADIOGRAPHS, "the page did not hear of every assessment")
    listed = page.client.get("/api/v1/studies").json()
    assert listed["total"] == RADIOGRAPHS
    study = listed["studies"][0]["study"]
    review = page.client.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "agree"})
    assert review.status_code == 201, review.text
    assert page.client.get("/api/v1/studies").json()["total"] == RADIOGRAPHS - 1
    page.client.close()
    check_exactly_once(installation, hospital, others=1 + BY_DICOM)
