"""What a file says of itself, told from its header alone."""

from datetime import date

import numpy as np
import pytest
from made.dicom_files import (
    ACCESSION,
    IDENTIFYING,
    NAME,
    PATIENT,
    SERIES_UID,
    SOP_UID,
    STUDY_UID,
    as_bytes,
    by_hand,
    element,
    made_dataset,
    picture_elements,
    with_frame,
)
from made.encodings import LOSSLESS_ENCODINGS, LOSSY_ENCODINGS, encoded
from made.pictures import as_jpeg, as_png, as_tiff, made_pixels, with_orientation
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, JPEGBaseline8Bit

from lingula.errors import LingulaError, NotEligible
from lingula.radiology.reading import describe_instance, read_radiograph
from lingula.radiology.study import FileFormat

PIXELS = made_pixels()


def described(**elements: object) -> Dataset:
    dataset = made_dataset(PIXELS)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("data", "file_format"),
    [(as_jpeg(PIXELS), FileFormat.JPEG), (as_png(PIXELS), FileFormat.PNG), (as_tiff(PIXELS), FileFormat.TIFF)],
)
def test_a_plain_picture_tells_its_format_and_size_and_nothing_else(data: bytes, file_format: FileFormat) -> None:
    instance = describe_instance(data)

    assert (instance.file_format, instance.rows, instance.columns) == (file_format, *PIXELS.shape)
    assert instance.sop_instance_uid is None
    assert instance.has_pixels
    assert not instance.is_stat


def test_a_dicom_file_tells_who_and_what() -> None:
    instance = describe_instance(as_bytes(made_dataset(PIXELS)))

    assert instance.file_format is FileFormat.DICOM
    assert (instance.rows, instance.columns) == PIXELS.shape
    identities = (instance.patient_name, instance.patient_id, instance.accession_number)
    assert [identity.reveal() for identity in identities if identity] == [NAME, PATIENT, ACCESSION]
    uids = (instance.sop_instance_uid, instance.series_instance_uid, instance.study_instance_uid)
    assert [uid.reveal() for uid in uids if uid] == [SOP_UID, SERIES_UID, STUDY_UID]
    assert instance.age_years == pytest.approx(5.0, abs=0.01)
    assert (instance.patient_sex, instance.study_date) == ("F", date(2024, 3, 1))
    assert (instance.modality, instance.body_part_examined, instance.view_position) == ("DX", "CHEST", "PA")
    assert instance.photometric_interpretation == "MONOCHROME2"
    assert instance.transfer_syntax_uid == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize("name", [*LOSSLESS_ENCODINGS, *LOSSY_ENCODINGS])
def test_every_encoding_tells_the_same_size(name: str) -> None:
    instance = describe_instance(encoded(name))

    assert (instance.rows, instance.columns) == PIXELS.shape
    assert (instance.patient_id is not None) == (instance.file_format is FileFormat.DICOM)


def test_nothing_that_identifies_is_printed() -> None:
    printed = (
        f"{describe_instance(as_bytes(made_dataset(PIXELS)))!r} {describe_instance(as_bytes(made_dataset(PIXELS)))}"
    )

    assert not [word for word in IDENTIFYING if word in printed]


def test_no_refusal_names_a_patient() -> None:
    data = as_bytes(made_dataset(PIXELS))
    refusals = []
    for end in range(0, len(data), 41):
        try:
            describe_instance(data[:end])
        except LingulaError as refusal:
            refusals.append(str(refusal))

    assert len(refusals) > 300
    assert not [word for word in IDENTIFYING if word in " ".join(refusals)]


@pytest.mark.parametrize(
    ("stated", "years"),
    [("004Y", 4.0), ("018M", 1.5), ("010W", 0.19), ("003D", 0.008), ("", 5.0), ("999Y", None), ("4 years", 5.0)],
)
def test_the_age_is_stated_or_counted_from_birth_to_study(stated: str, years: float | None) -> None:
    dataset = made_dataset(PIXELS)
    del dataset.PatientBirthDate
    elements = [element(0x00100030, b"DA", b"20190301"), element(0x00101010, b"AS", stated.encode().ljust(4))]
    data = by_hand(element(0x00080020, b"DA", b"20240301"), *elements, *picture_elements(8, 8, bytes(64)))

    age = describe_instance(data).age_years

    assert age == (None if years is None else pytest.approx(years, abs=0.01))


@pytest.mark.parametrize(("born", "studied"), [("", "20240301"), ("20190301", ""), ("20250301", "20240301")])
def test_an_age_that_cannot_be_is_none(born: str, studied: str) -> None:
    assert describe_instance(as_bytes(described(PatientBirthDate=born, StudyDate=studied))).age_years is None


@pytest.mark.parametrize(("priority", "is_stat"), [("STAT", True), ("HIGH", True), ("ROUTINE", False), ("", False)])
def test_the_senders_priority_is_heard(priority: str, *, is_stat: bool) -> None:
    assert describe_instance(as_bytes(described(RequestedProcedurePriority=priority))).is_stat is is_stat


@pytest.mark.parametrize(
    ("charset", "encoded", "name"),
    [
        (b"ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
        (b"ISO_IR 192", "Nguyễn^Vân".encode(), "Nguyễn^Vân"),
        (b"ISO_IR 144", "Люкceмбypг".encode("iso8859_5"), "Люкceмбypг"),
        (b"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎".encode("iso2022_jp"), "Yamada^Tarou=山田^太郎"),
        (b"\\ISO 2022 IR 149", b"Hong=\x1b$)C" + "홍^길동".encode("euc_kr"), "Hong=홍^길동"),
        (b"GB18030", "王^小东".encode("gb18030"), "王^小东"),
        (b"no such set", b"Doe^Jane\x00\x1b\x07", "Doe^Jane"),
        (b"ISO_IR 192", b"M\xfcller", "M�ller"),
    ],
)
def test_names_are_read_in_their_own_characters(charset: bytes, encoded: bytes, name: str) -> None:
    data = by_hand(element(0x00080005, b"CS", charset), element(0x00100010, b"PN", encoded))

    patient_name = describe_instance(data).patient_name

    assert patient_name is not None
    assert patient_name.reveal() == name


@pytest.mark.parametrize(
    "value", [b"", b"\0\0", b" ", b"\xff\xfe\x00\x80", b"a b", b"\\\\", b"1" * 70, b"%s{}\r\n\x1b[2J", b"99999999"]
)
def test_broken_values_are_none_or_text_and_never_an_error(value: bytes) -> None:
    text_tags = (0x00080020, 0x00080050, 0x00080060, 0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00101010)
    more_tags = (0x00180015, 0x00185101, 0x00401003)
    uid_tags = (0x00080018, 0x0020000D, 0x0020000E)
    elements = [element(tag, b"LO", value) for tag in sorted((*text_tags, *more_tags, *uid_tags))]

    instance = describe_instance(by_hand(element(0x00080005, b"CS", value), *elements))

    assert instance.study_date is None
    assert instance.age_years is None
    assert not instance.is_stat
    for uid in (instance.sop_instance_uid, instance.study_instance_uid, instance.series_instance_uid):
        assert uid is None or (uid.reveal().isprintable() and len(uid.reveal()) <= 64)


def test_a_dicom_file_without_pixels_is_described_and_not_read() -> None:
    dataset = made_dataset(PIXELS)
    del dataset.PixelData
    data = as_bytes(dataset)

    assert not describe_instance(data).has_pixels
    with pytest.raises(NotEligible, match="no pixels"):
        read_radiograph(data)


def test_several_frames_are_described_and_not_read() -> None:
    dataset = described(NumberOfFrames=2)
    dataset.PixelData *= 2
    data = as_bytes(dataset)

    assert describe_instance(data).rows == PIXELS.shape[0]
    with pytest.raises(NotEligible, match="2 frames"):
        read_radiograph(data)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, JPEGBaseline8Bit])
def test_a_file_without_preamble_and_meta_is_recognised(syntax: str) -> None:
    dataset = made_dataset(PIXELS)
    if syntax == JPEGBaseline8Bit:
        data = with_frame(dataset, as_jpeg(PIXELS), JPEGBaseline8Bit)[132:]
    else:
        data = as_bytes(dataset, ExplicitVRBigEndian)
        data = data[data.index(b"\x00\x08\x00\x16UI") :]

    assert describe_instance(data).modality == "DX"
    assert np.abs(read_radiograph(data).pixels.astype(int) - PIXELS).mean() < 1.5


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_picture_on_its_side_tells_its_upright_size(orientation: int) -> None:
    instance = describe_instance(with_orientation(as_jpeg(PIXELS), orientation))

    assert (instance.rows, instance.columns) == (PIXELS.shape if orientation == 3 else PIXELS.shape[::-1])


def test_nested_sequences_of_undefined_length_are_passed_over() -> None:
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    item_end, sequence_end = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    open_sequence = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"
    unknown = b"\x09\x00\x10\x10UN\x00\x00\xff\xff\xff\xff"
    implicit_element = b"\x08\x00\x05\x11\x02\x00\x00\x00ab"
    nested = (open_sequence + item) * 300 + element(0x00081150, b"UI", b"1.2") + (item_end + sequence_end) * 300
    unknown_sequence = unknown + item + implicit_element + item_end + sequence_end

    data = by_hand(nested, unknown_sequence, element(0x00100020, b"LO", b"after"), element(0x0020000D, b"UI", b"1.3"))

    patient_id = describe_instance(data).patient_id
    assert patient_id is not None
    assert patient_id.reveal() == "after"
