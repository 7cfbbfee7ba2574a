"""The simple shape for small clients, health for probes, metrics for Prometheus, the API's own description."""

import json

from httpx import ASGITransport, AsyncClient
from made.hospital import ADDRESS, Hospital, made_dicom
from made.triage import LIKELY, UNLIKELY, UNSURE, made_jpeg

from lingula.doors.http.description import EXAMPLES


def test_a_small_client_is_told_pneumonia_normal_or_unsure(busy_hospital: Hospital) -> None:
    machine = busy_hospital.machine()

    told = [
        machine.post("/predict", files={"file": (f"{name}.jpeg", made_jpeg(brightness))}).json()
        for name, brightness in (("a", LIKELY), ("b", UNLIKELY), ("c", UNSURE))
    ]

    assert [one["prediction"] for one in told] == ["Pneumonia", "Normal", "Unsure"]
    assert [one["filename"] for one in told] == ["a.jpeg", "b.jpeg", "c.jpeg"]
    assert all(float(one["confidence"].rstrip("%")) > 40 for one in told)
    assert all(one["timestamp"] for one in told)


def test_what_is_not_assessed_is_never_called_normal(busy_hospital: Hospital) -> None:
    told = busy_hospital.machine().post("/predict", files={"file": ("a.dcm", made_dicom(view="LL"))}).json()

    assert told["prediction"] == "Not assessed"
    assert told["confidence"] is None
    assert "lateral" in told["reason"]


def test_a_small_client_lists_what_its_site_sent(hospital: Hospital) -> None:
    hospital.send(made_jpeg(UNLIKELY))
    hospital.send(made_dicom(view="LL"))
    hospital.assess()

    told = hospital.machine().get("/predictions?page=1").json()

    assert [one["prediction"] for one in told["data"]] == ["Not assessed", "Normal"]
    assert (told["page"], told["items_per_page"], told["total_pages"]) == (1, 25, 1)


def test_a_small_client_is_refused_what_is_no_radiograph(busy_hospital: Hospital) -> None:
    assert busy_hospital.machine().post("/predict", files={"file": ("a.txt", b"hello")}).status_code == 422


def test_probes_learn_that_it_is_live_and_ready(busy_hospital: Hospital) -> None:
    stranger = busy_hospital.stranger()

    assert stranger.get("/health/live").json()["status"] == "live"
    assert stranger.get("/health/ready").json()["status"] == "ready"
    assert stranger.get("/health").json()["parts"]["store"] == "ok"


def test_a_system_whose_threads_do_not_run_is_not_ready(hospital: Hospital) -> None:
    answer = hospital.stranger().get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"


def from_outside(hospital: Hospital, path: str, **headers: str) -> tuple[int, str]:
    async def ask() -> tuple[int, str]:
        transport = ASGITransport(hospital.app, client=("203.0.113.9", 4711))
        async with AsyncClient(transport=transport, base_url=ADDRESS, headers=headers) as client:
            answer = await client.get(path)
            return answer.status_code, answer.text

    return hospital.portal.call(ask)


def test_a_stranger_from_outside_is_not_told_which_part_is_down(busy_hospital: Hospital) -> None:
    status, text = from_outside(busy_hospital, "/health/ready")

    assert status == 200
    assert json.loads(text)["parts"] is None


def test_metrics_are_for_this_machine_keys_and_administrators(hospital: Hospital) -> None:
    hospital.send()
    hospital.system.hub.flush()
    near = hospital.stranger().get("/metrics")
    proxied = hospital.stranger().get("/metrics", headers={"x-forwarded-for": "203.0.113.9"})

    assert near.status_code == 200
    assert 'lingula_received_total{door="test",site="north"} 1.0' in near.text
    assert proxied.status_code == 401
    assert from_outside(hospital, "/metrics")[0] == 401
    assert from_outside(hospital, "/metrics", authorization=hospital.machine().headers["authorization"])[0] == 200
    for name, status in (("ada", 200), ("mara", 403)):
        cookie = hospital.person(name).cookies["lingula"]
        assert from_outside(hospital, "/metrics", cookie=f"lingula={cookie}")[0] == status


def test_the_api_describes_itself_whole(hospital: Hospital) -> None:
    described = hospital.machine().get("/api/v1/openapi.json").json()

    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert operations.keys() >= {
        "POST /api/v1/instances",
        "GET /api/v1/instances/{instance}",
        "GET /api/v1/instances/{instance}/image.png",
        "GET /api/v1/instances/{instance}/heatmap.png",
        "GET /api/v1/instances/{instance}/original",
        "GET /api/v1/studies",
        "GET /api/v1/studies/{study}",
        "POST /api/v1/studies/{study}/reviews",
        "POST /api/v1/studies/{study}/claim",
        "GET /api/v1/summary",
        "GET /api/v1/events",
        "POST /predict",
        "GET /predictions",
        "GET /health/ready",
        "GET /metrics",
    }
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        words = "application/json" if " /v2" in name else "application/problem+json"
        assert words in operation["responses"]["default"]["content"], name
    assert "ProblemShape" in described["components"]["schemas"]
    assert described["components"]["securitySchemes"].keys() == {"siteKey", "session"}
    body = operations["POST /api/v1/instances"]["requestBody"]["content"]
    assert {"multipart/form-data", "application/dicom"} <= body.keys()


def test_every_shape_of_the_description_has_an_example_that_holds(hospital: Hospital) -> None:
    described = hospital.machine().get("/api/v1/openapi.json").json()

    names = {name for name, schema in described["components"]["schemas"].items() if schema.get("type") == "object"}
    assert names == {shape.__name__ for shape in EXAMPLES}
    for shape, example in EXAMPLES.items():
        assert shape.model_validate(example.model_dump(mode="json")) == example
        assert described["components"]["schemas"][shape.__name__]["examples"]
