"""Copies for research identify nobody and show the same picture."""

import io

import numpy as np
import pydicom
import pytest
from made.dicom_files import IDENTIFYING, LOSSLESS, NATIVE, as_bytes, by_hand, element, made_dataset, with_frame
from made.encodings import LOSSLESS_ENCODINGS, PIXELS, encoded, modality_table, twelve, voi_table
from made.jpeg_encoders import lossless_jpeg
from made.pictures import as_png
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEGLosslessSV1

from lingula.errors import NotDicom, NotEligible, UnreadablePixels
from lingula.radiology.deidentify import deidentify
from lingula.radiology.reading import describe_instance, read_radiograph

KEY = b"0123456789abcdef"


def talkative() -> Dataset:
    """Give a data set that names the patient wherever a sender might."""
    dataset = made_dataset(PIXELS)
    dataset.PatientComments = dataset.StudyDescription = dataset.ImageComments = "Doe^Jane"
    dataset.InstitutionName, dataset.OperatorsName = "Doe Hospital", "Doe^John"
    dataset.PatientAge = "004Y"
    request = Dataset()
    request.AccessionNumber = dataset.AccessionNumber
    dataset.RequestAttributesSequence = Sequence([request])
    dataset.add_new(0x00091001, "LO", "Doe^Jane")
    dataset.add_new(0x60003000, "OW", b"Doe^Jane")
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    return dataset


@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS])
def test_nothing_that_identifies_is_left_in_the_bytes(syntax: UID) -> None:
    copy = deidentify(as_bytes(talkative(), syntax), KEY)

    assert not [word for word in IDENTIFYING if word.encode() in copy]
    description = describe_instance(copy)
    assert description.patient_id is not None
    assert description.patient_id.reveal().startswith("ANON")
    assert (description.study_date, description.age_years, description.accession_number) == (None, None, None)
    assert (description.modality, description.view_position, description.body_part_examined) == ("DX", "PA", "CHEST")


@pytest.mark.parametrize("name", [name for name in LOSSLESS_ENCODINGS if name.startswith("dicom")])
def test_the_copy_shows_the_same_picture(name: str) -> None:
    copy = deidentify(encoded(name), KEY)

    assert (read_radiograph(copy).pixels == read_radiograph(encoded(name)).pixels).all()


@pytest.mark.parametrize(
    "data",
    [
        as_bytes(twelve()),
        as_bytes(modality_table()),
        as_bytes(voi_table()),
        as_bytes(talkative(), DeflatedExplicitVRLittleEndian),
        with_frame(made_dataset(PIXELS), lossless_jpeg(PIXELS, 8), JPEGLosslessSV1),
    ],
)
def test_another_reader_understands_the_copy_and_its_statement(data: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(deidentify(data, KEY)))

    assert dataset.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence] == ["113100"]
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.SOPInstanceUID.is_valid
    assert dataset.Rows == PIXELS.shape[0]
    assert dataset.PatientBirthDate == ""


def test_age_and_sex_are_kept_only_when_asked_for_and_then_declared() -> None:
    copy = deidentify(as_bytes(talkative()), KEY, keeps_characteristics=True)

    description = describe_instance(copy)
    assert (description.age_years, description.patient_sex) == (4.0, "F")
    codes = pydicom.dcmread(io.BytesIO(copy)).DeidentificationMethodCodeSequence
    assert [item.CodeValue for item in codes] == ["113100", "113108"]
    assert describe_instance(deidentify(as_bytes(talkative()), KEY)).patient_sex is None


def test_pseudonyms_keep_a_patient_together_and_depend_on_the_key() -> None:
    first, again = deidentify(as_bytes(made_dataset(PIXELS)), KEY), deidentify(as_bytes(talkative()), KEY)
    elsewhere = deidentify(as_bytes(made_dataset(PIXELS)), b"another key")

    assert describe_instance(first).patient_id == describe_instance(again).patient_id
    assert describe_instance(first).study_instance_uid == describe_instance(again).study_instance_uid
    assert describe_instance(first).patient_id != describe_instance(elsewhere).patient_id
    assert describe_instance(first).study_instance_uid != describe_instance(elsewhere).study_instance_uid


def test_a_name_in_a_field_of_codes_or_numbers_is_left_out() -> None:
    header, pixels = as_bytes(made_dataset(PIXELS)).split(b"\xe0\x7f\x10\x00", 1)
    odd = element(0x00180015, b"CS", b"Doe^Jane") + element(0x00180060, b"DS", b"Doe^Jane")

    copy = deidentify(header + odd + b"\xe0\x7f\x10\x00" + pixels, KEY)

    assert b"Doe" not in copy


def test_text_burned_into_the_pixels_needs_a_person() -> None:
    dataset = made_dataset(PIXELS)
    dataset.BurnedInAnnotation = "YES"

    with pytest.raises(NotEligible, match="burned"):
        deidentify(as_bytes(dataset), KEY)


def test_files_that_cannot_be_cleaned_are_refused() -> None:
    whole = as_bytes(made_dataset(np.zeros((9, 9), np.uint8)))

    with pytest.raises(NotDicom, match="preamble"):
        deidentify(as_png(PIXELS), KEY)
    with pytest.raises(NotEligible, match="no pixels"):
        deidentify(by_hand(element(0x00080060, b"CS", b"SR")), KEY)
    with pytest.raises(UnreadablePixels):
        deidentify(whole[:-20], KEY)
