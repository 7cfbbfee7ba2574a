"""DCMTK's echoscu and storescu, which half of the world's PACS are built on, against the door."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from made.dicom_files import as_bytes, made_dataset
from made.hospital import made_dicom
from made.triage import made_chest
from made.wards import Ward, data_set
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from servers.process import program

from lingula.radiology.elements import read_elements
from lingula.radiology.reading import read_radiograph

PROPOSING = {
    ExplicitVRLittleEndian: "-xe",
    ImplicitVRLittleEndian: "-xi",
    ExplicitVRBigEndian: "-xb",
    DeflatedExplicitVRLittleEndian: "-xd",
    RLELossless: "-xr",
    JPEGLSLossless: "-xt",
    JPEGLSNearLossless: "-xu",
    JPEG2000Lossless: "-xv",
    JPEG2000: "-xw",
    JPEGLosslessSV1: "-xs",
    JPEGBaseline8Bit: "-xy",
}
SECONDS = 60


def dcmtk(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    found = program(name, package="dcmtk")
    return subprocess.run([found, *words], capture_output=True, text=True, timeout=SECONDS, check=False)


def storescu(ward: Ward, files: Sequence[Path], *words: str) -> subprocess.CompletedProcess[str]:
    titles = ("-aec", "LINGULA", "-aet", "NORTH")
    return dcmtk("storescu", "-v", *titles, *words, "127.0.0.1", str(ward.door.port), *(str(file) for file in files))


def made_file(folder: Path, syntax: UID) -> Path:
    """Write a chest in a transfer syntax; DCMTK compresses what pydicom cannot."""
    plain, made = folder / "plain.dcm", folder / "made.dcm"
    if syntax in {JPEGBaseline8Bit, JPEGLosslessSV1}:
        plain.write_bytes(made_dicom())
        done = dcmtk("dcmcjpeg", "+eb" if syntax == JPEGBaseline8Bit else "+e1", "+un", str(plain), str(made))
        assert done.returncode == 0, done.stderr
    else:
        made.write_bytes(as_bytes(made_dataset(made_chest()), syntax))
    return made


def test_echoscu_is_answered(ward: Ward) -> None:
    done = dcmtk("echoscu", "-aec", "LINGULA", "-aet", "NORTH", "127.0.0.1", str(ward.door.port))
    assert done.returncode == 0, done.stderr


def test_echoscu_is_told_which_ae_title_is_wrong(ward: Ward) -> None:
    done = dcmtk("echoscu", "-aec", "LINGULA", "-aet", "STRANGER", "127.0.0.1", str(ward.door.port))
    assert "Calling AE Title Not Recognized" in done.stderr
    done = dcmtk("echoscu", "-aec", "OTHER", "-aet", "NORTH", "127.0.0.1", str(ward.door.port))
    assert "Called AE Title Not Recognized" in done.stderr


@pytest.mark.parametrize("syntax", PROPOSING, ids=lambda syntax: UID(syntax).name)
def test_storescu_sends_every_transfer_syntax_and_it_is_kept_so(ward: Ward, tmp_path: Path, syntax: UID) -> None:
    file = made_file(tmp_path, syntax)
    done = storescu(ward, [file], PROPOSING[syntax])
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = ward.kept()
    assert kept.new.description.transfer_syntax_uid == syntax
    stored = ward.bytes_of(kept)
    assert read_radiograph(stored).pixels.tolist() == read_radiograph(file.read_bytes()).pixels.tolist()
    if UID(syntax).is_encapsulated:
        pixels = [read_elements(data).pixels for data in (stored, file.read_bytes())]
        ends = [data[place.start :] for data, place in zip((stored, file.read_bytes()), pixels, strict=True) if place]
        assert ends[0] == ends[1]
    assert bytes(data_set(stored)[:2]) in (b"\x08\x00", b"\x00\x08") or syntax == DeflatedExplicitVRLittleEndian


def test_storescu_that_aborts_leaves_nothing_behind_but_what_was_acknowledged(ward: Ward, tmp_path: Path) -> None:
    file = tmp_path / "one.dcm"
    file.write_bytes(made_dicom())
    storescu(ward, [file], "--abort")
    assert len(ward.kept()) == len(list(ward.system.store.keys(""))) == 1


def test_storescu_with_small_pdus_is_understood(ward: Ward, tmp_path: Path) -> None:
    file = tmp_path / "one.dcm"
    file.write_bytes(made_dicom())
    assert storescu(ward, [file], "--max-send-pdu", "4096", "--max-pdu", "4096").returncode == 0
    assert len(ward.kept()) == 1
