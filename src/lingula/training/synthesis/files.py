"""Writing a film as JPEG or DICOM, marked synthetic in every place a reader may look.

The encodings vary as those of hospitals do: JPEG Baseline, RLE, 12 bits, MONOCHROME1. Identities are made up and
say so; UIDs are derived from names, so the same forty are written with the same UIDs again.

References
----------
DICOM PS3.5 8.2.1, A.4, A.5 (transfer syntaxes), B.2 (UIDs from UUIDs under 2.25).
"""

import io
import uuid
import zlib
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from lingula.training.synthesis.film import MARK, Film

STATEMENT = "SYNTHETIC chest radiograph made by a program; it shows no patient"
_NAMES = ("ANNA", "BENTO", "CLARA", "DAVI", "ELIF", "FENG", "GRETA", "HUGO", "INES", "JOAO", "KEMAL", "LENA")
_QUALITY = 72  # JPEG; forty files stay below 6 MB


class Encoding(StrEnum):
    """How a sample is written."""

    JPEG = "jpeg"  # a plain JPEG file
    DICOM_JPEG = "dicom jpeg"  # DICOM, JPEG Baseline
    DICOM_MONOCHROME1 = "dicom monochrome1"  # DICOM, JPEG Baseline, stored bone dark
    DICOM_RLE = "dicom rle"  # DICOM, RLE Lossless
    DICOM_12_BIT = "dicom 12 bit"  # DICOM, 12 of 16 bits, deflated, with a window


def encode(film: Film, encoding: Encoding, number: int) -> bytes:
    """Write a film.

    Parameters
    ----------
    film
        With its mark.
    encoding
        What to write.
    number
        From 1; decides the made-up identity.
    """
    pixels = (film * 255).round().astype(np.uint8)
    match encoding:
        case Encoding.JPEG:
            return _jpeg(pixels, describe=True)
        case Encoding.DICOM_JPEG:
            return _dicom(pixels, JPEGBaseline8Bit, number)
        case Encoding.DICOM_MONOCHROME1:
            return _dicom(255 - pixels, JPEGBaseline8Bit, number, polarity="MONOCHROME1")
        case Encoding.DICOM_RLE:
            return _dicom(pixels, RLELossless, number)
        case Encoding.DICOM_12_BIT:
            return _dicom((film * 4095).round().astype(np.uint16), DeflatedExplicitVRLittleEndian, number)


def _jpeg(pixels: NDArray[np.uint8], *, describe: bool) -> bytes:
    """Write JPEG Baseline; with a comment and EXIF where the file stands alone."""
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels)
    if describe:
        exif = Image.Exif()
        exif[0x010E], exif[0x0131] = STATEMENT, "lingula synthesis"
        picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True, comment=STATEMENT.encode(), exif=exif)
    else:
        picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()


def _dicom(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], syntax: UID, number: int, polarity: str = "MONOCHROME2"
) -> bytes:
    """Write a DICOM file with a made-up child."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = (
        DigitalXRayImageStorageForPresentation if number % 2 else ComputedRadiographyImageStorage
    )
    meta.MediaStorageSOPInstanceUID = made_up_uid(f"instance {number}")
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _identify(dataset, number)
    _describe_pixels(dataset, pixels, polarity)
    _put_pixels(dataset, pixels, syntax)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def made_up_uid(name: str) -> UID:
    """Derive a UID from a name, the same each time."""
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'lingula synthetic sample {name}').int}")


def _identify(dataset: FileDataset, number: int) -> None:
    """Say who, when and what, all of it made up."""
    digest = zlib.crc32(f"lingula {number}".encode())
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = made_up_uid(f"study {number}")
    dataset.SeriesInstanceUID = made_up_uid(f"series {number}")
    dataset.PatientName = f"{MARK}^{_NAMES[number % len(_NAMES)]}"
    dataset.PatientID = f"SYN-{number:04d}"
    dataset.PatientAge = f"{1 + digest % 5:03d}Y"
    dataset.PatientSex = "FM"[digest // 5 % 2]
    dataset.AccessionNumber = f"SYN{number:06d}"
    dataset.StudyID = str(number)
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.StudyDate, dataset.StudyTime = "20000101", f"{8 + number // 6:02d}{number % 6 * 10:02d}00"
    dataset.StudyDescription = "Chest, synthetic sample"
    dataset.InstitutionName = MARK
    dataset.Manufacturer = "lingula synthesis"
    dataset.ImageComments = STATEMENT
    dataset.Modality = "DX" if number % 2 else "CR"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA" if digest // 10 % 3 == 0 else "AP"
    dataset.ReferringPhysicianName = ""
    dataset.PatientBirthDate = ""
    dataset.BurnedInAnnotation = "YES"
    dataset.ImageType = ["DERIVED", "PRIMARY"]


def _describe_pixels(dataset: FileDataset, pixels: NDArray[np.uint8] | NDArray[np.uint16], polarity: str) -> None:
    deep = pixels.dtype == np.uint16
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, polarity
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = 16 if deep else 8
    dataset.BitsStored = 12 if deep else 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelSpacing = [0.2, 0.2]  # millimetres: a child's chest on a thousand pixels
    dataset.PresentationLUTShape = "INVERSE" if polarity == "MONOCHROME1" else "IDENTITY"
    if deep:
        dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"


def _put_pixels(dataset: FileDataset, pixels: NDArray[np.uint8] | NDArray[np.uint16], syntax: UID) -> None:
    """Encode the pixel data as the transfer syntax asks."""
    if syntax == JPEGBaseline8Bit:
        dataset.PixelData = encapsulate([_jpeg(pixels.astype(np.uint8), describe=False)])
        dataset.LossyImageCompression, dataset.LossyImageCompressionMethod = "01", "ISO_10918_1"
        dataset.LossyImageCompressionRatio = f"{pixels.size / len(dataset.PixelData):.1f}"
    else:
        dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated == 16 else "OB"  # noqa: PLR2004  # bits
    dataset["PixelData"].is_undefined_length = syntax == JPEGBaseline8Bit
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
