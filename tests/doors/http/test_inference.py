"""The Open Inference Protocol: the graph's own answer, from tensors or from files, and nothing kept."""

import base64
import contextlib
import json
import struct
from pathlib import Path

import httpx
import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no annotations
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made.hospital import Hospital, made_dicom
from made.triage import LIKELY, UNLIKELY, made_jpeg
from numpy.typing import NDArray

from lingula.doors.http.inference import MOST_RADIOGRAPHS, read_request
from lingula.doors.http.problems import Refused
from lingula.modelpackage.archive import OUTPUTS, read_package
from lingula.modelpackage.preprocessing import prepare
from lingula.radiology.reading import read_radiograph
from lingula.radiology.study import Status

Pixels = NDArray[np.float32]


@pytest.fixture
def name(hospital: Hospital) -> str:
    return hospital.system.package.manifest.name


@pytest.fixture
def pixels(hospital: Hospital) -> Pixels:
    """Two prepared radiographs, shape (2, 1, height, width)."""
    preprocessing = hospital.system.package.manifest.preprocessing
    return np.concatenate(
        [prepare(read_radiograph(made_jpeg(brightness)), preprocessing) for brightness in (LIKELY, UNLIKELY)]
    )


def infer(hospital: Hospital, body: object, path: str | None = None) -> httpx.Response:
    manifest = hospital.system.package.manifest
    return hospital.machine().post(path or f"/v2/models/{manifest.name}/infer", content=json.dumps(body))


def tensor(pixels: Pixels) -> dict[str, object]:
    return {"name": "pixels", "datatype": "FP32", "shape": list(pixels.shape), "data": pixels.ravel().tolist()}


def outputs_of(answer: httpx.Response) -> dict[str, Pixels]:
    assert answer.status_code == 200, answer.text
    return {one["name"]: np.array(one["data"], np.float32).reshape(one["shape"]) for one in answer.json()["outputs"]}


def test_tensors_get_what_any_onnx_server_gives(hospital: Hospital, package: Path, pixels: Pixels) -> None:
    bare = onnxruntime.InferenceSession(read_package(package).graph)
    wanted = dict(zip(OUTPUTS, bare.run(list(OUTPUTS), {"pixels": pixels}), strict=True))

    told = outputs_of(infer(hospital, {"inputs": [tensor(pixels)]}))

    assert told.keys() == wanted.keys()
    for output, values in wanted.items():
        np.testing.assert_allclose(told[output], values, atol=1e-6)


def test_nothing_is_kept(hospital: Hospital, pixels: Pixels) -> None:
    infer(hospital, {"inputs": [tensor(pixels)]})

    assert hospital.system.records.summary(None).unreviewed == 0
    assert list(hospital.system.store.keys("")) == []


def test_binary_tensors_go_in_and_out(hospital: Hospital, name: str, pixels: Pixels) -> None:
    wanted = outputs_of(infer(hospital, {"inputs": [tensor(pixels)]}))
    data = pixels.tobytes()
    head = json.dumps(
        {
            "id": "42",
            "inputs": [
                {
                    "name": "pixels",
                    "datatype": "FP32",
                    "shape": list(pixels.shape),
                    "parameters": {"binary_data_size": len(data)},
                }
            ],
            "outputs": [{"name": "probability", "parameters": {"binary_data": True}}, {"name": "novelty"}],
        }
    ).encode()
    answer = hospital.machine().post(
        f"/v2/models/{name}/infer", content=head + data, headers={"Inference-Header-Content-Length": str(len(head))}
    )
    length = int(answer.headers["inference-header-content-length"])
    told = json.loads(answer.content[:length])

    assert told["id"] == "42"
    assert told["outputs"][0]["parameters"] == {"binary_data_size": 8}
    np.testing.assert_allclose(np.frombuffer(answer.content[length:], "<f4"), wanted["probability"].ravel())
    np.testing.assert_allclose(told["outputs"][1]["data"], wanted["novelty"].ravel())


def test_whole_files_are_prepared_here_and_say_the_same(hospital: Hospital, pixels: Pixels) -> None:
    files = [made_jpeg(LIKELY), made_jpeg(UNLIKELY)]
    data = [base64.b64encode(one).decode() for one in files]
    told = outputs_of(
        infer(hospital, {"inputs": [{"name": "pixels", "datatype": "BYTES", "shape": [2], "data": data}]})
    )
    wanted = outputs_of(infer(hospital, {"inputs": [tensor(pixels)]}))

    np.testing.assert_allclose(told["probability"], wanted["probability"], atol=1e-6)


def test_whole_files_may_come_in_binary(hospital: Hospital, name: str) -> None:
    element = struct.pack("<I", len(made_dicom())) + made_dicom()
    tensors = [{"name": "pixels", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(element)}}]
    head = json.dumps({"inputs": tensors, "outputs": [{"name": "probability"}]}).encode()
    answer = hospital.machine().post(
        f"/v2/models/{name}/infer", content=head + element, headers={"Inference-Header-Content-Length": str(len(head))}
    )

    assert outputs_of(answer)["probability"].shape == (1, 1)


def test_a_file_outside_the_intended_use_is_an_error_and_never_a_number(hospital: Hospital) -> None:
    data = [base64.b64encode(made_dicom(view="LL")).decode()]
    answer = infer(hospital, {"inputs": [{"name": "pixels", "datatype": "BYTES", "shape": [1], "data": data}]})

    assert answer.status_code == 400
    assert "lateral" in answer.json()["error"]


def test_more_than_one_batch_is_answered_in_order(hospital: Hospital, pixels: Pixels) -> None:
    many = np.concatenate([pixels] * 5)
    told = outputs_of(infer(hospital, {"inputs": [tensor(many)], "outputs": [{"name": "probability"}]}))

    np.testing.assert_allclose(told["probability"], np.tile(told["probability"][:2], (5, 1)), atol=1e-6)


def test_the_model_says_what_it_takes_and_gives(hospital: Hospital, name: str) -> None:
    machine, version = hospital.machine(), hospital.system.package.manifest.version
    told = machine.get(f"/v2/models/{name}").json()

    assert told["versions"] == [version]
    assert told["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 1, 224, 224]}]
    assert {one["name"] for one in told["outputs"]} == set(OUTPUTS)
    assert machine.get(f"/v2/models/{name}/versions/{version}").json() == told
    assert machine.get(f"/v2/models/{name}/ready").json() == {"name": name, "ready": True}
    assert machine.get(f"/v2/models/{name}/versions/{version}/ready").status_code == 200
    assert machine.get("/v2").json()["extensions"] == ["binary_tensor_data"]


def test_another_model_or_version_is_not_found_in_the_protocols_words(hospital: Hospital, name: str) -> None:
    machine = hospital.machine()
    for path in ("/v2/models/other", f"/v2/models/{name}/versions/9.9.9", f"/v2/models/{name}/versions/9.9.9/ready"):
        answer = machine.get(path)
        assert answer.status_code == 404
        assert answer.json().keys() == {"error"}
    assert machine.post("/v2/models/other/infer", content=b"{}").status_code == 404


def test_probes_need_no_key_and_everything_else_does(busy_hospital: Hospital) -> None:
    stranger = busy_hospital.stranger()
    name = busy_hospital.system.package.manifest.name

    assert stranger.get("/v2/health/live").json() == {"live": True}
    assert stranger.get("/v2/health/ready").json() == {"ready": True}
    assert stranger.post(f"/v2/models/{name}/infer", content=b"{}").status_code == 401
    assert busy_hospital.person("tove").post(f"/v2/models/{name}/infer", content=b"{}").status_code == 403


def test_a_model_that_cannot_work_is_not_ready(hospital: Hospital) -> None:
    answer = hospital.stranger().get("/v2/health/ready")

    assert (answer.status_code, answer.json()) == (503, {"ready": False})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "image"}, "one input, 'pixels'"),
        ({"datatype": "FP64"}, "FP32"),
        ({"shape": [1, 3, 224, 224]}, "shape"),
        ({"shape": [0, 1, 224, 224]}, "shape"),
        ({"shape": [MOST_RADIOGRAPHS + 1, 1, 224, 224]}, "shape"),
        ({"shape": [10**18, 1, 224, 224]}, "shape"),
        ({"shape": []}, "shape"),
        ({"data": [0.5]}, "has shape"),
        ({"data": "0.5"}, "no list of"),
        ({"data": [[[[0.5]]]]}, "has shape"),
        ({"data": [None] * 224 * 224}, "finite"),
        ({"data": [1e39] * 224 * 224}, "finite"),
        ({"data": [10**400, *[0.0] * (224 * 224 - 1)]}, "other than numbers"),
        ({"data": ["x" * 1000, *[0.0] * (224 * 224 - 1)]}, "other than numbers"),
        ({"data": [255.0] * 224 * 224}, "from 0 to 1"),
        ({"data": [float("nan")] * 224 * 224}, "finite"),
        ({"datatype": "BYTES", "shape": [1], "data": ["no base64!"]}, "base64"),
        ({"datatype": "BYTES", "shape": [2], "data": [""]}, "2 files"),
        ({"datatype": "BYTES", "shape": [10**9], "data": []}, "BYTES have shape"),
        ({"datatype": "BYTES", "shape": [1], "data": [base64.b64encode(b"hello").decode()]}, "Bad request"),
        ({"parameters": {"binary_data_size": 10**30}}, "bytes are left"),
        ({"parameters": {"binary_data_size": -1}}, "bytes are left"),
        ({"parameters": {"binary_data_size": True}}, "bytes are left"),
    ],
)
def test_a_tensor_that_is_not_the_one_declared_is_refused(
    hospital: Hospital, change: dict[str, object], told: str
) -> None:
    right = {"name": "pixels", "datatype": "FP32", "shape": [1, 1, 224, 224], "data": [0.5] * 224 * 224}
    answer = infer(hospital, {"inputs": [{**right, **change}]})

    assert answer.status_code == 400, answer.text
    assert told in answer.json()["error"]
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"", None),
        (b"not json", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b"{}", None),
        (b"{}", "5"),
        (b"{}", "-1"),
        (b"{}", "9" * 30),
        (b'{"inputs": [{"name": "pixels", "shape": [1], "datatype": "FP32"}]}more', "64"),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes, length: str | None) -> None:
    with pytest.raises(Refused, match="400"):
        read_request(body, length)


def test_an_output_the_model_does_not_give_is_refused(hospital: Hospital, pixels: Pixels) -> None:
    answer = infer(hospital, {"inputs": [tensor(pixels)], "outputs": [{"name": "diagnosis"}]})

    assert answer.status_code == 400
    assert "'diagnosis'" in answer.json()["error"]


@settings(max_examples=200)
@given(st.binary(max_size=300), st.none() | st.text(max_size=10))
def test_any_bytes_are_a_request_or_refused(body: bytes, length: str | None) -> None:
    with contextlib.suppress(Refused):
        read_request(body, length)


def test_text_that_is_too_large_is_refused_before_it_is_parsed(hospital: Hospital, name: str) -> None:
    body = b'{"inputs": [' + b"0," * (9 * 1024 * 1024) + b"0]}"
    answer = hospital.machine().post(f"/v2/models/{name}/infer", content=body)

    assert answer.status_code == 413
    assert "binary" in answer.json()["error"]


def test_a_received_radiograph_and_its_tensor_agree(hospital: Hospital) -> None:
    stored = hospital.send(made_jpeg(LIKELY))
    hospital.assess()
    assessment = hospital.of(stored.new.id).assessment
    data = base64.b64encode(made_jpeg(LIKELY)).decode()
    told = outputs_of(
        infer(hospital, {"inputs": [{"name": "pixels", "datatype": "BYTES", "shape": [1], "data": [data]}]})
    )

    assert assessment is not None
    assert assessment.status is Status.ASSESSED
    assert assessment.probability == pytest.approx(float(told["probability"][0, 0]), abs=1e-6)
