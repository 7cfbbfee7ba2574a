"""Radiographs arrive over HTTP: kept before the answer, once, and refused with a clear reason."""

import io
import random
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
from made.hospital import KEYS, Hospital, made_dicom
from made.pictures import as_png, as_tiff
from made.triage import NORTH, SOUTH, FaultyStore, Outage, made_chest, made_jpeg

from lingula.doors.credentials import digest
from lingula.doors.http.app import create_app
from lingula.radiology.study import Status

UPLOAD = "/api/v1/instances"


def test_a_radiograph_sent_as_a_form_is_kept_and_answered_with_its_ids(hospital: Hospital) -> None:
    answer = hospital.machine().post(UPLOAD, files={"file": ("a chest.jpeg", made_jpeg(), "image/jpeg")})

    assert answer.status_code == 201
    told = answer.json()
    assert told["status"] == "received"
    assert told["is_new"] is True
    assert told["site"] == NORTH
    assert answer.headers["location"] == f"{UPLOAD}/{told['instance']}"
    kept = hospital.of(told["instance"])
    assert hospital.system.store.get(kept.new.store_key) == made_jpeg()
    assert kept.new.source_name is not None
    assert kept.new.source_name.reveal() == "a chest.jpeg"


@pytest.mark.parametrize("media_type", ["application/dicom", "application/octet-stream", "image/png", ""])
def test_the_bytes_themselves_are_a_body_too_whatever_they_are_called(hospital: Hospital, media_type: str) -> None:
    answer = hospital.machine().post(UPLOAD, content=made_dicom(), headers={"content-type": media_type})

    assert answer.status_code == 201
    assert hospital.of(answer.json()["instance"]).new.description.file_format == "dicom"


def test_a_radiograph_sent_twice_is_answered_200_and_kept_once(hospital: Hospital) -> None:
    machine = hospital.machine()
    first = machine.post(UPLOAD, content=made_jpeg())

    second = machine.post(UPLOAD, content=made_jpeg())

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["is_new"] is False
    assert second.json()["instance"] == first.json()["instance"]
    assert len(list(hospital.system.store.keys(""))) == 1


def test_who_waits_is_answered_with_the_assessment(busy_hospital: Hospital) -> None:
    answer = busy_hospital.machine().post(f"{UPLOAD}?wait=30", content=made_jpeg())

    assert answer.status_code == 200
    assessment = answer.json()["assessment"]
    assert assessment["band"] == "likely"
    assert 0.7 < assessment["probability"] < 1
    assert "not a diagnosis" in assessment["statement"]


def test_a_lateral_view_is_kept_and_answered_with_the_reason(busy_hospital: Hospital) -> None:
    answer = busy_hospital.machine().post(f"{UPLOAD}?wait=30", content=made_dicom(view="LL"))

    assert answer.status_code == 200
    assert answer.json()["status"] == Status.NOT_ELIGIBLE
    assert "lateral" in answer.json()["assessment"]["reason"]


def test_who_waits_in_vain_is_told_that_it_was_received(hospital: Hospital) -> None:
    answer = hospital.machine().post(f"{UPLOAD}?wait=0.05", content=made_jpeg())

    assert answer.status_code == 201
    assert answer.json()["assessment"] is None


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan"])
def test_an_impossible_wait_is_refused_before_anything_is_kept(hospital: Hospital, wait: str) -> None:
    answer = hospital.machine().post(f"{UPLOAD}?wait={wait}", content=made_jpeg())

    assert answer.status_code == 422
    assert list(hospital.system.store.keys("")) == []


def test_only_stat_is_the_senders_priority(hospital: Hospital) -> None:
    answer = hospital.machine().post(f"{UPLOAD}?priority=stat", content=made_jpeg())

    assert hospital.of(answer.json()["instance"]).new.description.is_stat


def _zip() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("chest.jpeg", made_jpeg())
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "unreadable-pixels"),
        (b"Dear colleague, the patient ...", "not-dicom"),
        (_zip(), "not-dicom"),
        (bytes(100_000), "not-dicom"),
        (made_jpeg()[:5000], "unreadable-pixels"),
        (made_dicom()[:5000], "unreadable-pixels"),
    ],
    ids=["empty", "text", "zip", "zeros", "half a JPEG", "half a DICOM file"],
)
def test_what_is_no_radiograph_is_refused_and_leaves_nothing(hospital: Hospital, data: bytes, kind: str) -> None:
    answer = hospital.machine().post(UPLOAD, content=data)

    assert answer.status_code == 422
    assert answer.json()["type"] == f"urn:lingula:problem:{kind}"
    assert list(hospital.system.store.keys("")) == []


def test_more_than_the_limit_is_refused_before_it_is_read(small_hospital: Hospital) -> None:
    answer = small_hospital.machine().post(UPLOAD, content=bytes(200_000))

    assert answer.status_code == 413
    assert "LINGULA_UPLOAD_LIMIT_BYTES" in answer.json()["detail"]


def test_more_than_the_limit_is_refused_while_it_streams(small_hospital: Hospital) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while taken < 100_000_000:
            taken += 16_384
            yield bytes(16_384)

    answer = small_hospital.machine().post(UPLOAD, content=endless())

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ([("picture", made_jpeg())], "0 parts named 'file'"),
        ([("file", made_jpeg()), ("file", made_jpeg())], "2 parts named 'file'"),
    ],
)
def test_a_form_without_exactly_one_file_is_refused(
    hospital: Hospital, parts: list[tuple[str, bytes]], detail: str
) -> None:
    answer = hospital.machine().post(UPLOAD, files=parts)

    assert answer.status_code == 400
    assert detail in answer.json()["detail"]


def test_nobody_sends_without_a_key(hospital: Hospital) -> None:
    answer = hospital.stranger().post(UPLOAD, content=made_jpeg())

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert list(hospital.system.store.keys("")) == []


def test_a_key_sends_for_its_own_site_only(hospital: Hospital) -> None:
    answer = hospital.machine(NORTH).post(f"{UPLOAD}?site={SOUTH}", content=made_jpeg())

    assert answer.status_code == 403


def test_the_same_radiograph_from_two_sites_is_two_instances(hospital: Hospital) -> None:
    north = hospital.machine(NORTH).post(UPLOAD, content=made_jpeg()).json()

    south = hospital.machine(SOUTH).post(UPLOAD, content=made_jpeg()).json()

    assert north["instance"] != south["instance"]


def test_a_technician_sends_but_is_not_told_the_assessment(busy_hospital: Hospital) -> None:
    answer = busy_hospital.person("tove").post(f"{UPLOAD}?wait=30", content=made_jpeg())

    assert answer.status_code == 200
    assert answer.json()["status"] == "assessed"
    assert answer.json()["assessment"] is None


def test_a_person_of_several_sites_says_which_one(hospital: Hospital) -> None:
    doctor = hospital.person("mara")

    without = doctor.post(UPLOAD, content=made_jpeg())
    named = doctor.post(f"{UPLOAD}?site={SOUTH}", content=made_jpeg())

    assert without.status_code == 422
    assert named.status_code == 201
    assert named.json()["site"] == SOUTH


@pytest.mark.parametrize("name", ["", "nroth", "../north", "\u00fc"])
@pytest.mark.parametrize("path", [UPLOAD, "/dicomweb/studies"])
def test_who_sees_all_sites_cannot_send_for_one_that_does_not_exist(hospital: Hospital, path: str, name: str) -> None:
    headers = {"content-type": "application/dicom"}
    answer = hospital.person("ada").post(path, params={"site": name}, content=made_dicom(), headers=headers)

    assert answer.status_code == 422
    assert "there is no site" in answer.json()["detail"]
    assert hospital.system.records.summary(None).unreviewed == 0


def test_a_persons_upload_needs_the_sessions_token(hospital: Hospital) -> None:
    browser = hospital.person("tove")
    del browser.headers["x-csrf-token"]

    answer = browser.post(UPLOAD, content=made_jpeg())

    assert answer.status_code == 403


def test_when_the_store_is_down_the_sender_is_told_to_come_again(hospital: Hospital) -> None:
    store = FaultyStore(hospital.system.store, Outage(of={"store.put"}))
    system = replace(hospital.system, receiver=replace(hospital.system.receiver, store=store))
    machine = replace(hospital, app=create_app(system)).machine()

    answer = machine.post(UPLOAD, content=made_jpeg())

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == "urn:lingula:problem:backend-unavailable"


def test_more_uploads_than_memory_are_asked_to_come_again(hospital: Hospital) -> None:
    door = hospital.app.state.door

    with door.uploads.reserve(door.uploads.free):
        answer = hospital.machine().post(UPLOAD, content=made_jpeg())
    afterwards = hospital.machine().post(UPLOAD, content=made_jpeg())

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert afterwards.status_code == 201


def test_a_body_of_unknown_size_takes_of_the_memory_only_what_it_sends(hospital: Hospital) -> None:
    door = hospital.app.state.door
    data = made_jpeg()

    def in_pieces() -> Iterator[bytes]:
        yield from (data[at : at + 4096] for at in range(0, len(data), 4096))

    with door.uploads.reserve(door.uploads.free - len(data)):
        fits = hospital.machine().post(UPLOAD, content=in_pieces())
    with door.uploads.reserve(door.uploads.free - len(data) + 1):
        too_much = hospital.machine().post(UPLOAD, content=in_pieces())

    assert (fits.status_code, too_much.status_code) == (201, 503)


def test_a_withdrawn_key_is_refused_after_seconds(hospital: Hospital) -> None:
    machine = hospital.machine()
    assert machine.post(UPLOAD, content=made_jpeg()).status_code == 201
    site = hospital.system.accounts.site_of_key(digest(KEYS[NORTH]))
    hospital.system.accounts.replace_site(replace(site, api_key_sha256=digest("another")))

    hospital.clock.move(seconds=16)

    assert machine.post(UPLOAD, content=made_jpeg()).status_code == 401


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom and Pillow remark on damaged files
def test_whatever_bytes_arrive_are_kept_or_refused_and_never_break_the_server(hospital: Hospital) -> None:
    machine, luck = hospital.machine(), random.Random(11)
    wholes = [made_jpeg(), made_dicom(), as_png(made_chest()), as_tiff(made_chest())]

    statuses = []
    for number in range(80):
        data = bytearray(wholes[number % len(wholes)])
        for _ in range(luck.randint(1, 20)):
            data[luck.randrange(min(len(data), 2000))] = luck.randrange(256)
        cut = luck.randrange(len(data)) if number % 3 == 0 else len(data)
        statuses.append(machine.post(UPLOAD, content=bytes(data[:cut])).status_code)

    assert set(statuses) <= {200, 201, 409, 422}
    assert 422 in statuses
    assert len(list(hospital.system.store.keys(""))) == statuses.count(201)


ASKED = {
    "a radiograph": ("", KEYS[NORTH], made_jpeg()),
    "no radiograph": ("", KEYS[NORTH], b"Dear colleague"),
    "an impossible wait": ("?wait=soon", KEYS[NORTH], made_jpeg()),
    "another site": (f"?site={SOUTH}", KEYS[NORTH], made_jpeg()),
    "a wrong key": ("", "guessed", made_jpeg()),
    "a file too large": ("", KEYS[NORTH], bytes(200_000)),
}


@pytest.mark.parametrize(("query", "key", "data"), ASKED.values(), ids=ASKED)
def test_the_short_way_answers_as_the_router_does(small_hospital: Hospital, query: str, key: str, data: bytes) -> None:
    def ask() -> tuple[int, dict[str, str], dict[str, object]]:
        machine = small_hospital.machine()
        machine.headers["authorization"] = f"Bearer {key}"
        answer = machine.post(UPLOAD + query, content=data)
        told = {name: value for name, value in answer.json().items() if name not in {"event_id", "is_new"}}
        return min(answer.status_code, 201) if answer.is_success else answer.status_code, dict(answer.headers), told

    small_hospital.machine().post(UPLOAD, content=data)  # so that both ways meet a radiograph that is known
    assert ("POST", UPLOAD) in small_hospital.app.short_ways
    short = ask()
    small_hospital.app.short_ways.clear()

    by_the_router = ask()

    for one in (short, by_the_router):
        one[1].pop("content-length", None)  # the event id is random, but as long as any other
    assert short == by_the_router
