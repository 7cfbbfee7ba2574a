"""Administrators add hospitals, bind and unbind them, make and revoke keys; every change is in the access log."""

from dataclasses import replace

import pytest
from httpx import Client
from made.hospital import Hospital
from made.triage import NORTH, made_jpeg

SITES = "/api/v1/sites"


@pytest.fixture
def ada(hospital: Hospital) -> Client:
    return hospital.person("ada")


def with_key(hospital: Hospital, key: str) -> Client:
    client = hospital.stranger()
    client.headers["authorization"] = f"Bearer {key}"
    return client


def test_a_hospital_is_added_and_its_key_lets_it_in(hospital: Hospital, ada: Client) -> None:
    answer = ada.post(SITES, json={"site": "st-anne", "buckets": ["s3://images/st-anne/"]})
    added = answer.json()

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{SITES}/st-anne"
    assert (added["site"], added["ae_title"]) == ("st-anne", "ST_ANNE")
    assert {"kind": "bucket", "value": "s3://images/st-anne"} in added["bindings"]
    sent = with_key(hospital, added["api_key"]).post("/api/v1/instances", content=made_jpeg())
    assert sent.json()["site"] == "st-anne"
    assert added["api_key"] not in ada.get(f"{SITES}/st-anne").text
    assert ("ada", "added site", "st-anne") in hospital.accesses()


def test_what_belongs_to_another_hospital_is_a_conflict(ada: Client) -> None:
    assert ada.post(SITES, json={"site": NORTH}).status_code == 409
    assert ada.post(SITES, json={"site": "a", "ae_title": "NORTH"}).status_code == 409
    assert ada.post(SITES, json={"site": "b", "folders": ["/srv/in"]}).status_code == 201
    assert ada.post(SITES, json={"site": "c", "folders": ["/srv/in/"]}).status_code == 409
    assert {one["site"] for one in ada.get(SITES).json()["sites"]} == {"b", "north", "south"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"site": "../etc"},
        {"site": "a b"},
        {"site": "x" * 64},
        {"site": "a", "ae_title": "no capitals"},
        {"site": "a", "buckets": ["http://images"]},
        {"site": "a", "folders": ["relative"]},
        {"site": "a", "secret": "x"},
    ],
)
def test_what_is_no_hospital_is_refused(ada: Client, body: dict[str, object]) -> None:
    assert ada.post(SITES, json=body).status_code == 422


def test_bindings_come_and_go(hospital: Hospital, ada: Client) -> None:
    bucket = {"kind": "bucket", "value": "s3://images/north"}
    assert ada.post(f"{SITES}/north/bindings", json=bucket).status_code == 201
    assert bucket in ada.get(f"{SITES}/north").json()["bindings"]
    assert ada.post(f"{SITES}/south/bindings", json=bucket).status_code == 409
    assert ada.request("DELETE", f"{SITES}/south/bindings", json=bucket).status_code == 404
    assert bucket not in ada.request("DELETE", f"{SITES}/north/bindings", json=bucket).json()["bindings"]
    assert ada.post(f"{SITES}/north/bindings", json={"kind": "api_key", "value": "x"}).status_code == 422
    assert ada.post(f"{SITES}/nowhere/bindings", json=bucket).status_code == 404
    assert ("ada", "bound bucket", "north") in hospital.accesses()


def test_an_ae_title_is_changed(ada: Client) -> None:
    assert ada.patch(f"{SITES}/north", json={"ae_title": "NORTH_2"}).json()["ae_title"] == "NORTH_2"
    assert ada.patch(f"{SITES}/north", json={"ae_title": "NORTH_2"}).status_code == 200
    assert ada.patch(f"{SITES}/north", json={"ae_title": "SOUTH"}).status_code == 409
    assert ada.patch(f"{SITES}/north", json={"ae_title": "\\"}).status_code == 422


def test_a_second_key_works_until_it_is_revoked(hospital: Hospital, ada: Client) -> None:
    made = ada.post(f"{SITES}/north/keys").json()
    assert with_key(hospital, made["api_key"]).get("/api/v1/summary").status_code == 200

    left = ada.delete(f"{SITES}/north/keys/{made['key']}").json()
    hospital.clock.move(minutes=1)

    assert [one for one in left["bindings"] if one["value"] == made["key"]] == []
    assert with_key(hospital, made["api_key"]).get("/api/v1/summary").status_code == 401
    assert hospital.machine().get("/api/v1/summary").status_code == 200, "the first key stays"
    assert ada.delete(f"{SITES}/north/keys/{made['key']}").status_code == 404
    assert ada.delete(f"{SITES}/north/keys/1234").status_code == 422


def test_only_administrators_manage_sites_and_only_their_own(hospital: Hospital) -> None:
    for caller in (hospital.machine(), hospital.person("mara"), hospital.person("tove")):
        assert caller.get(SITES).status_code == 403
        assert caller.post(SITES, json={"site": "a"}).status_code == 403
    accounts = hospital.system.accounts
    accounts.replace_user(replace(accounts.user("ada"), sites=frozenset({NORTH})))
    ada = hospital.person("ada")
    assert [one["site"] for one in ada.get(SITES).json()["sites"]] == [NORTH]
    assert ada.get(f"{SITES}/south").status_code == 404
    assert ada.post(f"{SITES}/south/keys").status_code == 404
    assert ada.post(SITES, json={"site": "a"}).status_code == 403


def test_a_forged_request_makes_no_key(hospital: Hospital) -> None:
    ada = hospital.person("ada")
    del ada.headers["x-csrf-token"]
    assert ada.post(f"{SITES}/north/keys").status_code == 403
