"""Nobody comes in who should not: logins, sessions, forged requests, other sites' radiographs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from httpx import Client
from made.hospital import ADDRESS, Hospital, log_in
from made.triage import NORTH, SOUTH, made_jpeg
from starlette.routing import BaseRoute

from lingula.doors.http.edge import HEADERS
from lingula.doors.http.sessions import cookie_name
from lingula.doors.http.throttle import FREE_TRIES_ACCOUNT

ANONYMOUS = {
    "/login",
    "/health",
    "/health/live",
    "/health/ready",
    "/static",
    "/v2/health/live",
    "/v2/health/ready",
}


def test_every_address_but_login_and_health_turns_strangers_away(hospital: Hospital) -> None:
    stranger = hospital.stranger()

    answers = {
        (method, path): stranger.request(
            method, path.format(study="s1", instance="i1", name="m", version="1", site="north", key="12345678")
        ).status_code
        for method, path in addresses(hospital.app.routes)
        if path not in ANONYMOUS and path != "/metrics"  # given to this machine itself; see test_health
    }

    assert len(answers) >= 20
    assert set(answers.values()) <= {401, 415}, answers


def test_a_stranger_who_asks_for_a_page_is_led_to_the_login_and_back(hospital: Hospital) -> None:
    browser = hospital.stranger()

    led = browser.get("/studies/s1?instance=i1", headers={"accept": "text/html"})
    entered = log_in(browser, "mara", goal="/studies/s1?instance=i1")

    assert led.status_code == 303
    assert led.headers["location"] == "/login?next=%2Fstudies%2Fs1%3Finstance%3Di1"
    assert entered.headers["location"] == "/studies/s1?instance=i1"


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_leads_nowhere_else(hospital: Hospital, goal: str) -> None:
    assert log_in(hospital.stranger(), "mara", goal=goal).headers["location"] == "/"


def test_the_sessions_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(hospital: Hospital) -> None:
    cookies = log_in(hospital.stranger(), "mara").headers.get_list("set-cookie")

    (session,) = [cookie for cookie in cookies if cookie.startswith("lingula=")]
    assert "HttpOnly" in session
    assert "SameSite=lax" in session


def test_over_tls_the_cookie_is_bound_to_this_host(public_hospital: Hospital) -> None:
    answer = log_in(public_hospital.stranger(), "mara")

    (session,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(cookie_name(is_https=True))]
    assert session.startswith("__Host-lingula=")
    assert "Secure" in session
    assert "Path=/;" in session
    assert "Domain" not in session
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_the_secret_itself_is_not_kept(hospital: Hospital) -> None:
    browser = hospital.person("mara")

    session = hospital.session(browser)

    assert browser.cookies["lingula"] not in repr(session)
    assert len(browser.cookies["lingula"]) >= 43  # 256 bits in base 64


@pytest.mark.parametrize("name", ["mara", "nobody"])
def test_a_wrong_login_never_says_what_was_wrong(hospital: Hospital, name: str) -> None:
    answer = log_in(hospital.stranger(), name, "wrong password")

    assert answer.status_code == 401
    assert "Name and password do not fit together" in answer.text
    assert "lingula=" not in " ".join(answer.headers.get_list("set-cookie"))


def test_who_guesses_waits_longer_and_longer(hospital: Hospital) -> None:
    browser = hospital.stranger()
    waits = []
    for _ in range(FREE_TRIES_ACCOUNT):
        log_in(browser, "mara", "wrong password")
    for _ in range(4):
        refused = log_in(browser, "mara")
        assert refused.status_code == 429
        waits.append(int(refused.headers["retry-after"]))
        hospital.clock.move(seconds=waits[-1])
        log_in(browser, "mara", "wrong password")

    assert waits == [1, 2, 4, 8]


def test_a_doctor_whose_name_is_guessed_comes_in_after_a_minute_at_most(hospital: Hospital) -> None:
    for _ in range(30):
        log_in(hospital.stranger(), "mara", "wrong password")
        hospital.clock.move(seconds=61)

    assert log_in(hospital.stranger(), "mara").status_code == 303


def test_an_inactive_account_cannot_log_in_and_its_sessions_end(hospital: Hospital) -> None:
    browser = hospital.person("nils")
    user = hospital.system.accounts.user("nils")
    hospital.system.accounts.replace_user(replace(user, is_active=False))

    assert browser.get("/api/v1/summary").status_code == 401
    assert log_in(hospital.stranger(), "nils").status_code == 401


def test_a_session_ends_when_nobody_uses_it(hospital: Hospital) -> None:
    browser = hospital.person("mara")
    hospital.clock.move(minutes=29)
    assert browser.get("/api/v1/summary").status_code == 200
    hospital.clock.move(minutes=29)
    assert browser.get("/api/v1/summary").status_code == 200

    hospital.clock.move(minutes=31)

    assert browser.get("/api/v1/summary").status_code == 401


def test_a_page_that_refreshes_itself_keeps_no_session_alive(hospital: Hospital) -> None:
    browser = hospital.person("mara")

    for _ in range(3):
        hospital.clock.move(minutes=10)
        answer = browser.get("/", headers={"x-lingula-refresh": "1", "accept": "application/json"})

    assert answer.status_code == 401


def test_a_session_ends_after_twelve_hours_however_busy(hospital: Hospital) -> None:
    browser = hospital.person("mara")

    statuses = []
    for _ in range(37):
        hospital.clock.move(minutes=20)
        statuses.append(browser.get("/api/v1/summary").status_code)

    assert statuses.index(401) == 35


def test_logging_out_ends_the_session_at_the_server(hospital: Hospital) -> None:
    browser = hospital.person("mara")
    cookie = browser.cookies["lingula"]

    answer = browser.post("/logout", data={"csrf_token": browser.headers["x-csrf-token"]})

    assert answer.status_code == 303
    stolen = hospital.stranger()
    stolen.cookies.set("lingula", cookie)
    assert stolen.get("/api/v1/summary").status_code == 401


def test_a_login_ends_the_session_the_browser_had(hospital: Hospital) -> None:
    browser = hospital.person("mara")
    planted = browser.cookies["lingula"]

    log_in(browser, "mara")

    assert browser.cookies["lingula"] != planted
    old = hospital.stranger()
    old.cookies.set("lingula", planted)
    assert old.get("/api/v1/summary").status_code == 401


def test_no_other_site_can_log_a_browser_in(hospital: Hospital) -> None:
    browser = hospital.stranger()

    without_cookie = browser.post(
        "/login", data={"name": "mara", "password": "correct horse battery", "csrf_token": ""}
    )
    browser.get("/login")
    wrong_token = browser.post("/login", data={"name": "mara", "password": "correct horse battery", "csrf_token": "x"})

    assert (without_cookie.status_code, wrong_token.status_code) == (403, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"x-csrf-token": "guessed"},
        {"x-csrf-token": ""},
    ],
)
def test_a_forged_request_changes_nothing(hospital: Hospital, headers: dict[str, str]) -> None:
    browser = hospital.person("mara")
    study = hospital.send().new.study

    answer = browser.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "agree"}, headers=headers)

    assert answer.status_code == 403
    assert hospital.system.records.study(study).reviews == []


def test_a_forged_form_changes_nothing(hospital: Hospital) -> None:
    browser = hospital.person("mara")
    del browser.headers["x-csrf-token"]
    study = hospital.send().new.study

    for token in ("", "guessed"):
        answer = browser.post(f"/studies/{study}/reviews", data={"verdict": "agree", "csrf_token": token})
        assert answer.status_code == 403

    assert hospital.system.records.study(study).reviews == []


def test_a_form_does_not_slip_past_the_token_of_the_api(hospital: Hospital) -> None:
    browser = hospital.person("mara")
    del browser.headers["x-csrf-token"]
    study = hospital.send().new.study

    answer = browser.post(f"/api/v1/studies/{study}/claim", data={"anything": "1"})

    assert answer.status_code == 403


def test_a_page_of_lingula_itself_may_change_things(hospital: Hospital) -> None:
    browser = hospital.person("mara")
    study = hospital.send().new.study

    own = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}
    answer = browser.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "agree"}, headers=own)

    assert answer.status_code == 201


def others(hospital: Hospital) -> Iterator[Client]:
    yield hospital.person("sven")
    yield hospital.machine(SOUTH)


def test_what_belongs_to_another_site_is_as_if_it_were_not_there(hospital: Hospital) -> None:
    sent = hospital.send(site=NORTH)
    hospital.assess()
    instance, study = f"/api/v1/instances/{sent.new.id}", f"/api/v1/studies/{sent.new.study}"
    paths = [study, instance, *(f"{instance}/{one}" for one in PICTURES), f"/studies/{sent.new.study}"]

    for other in others(hospital):
        found = {path: other.get(path).status_code for path in paths}
        assert set(found.values()) - {403} == {404}, found
        assert other.get("/api/v1/studies").json()["total"] == 0
        assert other.get(f"/api/v1/studies?site={NORTH}").json()["total"] == 0
        assert other.get("/api/v1/summary").json()["unreviewed"] == 0


PICTURES = ("image.png", "thumbnail.jpeg", "heatmap.png", "original")


def test_no_doctor_reviews_or_claims_for_another_site(hospital: Hospital) -> None:
    study = hospital.send(site=NORTH).new.study
    other = hospital.person("sven")

    answers = [
        other.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "agree"}),
        other.post(f"/api/v1/studies/{study}/claim"),
        other.delete(f"/api/v1/studies/{study}/claim"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_a_technician_sees_arrivals_but_no_picture_and_no_assessment(hospital: Hospital) -> None:
    sent = hospital.send()
    hospital.assess()
    technician = hospital.person("tove")

    instance = technician.get(f"/api/v1/instances/{sent.new.id}")
    page = technician.get("/")

    assert instance.json()["status"] == "assessed"
    assert instance.json()["assessment"] is None
    assert technician.get(f"/api/v1/instances/{sent.new.id}/image.png").status_code == 403
    assert technician.get(f"/studies/{sent.new.study}").status_code == 403
    assert "likely" not in page.text.split("<tbody>")[1].split("</tbody>")[0]


def test_every_answer_carries_the_security_headers(hospital: Hospital) -> None:
    sent = hospital.send()
    person = hospital.person("mara")
    paths = [
        "/",
        "/login",
        f"/studies/{sent.new.study}",
        "/nothing",
        "/static/lingula.css",
        "/api/v1/summary",
        "/health",
    ]

    for path in paths:
        answer = person.get(path)
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode(), path
        assert ("no-store" in answer.headers["cache-control"]) is not path.startswith("/static/")


def test_a_name_that_is_not_ours_is_refused(hospital: Hospital) -> None:
    answer = hospital.stranger().get("/login", headers={"host": "rebound.example:8000"})

    assert answer.status_code == 421


def test_the_public_name_is_ours(public_hospital: Hospital) -> None:
    browser = public_hospital.stranger()

    assert browser.get("/login", headers={"host": "lingula.example"}).status_code == 200


@pytest.mark.parametrize("header", ["Basic bWFyYTpwYXNz", "Bearer", "Bearer unknown-key", "nonsense"])
def test_other_keys_and_schemes_are_refused(hospital: Hospital, header: str) -> None:
    answer = hospital.stranger().post("/api/v1/instances", content=made_jpeg(), headers={"authorization": header})

    assert answer.status_code == 401


def addresses(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Give method and path of every route, those of included routers too."""
    for route in routes:
        for inner in getattr(getattr(route, "original_router", None), "routes", [route]):
            for method in getattr(inner, "methods", None) or ["GET"]:
                yield method, getattr(inner, "path", "")
