"""Two files under one SOP Instance UID: the same radiograph however it is written, and never another one."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made.dicom_files import (
    LOSSLESS,
    NATIVE,
    as_bytes,
    by_hand,
    element,
    lut_sequence,
    made_dataset,
    set_elements,
    with_frame,
)
from made.encodings import PIXELS, RGB, TWELVE, eight_in, encoded, planar, rgb_in, shifted, signed_in, twelve, twelve_in
from made.jpeg_encoders import lossless_jpeg
from made.pictures import as_jpeg
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSNearLossless,
    RLELossless,
)

from lingula.radiology.likeness import MOST_COMPARED_PIXELS, Likeness, liken, shown_alike

PLAIN = as_bytes(made_dataset(PIXELS))
OTHER_CHEST = np.ascontiguousarray(PIXELS[::-1])


def changed(change: Callable[[Dataset], object], stored: NDArray[np.integer] = PIXELS) -> bytes:
    dataset = made_dataset(stored)
    change(dataset)
    return as_bytes(dataset)


def with_elements(**elements: object) -> bytes:
    return changed(lambda dataset: set_elements(dataset, elements))


def set_private(dataset: Dataset) -> None:
    dataset.private_block(0x0099, "ARCHIVE", create=True).add_new(1, "LO", "moved")


MADE = {"eight": eight_in, "twelve": twelve_in, "signed": signed_in}


def test_equal_bytes_are_the_same() -> None:
    assert liken(PLAIN, PLAIN) is Likeness.BYTES


@pytest.mark.parametrize("syntax", NATIVE[1:] + LOSSLESS, ids=lambda syntax: UID(syntax).name)
@pytest.mark.parametrize("kind", MADE)
def test_every_lossless_transfer_syntax_holds_the_same_pixels(kind: str, syntax: UID) -> None:
    plain, other = MADE[kind](ExplicitVRLittleEndian), MADE[kind](syntax)

    assert liken(plain, other) is Likeness.PIXELS
    assert liken(other, plain) is Likeness.PIXELS


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: UID(syntax).name)
def test_colour_is_compared_sample_by_sample(syntax: UID) -> None:
    assert liken(rgb_in(ExplicitVRLittleEndian), rgb_in(syntax)) is Likeness.PIXELS
    assert liken(planar(), rgb_in(syntax)) is Likeness.PIXELS
    blue = np.where(np.arange(3) == 2, 0, RGB).astype(np.uint8)
    assert liken(as_bytes(made_dataset(blue, photometric="RGB")), rgb_in(syntax)) is Likeness.OTHER_PIXELS


def test_jpeg_lossless_and_bits_that_do_not_count_make_no_difference() -> None:
    compressed = with_frame(twelve(), lossless_jpeg(TWELVE, 12), JPEGLosslessSV1)

    assert liken(compressed, twelve_in(RLELossless)) is Likeness.PIXELS
    assert liken(compressed, shifted()) is Likeness.PIXELS


def test_one_codestream_in_other_fragments_is_the_same_without_decoding() -> None:
    broken = lossless_jpeg(TWELVE, 12)[:200]  # no decoder would take it

    first = with_frame(twelve(), broken, JPEGLosslessSV1)
    second = with_frame(twelve(PatientName="Roe^Jane"), broken, JPEGLosslessSV1)

    assert liken(first, second) is Likeness.PIXELS


@given(row=st.integers(0, PIXELS.shape[0] - 1), column=st.integers(0, PIXELS.shape[1] - 1), bit=st.integers(0, 7))
def test_one_bit_of_one_pixel_makes_another_radiograph(row: int, column: int, bit: int) -> None:
    stored = PIXELS.copy()
    stored[row, column] ^= 1 << bit

    assert liken(PLAIN, as_bytes(made_dataset(stored), ImplicitVRLittleEndian)) is Likeness.OTHER_PIXELS


@pytest.mark.parametrize(
    "elements",
    [
        {"PatientName": "DOE^JANE MARY"},
        {"AccessionNumber": "CHANGED"},
        {"InstitutionName": "St. Anne", "StationName": "DR-2"},
        {"PatientBirthDate": "20190302", "PatientSex": "O"},
        {"SeriesInstanceUID": "1.2.3", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1"},
        {"WindowCenter": 100, "WindowWidth": 50},
        {"ViewPosition": "AP"},
        {"PatientID": "PID-4711 "},
        {"PatientID": ""},
    ],
    ids=lambda elements: next(iter(elements)),
)
def test_what_archives_bring_into_line_makes_no_difference(elements: dict[str, object]) -> None:
    assert liken(PLAIN, with_elements(**elements)) is Likeness.PIXELS


def test_private_elements_make_no_difference() -> None:
    assert liken(PLAIN, changed(set_private)) is Likeness.PIXELS


def test_another_patient_id_is_another_patient_whatever_the_pixels() -> None:
    assert liken(PLAIN, with_elements(PatientID="PID-4712")) is Likeness.OTHER_PATIENT
    assert not Likeness.OTHER_PATIENT.is_same


@pytest.mark.parametrize(
    "elements",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"RescaleSlope": "2", "RescaleIntercept": "0"},
        {"RescaleSlope": "1", "RescaleIntercept": "-1024"},
        {"ModalityLUTSequence": lut_sequence(np.arange(256, dtype=np.uint16), 0, 16)},
    ],
    ids=lambda elements: next(iter(elements)),
)
def test_equal_values_that_mean_something_else_are_other_pixels(elements: dict[str, object]) -> None:
    assert liken(PLAIN, with_elements(**elements)) is Likeness.OTHER_PIXELS


def test_units_written_out_are_the_same_as_units_left_out() -> None:
    assert liken(PLAIN, with_elements(RescaleSlope="1.0", RescaleIntercept="0")) is Likeness.PIXELS


def test_another_size_is_told_without_decoding() -> None:
    damaged = with_frame(made_dataset(PIXELS[:100]), b"\xff\xd8\xff", JPEGBaseline8Bit)

    assert liken(PLAIN, damaged) is Likeness.OTHER_PIXELS


def jpeg_of(stored: NDArray[np.uint8], quality: int = 90) -> bytes:
    return with_frame(made_dataset(stored), as_jpeg(stored, quality=quality), JPEGBaseline8Bit)


@pytest.mark.parametrize("syntax", [JPEGLSNearLossless, JPEG2000], ids=lambda syntax: UID(syntax).name)
def test_a_lossy_copy_of_deep_pixels_is_told_as_such(syntax: UID) -> None:
    assert liken(twelve_in(RLELossless), twelve_in(syntax)) is Likeness.LOSSY
    assert Likeness.LOSSY.is_same


@pytest.mark.parametrize("quality", [95, 60, 20])
def test_a_lossy_copy_is_the_same_radiograph_in_either_order(quality: int) -> None:
    assert liken(PLAIN, jpeg_of(PIXELS, quality)) is Likeness.LOSSY
    assert liken(jpeg_of(PIXELS, quality), PLAIN) is Likeness.LOSSY


def test_a_lossy_copy_of_another_chest_is_another_radiograph() -> None:
    assert liken(PLAIN, jpeg_of(OTHER_CHEST)) is Likeness.OTHER_PIXELS


def test_a_lossy_copy_with_something_drawn_into_it_is_another_radiograph() -> None:
    drawn = PIXELS.copy()
    drawn[40:60, 40:60] = 255 - drawn[40:60, 40:60]

    assert liken(PLAIN, jpeg_of(drawn)) is Likeness.OTHER_PIXELS


def test_pixels_that_were_lossy_once_say_so_and_are_compared_as_such() -> None:
    rounded = (PIXELS & 0xFC).astype(np.uint8)

    assert liken(PLAIN, as_bytes(made_dataset(rounded))) is Likeness.OTHER_PIXELS
    told = changed(lambda dataset: setattr(dataset, "LossyImageCompression", "01"), rounded)
    assert liken(PLAIN, told) is Likeness.LOSSY


def test_pictures_of_two_sizes_are_not_shown_alike() -> None:
    assert not shown_alike(PIXELS, PIXELS[:-1])


def test_noise_that_keeps_every_block_s_mean_is_not_shown_alike() -> None:
    grey = np.full((64, 70), 128, np.uint8)
    chequered = np.where(np.add.outer(np.arange(64), np.arange(70)) % 2, 168, 88).astype(np.uint8)

    assert not shown_alike(grey, chequered)
    assert shown_alike(grey, np.full((64, 70), 132, np.uint8))


def frames(syntax: UID, last: int = 7) -> bytes:
    dataset = made_dataset(np.zeros((8, 10), np.uint16), bits_stored=12)
    dataset.NumberOfFrames, dataset.PixelData = 2, np.full((2, 8, 10), last, np.uint16).tobytes()
    return as_bytes(dataset, syntax)


def test_several_frames_are_compared_as_they_are_written() -> None:
    assert liken(frames(ExplicitVRLittleEndian), frames(ImplicitVRLittleEndian)) is Likeness.PIXELS
    assert liken(frames(ExplicitVRLittleEndian), frames(ExplicitVRLittleEndian, last=8)) is Likeness.UNKNOWN
    assert not Likeness.UNKNOWN.is_same


def test_more_pixels_than_any_detector_has_are_compared_as_they_are_written() -> None:
    rows = MOST_COMPARED_PIXELS // 8000 + 1
    large = np.zeros((rows, 8000), np.uint8)
    first = as_bytes(made_dataset(large))
    large[-1, -1] = 1

    assert liken(first, as_bytes(made_dataset(large))) is Likeness.UNKNOWN
    large[-1, -1] = 0
    assert liken(first, as_bytes(made_dataset(large), ImplicitVRLittleEndian)) is Likeness.PIXELS


def test_damaged_pixels_cannot_be_compared() -> None:
    damaged = with_frame(made_dataset(PIXELS), b"\xff\xd8\xff\xe0 no picture", JPEGBaseline8Bit)

    assert liken(PLAIN, damaged) is Likeness.UNKNOWN


def test_a_transfer_syntax_nobody_reads_is_compared_as_it_is_written() -> None:
    video = UID("1.2.840.10008.1.2.4.102")
    first, second = (
        with_frame(made_dataset(PIXELS), frame, video) for frame in (b"moving pictures!", b"other pictures!!")
    )
    renamed = with_frame(made_dataset(PIXELS), b"moving pictures!", video).replace(b"Doe^Jane", b"Roe^Jane")

    assert liken(first, renamed) is Likeness.PIXELS
    assert liken(first, second) is Likeness.UNKNOWN


@settings(max_examples=40)
@given(at=st.integers(132, len(PLAIN) - 1), put=st.binary(min_size=1, max_size=12), cut=st.integers(0, 40))
def test_any_bytes_are_answered_and_never_raise(at: int, put: bytes, cut: int) -> None:
    forged = PLAIN[:at] + put + PLAIN[at + cut :]

    assert isinstance(liken(PLAIN, forged), Likeness)
    assert isinstance(liken(forged, twelve_in(RLELossless)), Likeness)


def report(change: Callable[[Dataset], object] = lambda _: None, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Give a small structured report: no pixels, items within items."""
    dataset = made_dataset(PIXELS)
    del dataset.PixelData
    code, text = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121071", "DCM", "Finding"
    text.ValueType, text.ConceptNameCodeSequence, text.TextValue = "TEXT", [code], "no infiltrate"
    dataset.ContentSequence = [text, text]
    dataset.add_new(0x00280120, "US", 32)
    change(dataset)
    return as_bytes(dataset, syntax)


def change_text(dataset: Dataset) -> None:
    dataset.ContentSequence[1].TextValue = "infiltrate"


def drop_an_item(dataset: Dataset) -> None:
    del dataset.ContentSequence[1]


def coerce(dataset: Dataset) -> None:
    dataset.PatientName, dataset.AccessionNumber, dataset.SpecificCharacterSet = "X", "Y", "ISO_IR 192"
    original = Dataset()
    original.ReasonForTheAttributeModification = "COERCE"
    dataset.OriginalAttributesSequence = [original]
    set_private(dataset)


def open_lengths(dataset: Dataset) -> None:
    dataset["ContentSequence"].is_undefined_length = True
    for item in dataset.ContentSequence:
        item.is_undefined_length_sequence_item = True


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian], ids=lambda one: UID(one).name
)
@pytest.mark.parametrize("change", [open_lengths, coerce, lambda dataset: setattr(dataset, "StudyID", "")])
def test_a_report_says_the_same_however_it_is_written(change: Callable[[Dataset], object], syntax: UID) -> None:
    assert liken(report(), report(change, syntax)) is Likeness.PIXELS
    assert liken(report(change), report(syntax=syntax)) is Likeness.PIXELS


@pytest.mark.parametrize(
    "change",
    [change_text, drop_an_item, lambda dataset: dataset.add_new(0x00280120, "US", 0x2000)],
)
def test_a_report_that_says_something_else_is_another_one(change: Callable[[Dataset], object]) -> None:
    assert liken(report(), report(change)) is Likeness.OTHER_CONTENTS


def test_a_radiograph_and_a_report_are_never_the_same() -> None:
    assert liken(PLAIN, report()) is Likeness.OTHER_CONTENTS


def sequence_of(item: bytes) -> bytes:
    return element(0x0040A730, b"SQ", item)


HEAD = element(0x00080016, b"UI", b"1.2\0")


@pytest.mark.parametrize(
    "forged",
    [
        by_hand(HEAD, sequence_of(b"\xfe\xff\x0d\xe0\0\0\0\0")),
        by_hand(HEAD, sequence_of(b"\xfe\xff\x00\xe0\x08\0\0\0" + HEAD[:8])),
        by_hand(HEAD, sequence_of(b"\xfe\xff\x00\xe0\x08\0\0\0" + element(0x00091000, b"OB", b"")[:8])),
        by_hand(HEAD, *[element(0x00091000 + number % 200, b"LO", b"x ") for number in range(200)]),
    ],
    ids=["no item", "an item that ends early", "a length that ends early", "private elements"],
)
def test_a_forged_report_is_answered(forged: bytes) -> None:
    assert not liken(report(), forged).is_same


def test_items_within_items_without_end_are_not_followed() -> None:
    nested = b""
    for _ in range(60):
        nested = sequence_of(b"\xfe\xff\x00\xe0" + len(nested).to_bytes(4, "little") + nested)

    assert liken(by_hand(HEAD, nested), by_hand(HEAD, nested, HEAD)) is Likeness.UNKNOWN


def test_elements_without_number_are_not_followed() -> None:
    many = sequence_of(b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + element(0x00081030, b"LO", b"") * 60_000)

    assert liken(by_hand(HEAD, many), by_hand(HEAD, many, HEAD)) is Likeness.UNKNOWN


@pytest.mark.parametrize("name", ["dicom palette 8", "dicom palette 16"])
def test_a_palette_belongs_to_what_pixels_mean(name: str) -> None:
    file = encoded(name)
    entry = file.index(bytes([255, 254, 253, 252]) if name.endswith("8") else b"\xff\xff\xfe\xfe\xfd\xfd")
    other = file[:entry] + b"\0\0" + file[entry + 2 :]

    assert liken(file, other) is Likeness.OTHER_PIXELS
