"""Files that are odd but readable, as real senders write them, and files that only look so."""

import struct
import zlib

import jpeg_ls  # type: ignore[import-untyped] # the package carries no types
import numpy as np
import pytest
from made.dicom_files import as_bytes, by_hand, element, lut_sequence, made_dataset, picture_elements, with_frame
from made.encodings import PIXELS, RGB, SIXTEEN, TWELVE, twelve, windowed
from made.jpeg_encoders import extended_jpeg, lossless_jpeg
from made.pictures import as_file, as_jpeg, as_png, as_tiff, made_pixels, with_orientation
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from lingula.errors import NotAccepted, UnreadablePixels
from lingula.radiology.reading import describe_instance, read_radiograph, render_window

SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"


def largest_error(data: bytes, expected: NDArray[np.uint8] = PIXELS) -> int:
    return int(np.abs(read_radiograph(data).pixels.astype(int) - expected).max())


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def test_a_missing_final_delimiter_is_forgiven() -> None:
    data = with_frame(made_dataset(PIXELS), lossless_jpeg(PIXELS, 8), JPEGLosslessSV1)
    assert data.endswith(SEQUENCE_DELIMITER)

    assert largest_error(data[: -len(SEQUENCE_DELIMITER)]) <= 1


def test_fragments_without_a_byte_in_them_are_truncated() -> None:
    elements = picture_elements(8, 8, b"")[:-1]
    empty = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 2 + SEQUENCE_DELIMITER

    with pytest.raises(UnreadablePixels, match="empty"):
        describe_instance(by_hand(*elements, empty))


def test_an_implicit_data_set_under_an_explicit_name_is_read() -> None:
    data = as_bytes(made_dataset(PIXELS), ImplicitVRLittleEndian)
    # The name of the explicit syntax is two bytes longer; its length is in the element's head.
    old = element(0x00020010, b"UI", b"1.2.840.10008.1.2\0")
    new = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0")
    assert old in data

    assert largest_error(data.replace(old, new)) <= 1


@pytest.mark.parametrize("name", [b"", b"\xff\xfe", b"1.2 ; rm -rf"])
def test_an_unusable_transfer_syntax_is_guessed_from_the_data(name: bytes) -> None:
    data = as_bytes(made_dataset(PIXELS)).replace(
        element(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0"), element(0x00020010, b"UI", name)
    )

    assert describe_instance(data).transfer_syntax_uid == "1.2.840.10008.1.2.1"
    assert largest_error(data) <= 1


def test_a_meta_element_twice_is_refused() -> None:
    twice = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0") * 2

    with pytest.raises(UnreadablePixels, match="repeats"):
        describe_instance(by_hand(twice))


def test_a_damaged_deflated_data_set_is_refused() -> None:
    with pytest.raises(UnreadablePixels, match="damaged"):
        describe_instance(by_hand(b"\xff" * 40, syntax=b"1.2.840.10008.1.2.1.99"))


def test_a_deflated_data_set_that_ends_early_is_refused() -> None:
    squeezer = zlib.compressobj(wbits=-15)
    whole = squeezer.compress(b"".join(picture_elements(8, 8, bytes(range(64))))) + squeezer.flush()

    with pytest.raises(UnreadablePixels, match="ends early"):
        describe_instance(by_hand(whole[:-9], syntax=b"1.2.840.10008.1.2.1.99"))


def test_a_few_odd_bytes_at_the_end_are_half_an_element() -> None:
    with pytest.raises(UnreadablePixels, match="ends inside an element"):
        describe_instance(by_hand(element(0x00080060, b"CS", b"DX"), b"\x10\x00\x10\x00P"))


def test_a_lossless_jpeg_whose_frame_is_cut_is_refused() -> None:
    data = lossless_jpeg(PIXELS, 8)
    frame = data.index(b"\xff\xc3")

    with pytest.raises(UnreadablePixels, match="segment ends early"):
        read_radiograph(data[: frame + 2] + b"\x00\x08" + data[frame + 4 : frame + 10] + data[frame + 13 :])


def test_a_stray_delimiter_ends_the_data_set() -> None:
    data = by_hand(element(0x00080060, b"CS", b"DX"), SEQUENCE_DELIMITER, element(0x00100020, b"LO", b"PID"))

    assert describe_instance(data).modality == "DX"
    assert describe_instance(data).patient_id is None


def test_bytes_of_big_endian_words_change_places() -> None:
    dataset = made_dataset(PIXELS)
    dataset["PixelData"].VR = "OW"
    dataset.PixelData = PIXELS.reshape(-1, 2)[:, ::-1].tobytes()

    assert largest_error(as_bytes(dataset, ExplicitVRBigEndian)) <= 1


def test_one_bit_per_pixel_is_black_and_white() -> None:
    dataset = made_dataset(PIXELS)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.PixelData = np.packbits(PIXELS.ravel() > 100, bitorder="little").tobytes()

    assert (read_radiograph(as_bytes(dataset)).pixels == np.where(PIXELS > 100, 255, 0)).all()


def test_jpeg_2000_whose_colours_were_transformed_is_read_as_rgb() -> None:
    data = as_bytes(made_dataset(RGB, photometric="RGB"), JPEG2000Lossless).replace(b"RGB ", b"YBR_RCT "[:4])
    dataset = made_dataset(RGB, photometric="YBR_RCT")
    start = data.index(b"\xff\x4f\xff\x51")
    frame = data[start : data.index(b"\xff\xd9", start) + 2]

    assert largest_error(with_frame(dataset, frame, JPEG2000Lossless)) <= 1


def test_jpeg_ls_by_planes_and_after_another_segment_is_read() -> None:
    frame = bytes(jpeg_ls.encode_array(np.ascontiguousarray(np.moveaxis(RGB, 2, 0)), interleave_mode=0))

    data = with_frame(made_dataset(RGB, photometric="RGB"), with_segment(frame, 0xE8, b"comment"), JPEGLSLossless)

    assert largest_error(data) <= 1


@pytest.mark.parametrize("columns", [1, 7])
@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_a_single_row_or_column_is_decoded_losslessly(predictor: int, columns: int) -> None:
    pixels = made_pixels(9, 7)[:, :columns] if columns == 1 else made_pixels(9, 7)[:1]

    data = with_frame(made_dataset(pixels), lossless_jpeg(pixels, 8, predictor), JPEGLosslessSV1)

    assert largest_error(data, pixels) <= 1


def test_a_lossless_or_twelve_bit_jpeg_file_is_read_without_dicom() -> None:
    assert largest_error(lossless_jpeg(PIXELS, 8)) <= 1
    assert largest_error(lossless_jpeg(SIXTEEN, 16)) <= 1
    assert np.abs(read_radiograph(extended_jpeg(TWELVE, 12, 16)).pixels.astype(int) - PIXELS).mean() < 0.6


def test_a_lossless_colour_jpeg_file_becomes_luminance() -> None:
    assert largest_error(lossless_jpeg(RGB, 8)) <= 1


def test_padding_before_a_jpegs_end_is_harmless() -> None:
    data = as_jpeg(PIXELS)

    padded = data[:-2] + b"\x12\x34" * 200 + data[-2:]

    assert (read_radiograph(padded).pixels == read_radiograph(data).pixels).all()


def test_fill_bytes_and_lone_markers_between_segments_are_passed_over() -> None:
    data = as_jpeg(PIXELS)

    odd = data[:2] + b"\xff\x01" + b"\xff\xff\xff" + data[2:]

    assert describe_instance(odd).rows == PIXELS.shape[0]


def test_a_jpeg_of_endless_segments_is_refused() -> None:
    with pytest.raises(UnreadablePixels, match="no picture"):
        describe_instance(b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000 + as_jpeg(PIXELS)[2:])


def test_a_jpeg_that_restarts_without_end_is_refused() -> None:
    whole = lossless_jpeg(PIXELS, 8)
    start = whole.index(b"\xff\xda") + 10

    with pytest.raises(UnreadablePixels, match="restarts"):
        read_radiograph(whole[:start] + b"\xff\xd0" * 60_000 + whole[start:])


def test_a_damaged_cmyk_jpeg_is_refused() -> None:
    data = as_file(Image.fromarray(RGB).convert("CMYK"), "JPEG")
    table = data.index(b"\xff\xc4")

    with pytest.raises(UnreadablePixels, match="damaged"):
        read_radiograph(data[: table + 5] + b"\xff" * 16 + data[table + 21 :])


@pytest.mark.parametrize(
    "exif",
    [b"", b"XX*\0" + bytes(8), b"MM\0*\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x09", b"MM\0*" + struct.pack(">IH", 8, 0)],
)
def test_broken_exif_counts_as_upright(exif: bytes) -> None:
    data = with_segment(as_jpeg(PIXELS), 0xE1, b"Exif\0\0" + exif)

    assert (read_radiograph(data).pixels == read_radiograph(as_jpeg(PIXELS)).pixels).all()


def test_the_orientation_is_found_behind_other_exif_entries() -> None:
    entries = struct.pack(">HHIHH", 0x010F, 2, 1, 0, 0) + struct.pack(">HHIHH", 0x0112, 3, 1, 3, 0)
    data = with_segment(as_jpeg(PIXELS), 0xE1, b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + entries)

    assert (read_radiograph(data).pixels == read_radiograph(as_jpeg(PIXELS)).pixels[::-1, ::-1]).all()


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_does_not_exist_counts_as_upright(orientation: int) -> None:
    data = with_orientation(as_jpeg(PIXELS), orientation)

    assert (read_radiograph(data).pixels == read_radiograph(as_jpeg(PIXELS)).pixels).all()


def test_floating_point_tiff_is_spread_over_its_range() -> None:
    values = PIXELS.astype(np.float32) / 51.0 - 1.0
    values[0, 0] = np.nan
    values[0, 1] = np.inf

    pixels = read_radiograph(as_tiff(values)).pixels

    assert pixels[0, 0] == pixels[0, 1] == 0
    assert np.corrcoef(pixels[1:].ravel(), PIXELS[1:].ravel())[0, 1] > 0.995


def test_a_tiff_without_a_finite_value_is_black() -> None:
    assert (read_radiograph(as_tiff(np.full((9, 9), np.nan, np.float32))).pixels == 0).all()


def test_integers_beyond_sixteen_bits_are_spread() -> None:
    pixels = read_radiograph(as_tiff(PIXELS.astype(np.int32) * 70_000 - 5_000_000)).pixels

    assert np.corrcoef(pixels.ravel(), PIXELS.ravel())[0, 1] > 0.995


def test_transparent_parts_are_black() -> None:
    alpha = np.where(np.arange(PIXELS.shape[1]) < 40, 0, 255) * np.ones(PIXELS.shape)
    data = as_png(np.dstack([PIXELS, alpha.astype(np.uint8)]))

    pixels = read_radiograph(data).pixels

    assert (pixels[:, :40] == 0).all()
    assert (pixels[:, 40:] == PIXELS[:, 40:]).all()


def test_one_bit_png_is_black_and_white() -> None:
    picture = Image.fromarray(PIXELS).point(lambda level: 255 * (level > 100)).convert("1")

    assert (read_radiograph(as_file(picture, "PNG")).pixels == np.where(PIXELS > 100, 255, 0)).all()


def broken_table(entries: NDArray[np.uint16], bits: int, cut: int) -> Sequence:
    sequence = lut_sequence(entries, 0, bits)
    sequence[0][0x00283006].value = sequence[0][0x00283006].value[:cut]
    return sequence


TABLE = np.arange(4096).astype(np.uint16)
BROKEN_TABLES = {
    "no item": Sequence([]),
    "empty item": Sequence([Dataset()]),
    "too short": broken_table(TABLE, 12, 400),
    "absurd depth": broken_table(TABLE, 99, 8192),
}


@pytest.mark.parametrize("name", BROKEN_TABLES)
def test_a_broken_table_gives_way_to_the_window(name: str) -> None:
    assert (
        largest_error(as_bytes(twelve(VOILUTSequence=BROKEN_TABLES[name], ModalityLUTSequence=BROKEN_TABLES[name])))
        <= 1
    )


def test_a_table_of_bytes_is_read() -> None:
    dataset = made_dataset(TWELVE, bits_stored=12)
    dataset.VOILUTSequence = lut_sequence(TABLE, 0, 8)
    dataset.VOILUTSequence[0][0x00283006].value = (np.arange(4096) // 16).astype(np.uint8).tobytes()

    assert largest_error(as_bytes(dataset)) <= 1


def test_a_sequence_that_does_not_begin_with_an_item_is_refused() -> None:
    odd = element(0x00283010, b"SQ", element(0x00283006, b"OW", bytes(8)))
    *header, pixels = picture_elements(8, 8, bytes(64))

    with pytest.raises(UnreadablePixels, match="does not begin with an item"):
        read_radiograph(by_hand(*header, odd, pixels))


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowWidth": 0},
        {"WindowWidth": -5},
        {"RescaleSlope": "1e308", "RescaleIntercept": "1e308"},
        {"RescaleSlope": "-1e308"},
        {"RescaleSlope": "0"},
    ],
)
def test_absurd_windows_and_slopes_give_some_picture_and_no_crash(elements: dict[str, object]) -> None:
    dataset = windowed(TWELVE, 12, 2048, 4096, **elements)

    assert read_radiograph(as_bytes(dataset)).pixels.shape == TWELVE.shape
    assert render_window(as_bytes(dataset), (1e300, 1e-300)).pixels.shape == TWELVE.shape


@pytest.mark.parametrize("value", [b"abc", b"nan", b"inf", b"1\\x", b"\\"])
def test_a_window_that_is_no_number_counts_as_absent(value: bytes) -> None:
    *header, pixels = picture_elements(PIXELS.shape[0], PIXELS.shape[1], PIXELS.tobytes())
    window = [element(0x00281050, b"DS", value), element(0x00281051, b"DS", value)]

    assert largest_error(by_hand(*header, *window, pixels)) == 0


def test_a_picture_of_nothing_but_padding_is_black() -> None:
    dataset = made_dataset(np.full((20, 20), 7, np.uint16), bits_stored=12)
    dataset.add_new(0x00280120, "US", 7)

    assert (read_radiograph(as_bytes(dataset)).pixels == 0).all()


def test_thirty_two_bits_without_a_window_are_spread() -> None:
    pixels = read_radiograph(as_bytes(made_dataset(SIXTEEN.astype(np.uint32) * 65537, bits_stored=32))).pixels

    assert np.corrcoef(pixels.ravel(), PIXELS.ravel())[0, 1] > 0.995


def test_odd_columns_cannot_share_their_colours() -> None:
    dataset = made_dataset(RGB[:, :151], photometric="YBR_FULL_422")

    with pytest.raises(UnreadablePixels, match="pairs"):
        read_radiograph(as_bytes(dataset))


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_colours_without_the_number_of_samples_are_refused(photometric: str) -> None:
    dataset = made_dataset(RGB, photometric=photometric)
    del dataset.SamplesPerPixel

    with pytest.raises(UnreadablePixels, match="one sample per pixel"):
        read_radiograph(as_bytes(dataset))


def test_a_grey_picture_that_is_called_coloured_is_read() -> None:
    pixels = read_radiograph(as_bytes(made_dataset(PIXELS, photometric="RGB"))).pixels

    assert np.corrcoef(pixels.ravel(), PIXELS.ravel())[0, 1] > 0.995


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_forged_depths_of_a_png_do_not_crash(depth: int) -> None:
    data = bytearray(as_png(PIXELS))
    data[24] = depth

    with pytest.raises(NotAccepted):
        read_radiograph(bytes(data))


def test_a_baseline_jpeg_without_its_tables_is_refused() -> None:
    data = with_frame(made_dataset(PIXELS), as_jpeg(PIXELS).replace(b"\xff\xdb", b"\xff\xeb"), JPEGBaseline8Bit)

    with pytest.raises(UnreadablePixels, match="damaged"):
        read_radiograph(data)
