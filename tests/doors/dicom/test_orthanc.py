"""A real archive forwards a study to Lingula, and it is assessed."""

import time
from pathlib import Path

import pytest
from made.hospital import made_dicom
from made.wards import OpenWard
from servers.orthanc import running_orthanc

from lingula.radiology.study import Status

ASSESSED_SECONDS = 30.0


def test_a_study_that_an_archive_forwards_is_assessed(open_ward: OpenWard, tmp_path: Path) -> None:
    ward = open_ward()
    ward.system.start()
    with running_orthanc(tmp_path / "orthanc", {"lingula": ("LINGULA", ward.door.port)}, title="NORTH") as archive:
        archive.api.post("/modalities/lingula/echo").raise_for_status()
        ids = [archive.keep(made_dicom(number=number)) for number in (1, 2)]
        archive.forward(*ids, to="lingula")
        archive.forward(*ids, to="lingula")  # again: nothing is doubled
    deadline = time.monotonic() + ASSESSED_SECONDS
    while {one.status for one in ward.kept()} != {Status.ASSESSED} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [(one.status, one.new.door) for one in ward.kept()] == [(Status.ASSESSED, "dicom")] * 2


def test_an_archive_that_is_not_known_is_told_so(open_ward: OpenWard, tmp_path: Path) -> None:
    ward = open_ward()
    with running_orthanc(tmp_path / "orthanc", {"lingula": ("LINGULA", ward.door.port)}) as archive:
        one = archive.keep(made_dicom())
        with pytest.raises(Exception, match="500"):
            archive.forward(one, to="lingula")
    assert ward.kept() == []
