"""Synthetic DICOM files: written by pydicom where the standard is kept, by hand where it is broken."""

import io
import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

NAME, PATIENT, ACCESSION, BIRTH_DATE = "Doe^Jane", "PID-4711", "ACC-0815", "20190301"
SOP_UID, SERIES_UID, STUDY_UID = "1.2.826.0.1.3680043.9.1.1", "1.2.826.0.1.3680043.9.1.2", "1.2.826.0.1.3680043.9.1.3"
IDENTIFYING = (NAME, "Doe", PATIENT, ACCESSION, BIRTH_DATE, SOP_UID, SERIES_UID, STUDY_UID)

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)
LOSSLESS = (RLELossless, JPEGLSLossless, JPEG2000Lossless)


def made_dataset(stored: NDArray[np.integer], *, bits_stored: int = 8, photometric: str = "MONOCHROME2") -> Dataset:
    """Give a chest radiograph's data set around stored values of shape (rows, columns) or (rows, columns, 3)."""
    dataset = Dataset()
    dataset.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.1")
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = SOP_UID, SERIES_UID, STUDY_UID
    dataset.StudyDate, dataset.Modality, dataset.BodyPartExamined = "20240301", "DX", "CHEST"
    dataset.ViewPosition, dataset.AccessionNumber = "PA", ACCESSION
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate, dataset.PatientSex = (
        NAME,
        PATIENT,
        BIRTH_DATE,
        "F",
    )
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 3 if stored.ndim == 3 else 1
    if stored.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = bits_stored, bits_stored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    dataset["PixelData"].VR = "OW" if stored.dtype.itemsize > 1 else "OB"
    return dataset


def set_elements(dataset: Dataset, elements: Mapping[str, object]) -> Dataset:
    """Give a data set back with elements, by keyword, set to other values."""
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def as_bytes(dataset: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Write a data set in a transfer syntax; compression is pydicom's own."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax in LOSSLESS:
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == JPEGLSNearLossless:
        dataset.compress(syntax, jls_error=10, generate_instance_uid=False)
    elif syntax == JPEG2000:
        dataset.compress(syntax, j2k_psnr=[60], generate_instance_uid=False)
    if syntax == ExplicitVRBigEndian and dataset.BitsAllocated > 8:
        size = dataset.BitsAllocated // 8
        dataset.PixelData = np.frombuffer(dataset.PixelData, f"<u{size}").astype(f">u{size}").tobytes()
    return _written(dataset, syntax)


def _written(dataset: Dataset, syntax: UID) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def with_frame(dataset: Dataset, frame: bytes, syntax: UID) -> bytes:
    """Write a data set around a frame that is compressed already, in two fragments."""
    half = len(frame) // 4 * 2
    dataset.PixelData = encapsulate([frame], fragments_per_frame=2 if half else 1, has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    return _written(dataset, syntax)


def lut_sequence(entries: NDArray[np.uint16], first: int, bits: int) -> Sequence:
    """Give a Modality or VOI LUT Sequence with one table."""
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries) % 65536, first, bits])
    item.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    return Sequence([item])


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    """Write one element by hand, explicit little endian, whatever its value."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def by_hand(*elements: bytes, syntax: bytes = b"1.2.840.10008.1.2.1") -> bytes:
    """Write a file by hand: preamble, transfer syntax, then these elements."""
    return bytes(128) + b"DICM" + element(0x00020010, b"UI", syntax + b"\0" * (len(syntax) % 2)) + b"".join(elements)


def picture_elements(rows: int, columns: int, pixels: bytes) -> list[bytes]:
    """Give the elements of an eight-bit grey picture by hand."""
    numbers = {0x00280002: 1, 0x00280010: rows, 0x00280011: columns, 0x00280100: 8, 0x00280101: 8, 0x00280102: 7}
    listed = [element(tag, b"US", struct.pack("<H", number)) for tag, number in numbers.items()]
    return [*listed, element(0x7FE00010, b"OB", pixels)]
