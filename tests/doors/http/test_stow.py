"""STOW-RS: whole studies in one request, told instance by instance what became of them."""

import io
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest
from made.dicom_files import SOP_UID, STUDY_UID
from made.hospital import Hospital, made_dicom, made_dicom_without_pixels
from made.serving import serving
from made.triage import LIKELY, UNLIKELY, FaultyStore, Outage, made_jpeg
from pydicom import dcmread

from lingula.doors.http.app import create_app
from lingula.radiology.study import Status

PATH = "/dicomweb/studies"
MULTIPART = 'multipart/related; type="application/dicom"; boundary=b-0123456789'


def body_of(files: Sequence[bytes], media_type: str = "application/dicom") -> bytes:
    head = f"--b-0123456789\r\nContent-Type: {media_type}\r\n\r\n".encode()
    return b"".join(head + data + b"\r\n" for data in files) + b"--b-0123456789--\r\n"


def stow(
    hospital: Hospital, files: Sequence[bytes], path: str = PATH, content_type: str = MULTIPART, **headers: str
) -> httpx.Response:
    said = {"content-type": content_type, **headers}
    return hospital.machine().post(path, content=body_of(files), headers=said)


def reasons(answer: httpx.Response, sequence: str = "00081198") -> list[int]:
    return [item["00081197"]["Value"][0] for item in answer.json()[sequence]["Value"]]


def test_all_instances_of_a_request_are_kept_and_named(hospital: Hospital) -> None:
    answer = stow(hospital, [made_dicom(number=number, seed=number) for number in range(1, 4)])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    kept = answer.json()["00081199"]["Value"]
    assert [item["00081155"]["Value"] for item in kept] == [[f"{SOP_UID}.{number}"] for number in range(1, 4)]
    assert kept[0]["00081150"]["Value"] == ["1.2.840.10008.5.1.4.1.1.1.1"]
    assert hospital.system.records.summary(None).by_status[Status.RECEIVED] == 3


def test_sending_again_is_the_same_as_sending_once(hospital: Hospital) -> None:
    answers = [stow(hospital, [made_dicom()]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


def test_some_kept_and_some_not_is_202_with_reasons(hospital: Hospital) -> None:
    broken = made_dicom(number=2)[:-500]
    answer = stow(hospital, [made_dicom(), broken, b"hello", made_jpeg(), made_dicom_without_pixels()])

    assert answer.status_code == 202
    told = answer.json()
    assert len(told["00081199"]["Value"]) == 2, "what has no pixels is kept too, and read unassessed"
    assert told["00081198"]["Value"][0]["00081155"]["Value"] == [f"{SOP_UID}.2"]
    assert reasons(answer) == [0xC000]
    assert reasons(answer, "0008119A") == [0xC000, 0xC000]


def test_nothing_kept_is_409(hospital: Hospital) -> None:
    stow(hospital, [made_dicom(LIKELY)])
    answer = stow(hospital, [made_dicom(UNLIKELY, seed=2)])

    assert answer.status_code == 409
    assert reasons(answer) == [0x0111]


def test_the_study_in_the_address_is_the_only_one_taken(hospital: Hospital) -> None:
    files = [made_dicom(number=1), made_dicom(number=2)]
    answer = stow(hospital, files, f"{PATH}/{STUDY_UID}.1")

    assert answer.status_code == 202
    assert reasons(answer) == [0xA900]
    assert stow(hospital, files[:1], f"{PATH}/../../etc").status_code in {400, 404, 413}
    assert stow(hospital, files[:1], f"{PATH}/not-a-uid").status_code == 400


def test_one_dicom_file_may_come_as_it_is(hospital: Hospital) -> None:
    answer = hospital.machine().post(PATH, content=made_dicom(), headers={"content-type": "application/dicom"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b--", 415),
        ("multipart/form-data; boundary=b", b"--b--", 415),
        ("", b"", 415),
        ('multipart/related; type="application/dicom"', b"--b--", 400),
        (MULTIPART, b"", 400),
        (MULTIPART, b"--b-0123456789--", 400),
        (MULTIPART, body_of([b"x"])[:-10], 400),
        (MULTIPART, body_of([b"x"], "image/jpeg"), 415),
        (MULTIPART, body_of([b"x"], "multipart/related; boundary=inner"), 415),
    ],
)
def test_a_request_that_is_no_stow_request_is_refused(
    hospital: Hospital, content_type: str, body: bytes, status: int
) -> None:
    answer = hospital.machine().post(PATH, content=body, headers={"content-type": content_type})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_answer_nobody_accepts_is_told_before_anything_is_kept(hospital: Hospital) -> None:
    assert stow(hospital, [made_dicom()], accept="application/dicom+xml").status_code == 406
    assert stow(hospital, [made_dicom()], accept="application/dicom+xml, */*;q=0.1").status_code == 200


def test_an_instance_too_large_is_413(small_hospital: Hospital) -> None:
    assert stow(small_hospital, [b"x" * 70_000]).status_code == 413
    assert stow(small_hospital, [made_dicom()[:60_000]] * 20).status_code == 409, "a whole study may be larger"


def test_without_a_key_nothing_is_taken(hospital: Hospital) -> None:
    answer = hospital.stranger().post(PATH, content=body_of([made_dicom()]), headers={"content-type": MULTIPART})

    assert answer.status_code == 401
    forged = hospital.person("tove")
    del forged.headers["x-csrf-token"]
    assert forged.post(PATH, content=body_of([made_dicom()]), headers={"content-type": MULTIPART}).status_code == 403


def test_a_store_that_is_down_is_503_for_the_whole_request(hospital: Hospital) -> None:
    store = FaultyStore(hospital.system.store, Outage(of={"store.put"}))
    system = replace(hospital.system, receiver=replace(hospital.system.receiver, store=store))
    answer = stow(replace(hospital, app=create_app(system)), [made_dicom()])

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_a_dicomweb_client_stores_a_study(hospital: Hospital) -> None:
    client_module = pytest.importorskip("dicomweb_client", reason="pip install dicomweb-client")
    with serving(hospital) as address:
        client = client_module.DICOMwebClient(
            f"{address}/dicomweb", headers={"Authorization": hospital.machine().headers["authorization"]}
        )
        files = [dcmread(io.BytesIO(made_dicom(number=number, seed=number))) for number in (1, 2, 3)]
        told = client.store_instances(files)
    assert len(told.ReferencedSOPSequence) == 3
    assert hospital.system.records.summary(None).by_status[Status.RECEIVED] == 3
