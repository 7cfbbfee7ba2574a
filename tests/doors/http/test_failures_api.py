"""What could not be assessed is listed with its reason and tried again; the timeline tells who asked."""

import threading

from made.hospital import Hospital
from made.triage import NORTH, SOUTH, made_jpeg

from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.radiology.study import Status


def failed(hospital: Hospital, seed: int, site: SiteName = NORTH) -> InstanceId:
    """Let a radiograph fail because its bytes are gone, and give them back."""
    stored = hospital.send(made_jpeg(seed=seed), site)
    data = hospital.system.store.get(stored.new.store_key)
    hospital.system.store.delete(stored.new.store_key)
    hospital.assess()
    hospital.system.store.put(stored.new.store_key, data)
    assert hospital.of(stored.new.id).status is Status.FAILED
    return stored.new.id


def test_failures_are_listed_with_their_reason(hospital: Hospital) -> None:
    instance = failed(hospital, 1)
    told = hospital.person("ada").get("/api/v1/failures").json()

    assert told["total"] == 1
    assert told["failures"][0]["instance"] == instance
    assert told["failures"][0]["reason"]


def test_all_or_one_sites_failures_are_tried_again(hospital: Hospital) -> None:
    north, south = failed(hospital, 1), failed(hospital, 2, SOUTH)
    ada = hospital.person("ada")

    assert ada.post("/api/v1/failures/replay?site=south").json() == {"replayed": 1, "left": 0}
    assert ada.get("/api/v1/failures?site=north").json()["total"] == 1
    assert ada.post("/api/v1/failures/replay").json() == {"replayed": 1, "left": 0}
    hospital.assess()
    assert [hospital.of(one).status for one in (north, south)] == [Status.ASSESSED, Status.ASSESSED]


def test_a_misspelt_site_is_not_answered_as_if_nothing_had_failed_there(hospital: Hospital) -> None:
    failed(hospital, 1)
    ada = hospital.person("ada")
    for answer in (ada.get("/api/v1/failures?site=nroth"), ada.post("/api/v1/failures/replay?site=nroth")):
        assert answer.status_code == 404
        assert "there is no such site" in answer.json()["detail"]


def test_the_timeline_tells_who_asked(hospital: Hospital) -> None:
    instance = failed(hospital, 1)
    hospital.person("nils").post(f"/api/v1/instances/{instance}/replay")
    hospital.system.hub.flush()
    study = hospital.of(instance).new.study
    page = hospital.person("mara").get(f"/studies/{study}", headers={"accept": "text/html"}).text

    assert "Radiograph replayed: asked by nils" in page


def test_who_waits_right_after_a_replay_waits_for_the_new_attempt(hospital: Hospital) -> None:
    instance = failed(hospital, 1)
    hospital.person("ada").post("/api/v1/failures/replay")
    assessing = threading.Timer(0.3, hospital.assess)
    assessing.start()
    told = hospital.machine().post("/api/v1/instances?wait=20", content=made_jpeg(seed=1)).json()
    assessing.join()

    assert (told["instance"], told["status"], told["is_new"]) == (instance, "assessed", False)
    assert told["assessment"]["status"] == "assessed"


def test_who_waits_in_vain_after_a_replay_is_told_that_it_is_received(hospital: Hospital) -> None:
    failed(hospital, 1)
    hospital.person("ada").post("/api/v1/failures/replay")
    told = hospital.machine().post("/api/v1/instances?wait=0.2", content=made_jpeg(seed=1)).json()

    assert (told["status"], told["assessment"]) == ("received", None)


def test_only_administrators_ask_for_failures(hospital: Hospital) -> None:
    for caller in (hospital.machine(), hospital.person("mara"), hospital.person("tove")):
        assert caller.get("/api/v1/failures").status_code == 403
        assert caller.post("/api/v1/failures/replay").status_code == 403
    assert hospital.person("ada").get("/api/v1/failures?at_most=0").status_code == 422


def test_an_administrator_sees_failures_on_a_page_and_tries_them_again(hospital: Hospital) -> None:
    first, second = failed(hospital, 1), failed(hospital, 2)
    ada = hospital.person("ada")
    token = {"csrf_token": ada.headers.pop("x-csrf-token")}
    page = ada.get("/failures", headers={"accept": "text/html"}).text

    assert "2 radiographs failed" in page
    assert f'action="/instances/{first}/replay"' in page
    one = ada.post(f"/instances/{first}/replay", data={**token, "next": "/failures?done=1"})
    assert one.headers["location"] == "/failures?done=1"
    rest = ada.post("/failures/replay", data=token)
    assert rest.headers["location"] == "/failures?done=1"
    assert "1 radiograph is tried again" in ada.get("/failures?done=1", headers={"accept": "text/html"}).text
    assert [hospital.of(one).status for one in (first, second)] == [Status.RECEIVED, Status.RECEIVED]


def test_the_page_of_failures_is_for_administrators_and_their_own_forms(hospital: Hospital) -> None:
    assert hospital.person("mara").get("/failures").status_code == 403
    assert "/failures" not in hospital.person("mara").get("/", headers={"accept": "text/html"}).text
    ada = hospital.person("ada")
    del ada.headers["x-csrf-token"]
    assert ada.post("/failures/replay", data={"csrf_token": "forged"}).status_code == 403
