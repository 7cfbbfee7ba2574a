"""Every error becomes the right status and the same readable JSON; no error type is forgotten."""

import gzip
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from made.hospital import Hospital

from lingula import errors
from lingula.doors.http.app import create_app
from lingula.doors.http.problems import MEDIA_TYPE, TABLE, problem_of
from lingula.errors import BackendUnavailable, LingulaError

MEMBERS = {"type", "title", "status", "detail", "instance", "event_id"}


def all_errors(root: type[LingulaError] = LingulaError) -> Iterator[type[LingulaError]]:
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


def test_every_error_type_has_a_row_of_its_own() -> None:
    own = {kind for kind in all_errors() if kind.__module__ == errors.__name__}

    assert own == set(TABLE)
    assert len(own) >= 14


@pytest.mark.parametrize("kind", list(TABLE))
def test_a_problem_is_never_a_success_and_shows_no_inner_message(kind: type[LingulaError]) -> None:
    problem = problem_of(kind("what was wrong"))

    assert problem.status >= 400
    assert (problem.detail == "what was wrong") is TABLE[kind].is_shown
    assert TABLE[kind].is_shown or problem.status == 500


def test_only_what_is_worth_trying_again_says_when() -> None:
    problem = problem_of(BackendUnavailable("the store is full", retry_after_seconds=7.2))

    assert problem.status == 503
    assert problem.headers()["retry-after"] == "8"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/studies/s1", 404),
        ("PUT", "/api/v1/instances", 405),
        ("GET", "/api/v1/studies?page=0", 422),
        ("GET", "/api/v1/studies?band=red", 422),
        ("GET", "/api/v1/studies?colour=red", 422),
        ("GET", "/api/v1/instances/i1/image.png", 404),
        ("POST", "/api/v1/studies/s1/reviews", 403),
    ],
)
def test_every_refusal_is_a_problem_with_an_event_id(hospital: Hospital, method: str, path: str, status: int) -> None:
    answer = hospital.machine().request(method, path, json={"verdict": "agree"} if method == "POST" else None)

    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    problem = answer.json()
    assert problem.keys() >= MEMBERS
    assert problem["status"] == status
    assert problem["instance"] == path.split("?", maxsplit=1)[0]
    assert len(problem["event_id"]) == 16


def test_a_wrong_method_says_which_are_right(hospital: Hospital) -> None:
    answer = hospital.machine().put("/api/v1/instances")

    assert answer.headers["allow"] == "POST"
    assert "the header Allow names them" in answer.json()["detail"]


def test_an_address_with_nothing_under_it_is_told_in_words(hospital: Hospital) -> None:
    page = hospital.person("mara").get("/nothing", headers={"accept": "text/html"})

    assert page.status_code == 404
    assert "there is nothing under this address" in page.text


def test_a_body_that_does_not_hold_is_not_repeated(hospital: Hospital) -> None:
    answer = hospital.person("mara").post(
        "/api/v1/studies/s1/reviews", json={"verdict": "Doe^Jane", "name": "Doe^Jane"}
    )

    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"verdict", "name"}
    assert "Doe" not in answer.text


def test_what_nobody_foresaw_is_logged_with_its_trace_and_shown_with_its_event_id_only(
    hospital: Hospital, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def page(self, _: object) -> None:
            raise RuntimeError("secret inner detail")

    broken = replace(hospital.system, worklist=Broken())  # type: ignore[arg-type]  # broken on purpose
    machine = replace(hospital, app=create_app(broken)).machine()

    with caplog.at_level(logging.ERROR):
        answer = machine.get("/api/v1/studies")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "secret" not in answer.text
    (line,) = [record for record in caplog.records if record.__dict__.get("action") == "request_refused"]
    assert line.__dict__["trace_id"] == answer.json()["event_id"]
    assert line.exc_info is not None


def test_a_person_is_shown_a_page_for_an_error(hospital: Hospital) -> None:
    answer = hospital.person("mara").get("/studies/snothing", headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "event id" in answer.text


def test_a_large_body_where_none_belongs_is_refused(hospital: Hospital) -> None:
    person = hospital.person("mara")

    announced = person.post("/api/v1/studies/s1/reviews", content=bytes(100_000))
    streamed = person.post("/api/v1/studies/s1/reviews", content=iter([bytes(40_000), bytes(40_000)]))

    assert (announced.status_code, streamed.status_code) == (413, 413)


@pytest.mark.parametrize("path", ["/api/v1/instances", "/events/s3", "/predict", "/v2/models/made/infer"])
def test_a_compressed_body_is_told_from_a_damaged_one(hospital: Hospital, path: str) -> None:
    answer = hospital.machine().post(path, content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"})

    assert answer.status_code == 415
    assert "without Content-Encoding" in answer.text
    assert hospital.machine().post(path, content=b"x", headers={"content-encoding": "identity"}).status_code != 415
