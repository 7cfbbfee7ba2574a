import pytest

from lingula.radiology.identifiers import (
    AccessionNumber,
    PatientId,
    PatientName,
    SeriesInstanceUid,
    SopInstanceUid,
    StudyInstanceUid,
)
from lingula.radiology.naming import names_the_patient
from lingula.radiology.study import FileFormat, Instance
from lingula.radiology.views import is_lateral

SAYS = Instance(
    file_format=FileFormat.DICOM,
    patient_id=PatientId("PID-4711"),
    patient_name=PatientName("Doe^Jane^M=ドウ"),
    accession_number=AccessionNumber("17"),
    sop_instance_uid=SopInstanceUid("1.2.3.4.5"),
    series_instance_uid=SeriesInstanceUid("1.2.3.4"),
    study_instance_uid=StudyInstanceUid("9.8.7.6"),
)


@pytest.mark.parametrize(
    "path",
    [
        "in/PID-4711/a.dcm",
        "in/pid4711.dcm",
        "doe_jane.dcm",
        "JANE/1.dcm",
        "ドウ/1.dcm",
        "study 17/a.dcm",
        "1.2.3.4.5.dcm",
        "9_8_7_6/a.dcm",
    ],
)
def test_a_path_that_carries_an_identity_is_seen(path: str) -> None:
    assert names_the_patient(path, SAYS)


@pytest.mark.parametrize("path", ["a/1.dcm", "4711.dcm", "m/1.dcm", "0017.dcm", "does/janet.dcm", "170/x.dcm"])
def test_a_path_that_only_looks_like_one_is_not(path: str) -> None:
    assert not names_the_patient(path, SAYS)


def test_a_file_that_says_nothing_gives_nothing_away() -> None:
    assert not names_the_patient("doe/PID-4711.dcm", Instance(file_format=FileFormat.DICOM))


@pytest.mark.parametrize(
    ("view", "expected"), [("LL", True), (" left lateral ", True), ("PA", False), ("", False), (None, False)]
)
def test_a_view_from_the_side_is_lateral(view: str | None, *, expected: bool) -> None:
    assert is_lateral(view) is expected
