"""The page that takes files from people: one line for each, only for those who are logged in, only from the page."""

import re
from collections.abc import Mapping

import httpx
import pytest
from made.hospital import Hospital, made_dicom
from made.triage import NORTH, SOUTH, made_jpeg

from lingula.radiology.study import Priority, Status

HTML = {"accept": "text/html"}


def send(
    browser: httpx.Client, files: Mapping[str, bytes], headers: Mapping[str, str] = HTML, **fields: str
) -> httpx.Response:
    parts = [("file", (name, data)) for name, data in files.items()]
    return browser.post("/send", data=fields, files=parts, headers=headers)


@pytest.fixture
def tove(hospital: Hospital) -> httpx.Client:
    """A technician's browser, without script: the form carries the token."""
    browser = hospital.person("tove")
    del browser.headers["x-csrf-token"]
    return browser


@pytest.fixture
def token(tove: httpx.Client) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', tove.get("/send", headers=HTML).text)
    assert found
    return found[1]


def test_files_are_kept_and_told_one_by_one(hospital: Hospital, tove: httpx.Client, token: str) -> None:
    files = {"one.jpeg": made_jpeg(seed=1), "two.dcm": made_dicom(), "notes <b>.txt": b"no radiograph"}
    page = send(tove, files, csrf_token=token)

    assert page.status_code == 200
    assert "2 arrived, 1 not accepted" in page.text
    assert "notes &lt;b&gt;.txt" in page.text
    summary = hospital.system.records.summary({NORTH})
    assert summary.by_status[Status.RECEIVED] == 2


def test_the_script_gets_the_same_as_data(hospital: Hospital, tove: httpx.Client, token: str) -> None:
    first = send(tove, {"a.jpeg": made_jpeg()}, {"accept": "application/json"}, csrf_token=token).json()
    again = send(tove, {"a.jpeg": made_jpeg()}, {"accept": "application/json"}, csrf_token=token).json()

    assert [one["outcome"] for one in (*first["files"], *again["files"])] == ["received", "known"]
    assert hospital.of(first["files"][0]["instance"]).new.door == "page"


def test_what_is_marked_urgent_is_read_first(hospital: Hospital, tove: httpx.Client, token: str) -> None:
    told = send(tove, {"a.jpeg": made_jpeg()}, {"accept": "application/json"}, csrf_token=token, priority="stat").json()
    hospital.assess()
    assessment = hospital.of(told["files"][0]["instance"]).assessment

    assert assessment is not None
    assert assessment.priority is Priority.STAT


def test_who_has_several_sites_chooses_one(hospital: Hospital) -> None:
    ada = hospital.person("ada")
    assert 'name="site"' in ada.get("/send", headers=HTML).text
    assert send(ada, {"a.jpeg": made_jpeg()}).status_code == 422
    assert send(ada, {"a.jpeg": made_jpeg()}, site=SOUTH).status_code == 200
    assert send(ada, {"a.jpeg": made_jpeg()}, site="nowhere").status_code == 422
    assert hospital.system.records.summary({SOUTH}).by_status[Status.RECEIVED] == 1


def test_nobody_sends_for_another_site(hospital: Hospital, tove: httpx.Client, token: str) -> None:
    assert send(tove, {"a.jpeg": made_jpeg()}, csrf_token=token, site=SOUTH).status_code == 403
    assert hospital.system.records.summary(None).unreviewed == 0


@pytest.mark.parametrize("fields", [{}, {"csrf_token": "forged"}])
def test_a_forged_form_is_refused(hospital: Hospital, tove: httpx.Client, fields: dict[str, str]) -> None:
    assert send(tove, {"a.jpeg": made_jpeg()}, HTML, **fields).status_code == 403
    assert hospital.system.records.summary(None).unreviewed == 0


def test_strangers_and_machines_are_turned_away_before_the_body_is_read(hospital: Hospital) -> None:
    assert send(hospital.stranger(), {"a.jpeg": made_jpeg()}, {}).status_code == 401
    assert send(hospital.machine(), {"a.jpeg": made_jpeg()}, {}).status_code == 401


def test_a_form_without_a_file_says_so(tove: httpx.Client, token: str) -> None:
    assert send(tove, {"": b""}, csrf_token=token).status_code == 400
    assert tove.post("/send", data={"csrf_token": token}, headers=HTML).status_code == 415


def test_a_file_too_large_is_refused(small_hospital: Hospital) -> None:
    assert send(small_hospital.person("tove"), {"a.jpeg": b"x" * 70_000}).status_code == 413
