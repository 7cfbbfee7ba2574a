"""The worklist, verdicts and claims as other programs see them."""

import pytest
from made.dicom_files import IDENTIFYING
from made.hospital import Hospital, made_dicom, made_dicom_without_pixels
from made.triage import LIKELY, NORTH, SOUTH, UNLIKELY, UNSURE, made_jpeg


@pytest.fixture
def full_hospital(hospital: Hospital) -> Hospital:
    """One study of each band at the north site, one at the south."""
    for seed, brightness in enumerate((UNLIKELY, LIKELY, UNSURE)):
        hospital.send(made_jpeg(brightness, seed=seed))
        hospital.clock.move(minutes=1)
    hospital.send(made_jpeg(LIKELY, seed=9), site=SOUTH)
    hospital.assess()
    return hospital


def test_the_most_urgent_study_comes_first_and_says_why(full_hospital: Hospital) -> None:
    found = full_hospital.machine().get("/api/v1/studies").json()

    assert [study["band"] for study in found["studies"]] == ["likely", "unsure", "unlikely"]
    assert [study["priority"] for study in found["studies"]] == ["asap", "urgent", "routine"]
    assert found["studies"][0]["why"].startswith("Pneumonia likely")
    assert found["total"] == 3


@pytest.mark.parametrize(
    ("query", "bands"),
    [
        ("band=unsure", ["unsure"]),
        ("priority=asap", ["likely", "likely"]),
        (f"site={SOUTH}", ["likely"]),
        ("status=failed", []),
        ("status=&band=&site=&q=", ["likely", "likely", "unsure", "unlikely"]),
        ("reviewed=yes", []),
        ("page=2", []),
    ],
)
def test_the_list_can_be_narrowed(full_hospital: Hospital, query: str, bands: list[str]) -> None:
    found = full_hospital.person("mara").get(f"/api/v1/studies?{query}").json()

    assert [study["band"] for study in found["studies"]] == bands


def test_a_study_is_found_by_the_beginning_of_its_id(full_hospital: Hospital) -> None:
    person = full_hospital.person("mara")
    study = person.get("/api/v1/studies").json()["studies"][0]["study"]

    found = person.get(f"/api/v1/studies?q={study[:10]}").json()

    assert [one["study"] for one in found["studies"]] == [study]


def test_a_study_shows_everything_known_of_it(full_hospital: Hospital) -> None:
    person = full_hospital.person("mara")
    row = person.get("/api/v1/studies").json()["studies"][0]

    study = person.get(row["links"]["self"]).json()

    assert study["instances"][0]["assessment"]["band"] == "likely"
    assert [entry["action"] for entry in study["timeline"]] == ["instance_received", "instance_assessed"]
    assert study["instances"][0]["links"]["heatmap"].endswith("/heatmap.png")


def test_a_verdict_is_recorded_and_a_second_one_follows_it(full_hospital: Hospital) -> None:
    mara, nils = full_hospital.person("mara"), full_hospital.person("nils")
    study = nils.get("/api/v1/studies").json()["studies"][0]["study"]
    body = {"verdict": "disagree", "finding": " pleural effusion ", "note": "small, left"}

    first = mara.post(f"/api/v1/studies/{study}/reviews", json=body)
    second = nils.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "unsure"})

    assert first.status_code == 201
    assert first.json()["finding"] == "pleural effusion"
    reviews = mara.get(f"/api/v1/studies/{study}").json()["reviews"]
    assert [(one["number"], one["reviewer"], one["verdict"]) for one in reviews] == [
        (1, "mara", "disagree"),
        (2, "nils", "unsure"),
    ]
    assert second.status_code == 201
    assert study not in [one["study"] for one in mara.get("/api/v1/studies").json()["studies"]]
    assert mara.get("/api/v1/studies?reviewed=yes").json()["total"] == 1


@pytest.mark.parametrize("body", [{}, {"verdict": "perhaps"}, {"verdict": "agree", "note": "x" * 2001}])
def test_a_verdict_that_does_not_hold_is_refused(full_hospital: Hospital, body: dict[str, str]) -> None:
    person = full_hospital.person("mara")
    study = person.get("/api/v1/studies").json()["studies"][0]["study"]

    assert person.post(f"/api/v1/studies/{study}/reviews", json=body).status_code == 422


def test_only_doctors_leave_verdicts_and_claim(full_hospital: Hospital) -> None:
    study = full_hospital.person("mara").get("/api/v1/studies").json()["studies"][0]["study"]

    for other in (full_hospital.machine(NORTH), full_hospital.person("tove")):
        assert other.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "agree"}).status_code == 403
        assert other.post(f"/api/v1/studies/{study}/claim").status_code == 403


def test_while_one_doctor_reads_another_cannot(full_hospital: Hospital) -> None:
    mara, nils = full_hospital.person("mara"), full_hospital.person("nils")
    study = nils.get("/api/v1/studies").json()["studies"][0]["study"]

    claimed = mara.post(f"/api/v1/studies/{study}/claim")
    refused = nils.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "agree"})
    released = mara.delete(f"/api/v1/studies/{study}/claim")
    accepted = nils.post(f"/api/v1/studies/{study}/reviews", json={"verdict": "agree"})

    assert claimed.json()["reviewer"] == "mara"
    assert refused.status_code == 409
    assert released.status_code == 204
    assert accepted.status_code == 201


def test_the_summary_counts_what_waits(full_hospital: Hospital) -> None:
    counted = full_hospital.machine().get("/api/v1/summary").json()

    assert counted["unreviewed"] == 3
    assert counted["by_band"] == {"likely": 1, "unsure": 1, "unlikely": 1}
    assert counted["by_priority"]["stat"] == 0
    assert counted["oldest_wait_seconds"] == 180


def test_a_failed_instance_can_be_tried_again_by_a_doctor(hospital: Hospital) -> None:
    sent = hospital.send(made_jpeg())
    key = sent.new.store_key
    hospital.system.store.delete(key)
    hospital.system.store.put(key, made_jpeg()[:3000])
    hospital.assess()
    assert hospital.of(sent.new.id).status == "failed"
    hospital.system.store.put(key, made_jpeg())

    refused = hospital.machine().post(f"/api/v1/instances/{sent.new.id}/replay")
    answer = hospital.person("nils").post(f"/api/v1/instances/{sent.new.id}/replay")
    hospital.assess()

    assert refused.status_code == 403
    assert answer.status_code == 202
    assert answer.json()["status"] == "received"
    assert hospital.of(sent.new.id).status == "assessed"
    assert hospital.person("nils").post(f"/api/v1/instances/{sent.new.id}/replay").status_code == 409


def test_no_answer_of_the_api_says_who_the_patient_is(hospital: Hospital) -> None:
    sent = hospital.send(made_dicom())
    hospital.send(made_dicom_without_pixels())
    hospital.assess()
    machine = hospital.machine()

    for path in ("studies", f"studies/{sent.new.study}", f"instances/{sent.new.id}", "summary"):
        text = machine.get(f"/api/v1/{path}").text
        assert [value for value in IDENTIFYING if value in text] == []
    assert [value for value in IDENTIFYING if value in machine.get("/predictions").text] == []
