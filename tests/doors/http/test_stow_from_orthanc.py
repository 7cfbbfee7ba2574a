"""A real archive pushes studies to us over DICOMweb: Orthanc with its plug-in."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from made.hospital import Hospital, made_dicom
from made.serving import serving
from servers.orthanc import running_orthanc

from lingula.radiology.study import Status

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
JOB_SECONDS = 30.0


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[httpx.Client]:
    """An Orthanc of our own, spoken to over its REST API."""
    more = {"Plugins": [PLUGIN], "DicomWeb": {"Enable": True}}
    with running_orthanc(tmp_path / "archive", {}, more=more) as orthanc:
        yield orthanc.api


def test_orthanc_pushes_a_study_and_is_told_that_all_is_kept(hospital: Hospital, archive: httpx.Client) -> None:
    numbers = range(1, 6)
    kept = [archive.post("/instances", content=made_dicom(number=one, seed=one)).json()["ID"] for one in numbers]
    with serving(hospital) as address:
        headers = {"Authorization": hospital.machine().headers["authorization"]}
        server = {"Url": f"{address}/dicomweb", "HttpHeaders": headers}
        assert archive.put("/dicom-web/servers/lingula", json=server).status_code == 200
        begun = archive.post("/dicom-web/servers/lingula/stow", json={"Resources": kept, "Synchronous": False})
        job = ended(archive, begun.json()["ID"])
    assert job["State"] == "Success", job
    assert hospital.system.records.summary(None).by_status[Status.RECEIVED] == len(numbers)


def ended(archive: httpx.Client, job: str) -> dict[str, object]:
    deadline = time.monotonic() + JOB_SECONDS
    while True:
        told: dict[str, object] = archive.get(f"/jobs/{job}").json()
        if told["State"] in {"Success", "Failure"} or time.monotonic() > deadline:
            return told
        time.sleep(0.05)
