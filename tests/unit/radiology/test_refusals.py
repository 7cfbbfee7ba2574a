"""What cannot become a radiograph is refused with words that say what it is and what to do, in bounded memory."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from made.dicom_files import as_bytes, by_hand, element, made_dataset, picture_elements, with_frame
from made.encodings import LOSSLESS_ENCODINGS, LOSSY_ENCODINGS, RGB, TWELVE, encoded, twelve
from made.jpeg_encoders import extended_jpeg, lossless_jpeg
from made.pictures import as_file, as_jpeg, as_png, as_tiff, made_pixels, png_bomb, png_chunk, tiff_of_size
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from lingula.errors import LingulaError, NotAccepted, NotDicom, NotEligible, UnreadablePixels
from lingula.radiology.reading import describe_instance, read_radiograph

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # damaged metadata is no reason to refuse
PIXELS = made_pixels()
MEBIBYTE = 1 << 20


def zip_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    return buffer.getvalue()


FOREIGN = {
    "a zip archive: unpack it": zip_archive(),
    "an empty zip archive": b"PK\x05\x06" + bytes(18),
    "plain text": b"Patient went home on Tuesday.\n" * 40,
    "zeros": bytes(100 * MEBIBYTE),
    "gzip data": b"\x1f\x8b\x08" + bytes(60),
    "a PDF document": b"%PDF-1.7\n",
    "a GIF picture": as_file(Image.new("L", (9, 9)), "GIF"),
    "a BMP picture": as_file(Image.new("L", (9, 9)), "BMP"),
    "RIFF": b"RIFF\x00\x00\x00\x00WEBP",
    "in no known format": bytes(range(1, 200)),
    "plain tex": b"\x0a",
}


@pytest.mark.parametrize("words", FOREIGN)
def test_foreign_bytes_are_told_what_they_are_and_what_to_send(words: str) -> None:
    for ask in (describe_instance, read_radiograph):
        with pytest.raises(NotDicom, match=words) as refusal:
            ask(FOREIGN[words])
        assert "send DICOM, JPEG, PNG or TIFF" in str(refusal.value)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(UnreadablePixels, match="empty"):
        describe_instance(b"")


def test_zeros_after_a_preamble_are_no_elements() -> None:
    with pytest.raises(NotAccepted):
        describe_instance(bytes(128) + b"DICM" + bytes(10 * MEBIBYTE))


WHOLE = {
    "jpeg": as_jpeg(PIXELS),
    "png": as_png(PIXELS),
    "tiff": as_tiff(PIXELS),
    "dicom": as_bytes(made_dataset(PIXELS)),
    "deflated": as_bytes(made_dataset(PIXELS), DeflatedExplicitVRLittleEndian),
    "fragments": with_frame(made_dataset(PIXELS), as_jpeg(PIXELS), JPEGBaseline8Bit),
    **{name: encoded(name) for name in LOSSLESS_ENCODINGS if "JPEG" in name or "RLE" in name},
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_refused_before_and_while_reading(name: str, share: float) -> None:
    data = WHOLE[name][: int(len(WHOLE[name]) * share)]
    if name != "tiff":  # a TIFF's directory may be whole while its strips are not
        with pytest.raises(NotAccepted):
            describe_instance(data)
    with pytest.raises(NotAccepted):
        read_radiograph(data)


@pytest.mark.parametrize("name", ["jpeg", "png", "dicom"])
def test_bytes_after_the_end_do_not_matter(name: str) -> None:
    data = WHOLE[name] + bytes(200)

    assert (read_radiograph(data).pixels == read_radiograph(WHOLE[name]).pixels).all()


def deflated_bomb() -> bytes:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(MEBIBYTE)
    body = b"".join(squeezer.compress(zeros) for _ in range(300)) + squeezer.flush()
    return by_hand(syntax=b"1.2.840.10008.1.2.1.99") + body


def jpeg_of_size(rows: int, columns: int) -> bytes:
    data = as_jpeg(PIXELS)
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", rows, columns) + data[at + 9 :]


BOMBS = {
    "png": png_bomb(20_000, 20_000),
    "png forged": as_png(PIXELS)[:16] + struct.pack(">II", 7000, 7000) + as_png(PIXELS)[24:],
    "tiff": tiff_of_size(60_000, 60_000),
    "tiff forged": tiff_of_size(6_000, 6_000),
    "jpeg": jpeg_of_size(65_535, 65_535),
    "jpeg forged": jpeg_of_size(6_000, 6_000),
    "dicom": by_hand(*picture_elements(65_535, 65_535, bytes(1000))),
    "dicom forged": by_hand(*picture_elements(6_000, 6_000, bytes(1000))),
    "dicom deflated": deflated_bomb(),
    "jpeg of a thousand scans": as_file(Image.fromarray(made_pixels(2000, 2000)), "JPEG", progressive=True)[:-2]
    + b"\xff\xda" * 1000
    + b"\xff\xd9",
}

FORGED_HEADERS = {
    "elements": by_hand(element(0x00090010, b"LO", b"") * 60_000),
    "nested elements": by_hand(
        b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + element(0x00090010, b"LO", b"") * 60_000
    ),
    "fragments": by_hand(
        *picture_elements(8, 8, b"")[:-1],
        b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 60_000,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(name: str) -> None:
    tracemalloc.start()
    try:
        for ask in (describe_instance, read_radiograph):
            with pytest.raises(UnreadablePixels):
                ask(BOMBS[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150 * MEBIBYTE


@pytest.mark.parametrize("name", FORGED_HEADERS)
def test_a_header_of_absurdly_many_parts_is_refused(name: str) -> None:
    with pytest.raises(UnreadablePixels, match="more than 50,000"):
        describe_instance(FORGED_HEADERS[name])


def j2k_frame() -> bytes:
    data = as_bytes(made_dataset(PIXELS), JPEG2000Lossless)
    start = data.index(b"\xff\x4f\xff\x51")
    return data[start : data.index(b"\xff\xd9", start) + 2]


def jls_frame() -> bytes:
    data = as_bytes(made_dataset(PIXELS), JPEGLSLossless)
    start = data.index(b"\xff\xd8")
    return data[start : data.index(b"\xff\xd9", start) + 2]


def patched(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


def j2k_coding_style(offset: int, piece: bytes) -> bytes:
    return patched(j2k_frame(), j2k_frame().index(b"\xff\x52") + offset, piece)


LOSSLESS = lossless_jpeg(PIXELS, 8)
EXTENDED = extended_jpeg(TWELVE, 12, 16)
SEGMENT = struct.pack("<16I", 1, 64, *[0] * 14)

DAMAGED_FRAMES = {
    "jpeg of another size": (as_jpeg(made_pixels(64, 64)), JPEGBaseline8Bit),
    "jpeg without a frame": (b"\xff\xd8\xff\xda\x00\x02\xff\xd9", JPEGBaseline8Bit),
    "jpeg of fill bytes": (b"\xff\xd8" + b"\xff" * 50, JPEGBaseline8Bit),
    "jpeg with damaged codes": (as_jpeg(PIXELS)[:700] + bytes(900) + b"\xff\xd9", JPEGBaseline8Bit),
    "jpeg-ls of another size": (patched(jls_frame(), jls_frame().index(b"\xff\xf7") + 5, b"\x01\x00"), JPEGLSLossless),
    "jpeg-ls of absurd depth": (patched(jls_frame(), jls_frame().index(b"\xff\xf7") + 4, b"\x20"), JPEGLSLossless),
    "jpeg-ls without a frame": (b"\xff\xd8\xff\xd9", JPEGLSLossless),
    "jpeg-ls with damaged codes": (jls_frame()[:60] + b"\xff\xff" * 40, JPEGLSLossless),
    "jpeg 2000 of another size": (patched(j2k_frame(), 8, struct.pack(">II", 64, 64)), JPEG2000Lossless),
    "jpeg 2000 of no size": (patched(j2k_frame(), 8, struct.pack(">II", 0, 0)), JPEG2000Lossless),
    "jpeg 2000 of tiny tiles": (patched(j2k_frame(), 24, struct.pack(">II", 1, 1)), JPEG2000Lossless),
    "jpeg 2000 of no tiles": (patched(j2k_frame(), 24, struct.pack(">II", 0, 0)), JPEG2000Lossless),
    "jpeg 2000 of five components": (patched(j2k_frame(), 40, struct.pack(">H", 5)), JPEG2000Lossless),
    "jpeg 2000 of absurd layers": (j2k_coding_style(6, b"\xff\xff\x00\xff"), JPEG2000Lossless),
    "jpeg 2000 without coding style": (j2k_coding_style(0, b"\xff\x64"), JPEG2000Lossless),
    "jpeg 2000 cut": (j2k_frame()[:400], JPEG2000Lossless),
    "jpeg 2000 without a header": (bytes(100), JPEG2000Lossless),
    "rle without segments": (bytes(64), RLELossless),
    "rle of two bytes per sample for one": (struct.pack("<16I", 3, *[64] * 15), RLELossless),
    "rle that ends early": (SEGMENT + b"\x80\x80\xff\x01", RLELossless),
    "lossless jpeg of another size": (lossless_jpeg(PIXELS[:40], 8), JPEGLosslessSV1),
    "lossless jpeg of absurd depth": (patched(LOSSLESS, LOSSLESS.index(b"\xff\xc3") + 4, b"\x20"), JPEGLosslessSV1),
    "lossless jpeg with a code in no table": (LOSSLESS[:-900] + b"\xfe" * 898 + b"\xff\xd9", JPEGLosslessSV1),
    "lossless jpeg that ends early": (LOSSLESS[:-900] + b"\xff\xd9", JPEGLosslessSV1),
    "lossless jpeg that misses a restart": (
        lossless_jpeg(PIXELS, 8, 1, restart_rows=40).replace(b"\xff\xd0", b"\xff\xe0"),
        JPEGLosslessSV1,
    ),
    "lossless jpeg that restarts inside a row": (
        patched(LOSSLESS, LOSSLESS.index(b"\xff\xdd") + 4, b"\x00\x07"),
        JPEGLosslessSV1,
    ),
    "lossless jpeg without its table": (LOSSLESS.replace(b"\xff\xc4", b"\xff\xe4", 1), JPEGLosslessSV1),
    "lossless jpeg with an overfull table": (
        patched(LOSSLESS, LOSSLESS.index(b"\xff\xc4") + 5, b"\x05"),
        JPEGLosslessSV1,
    ),
    "hierarchical lossless jpeg": (LOSSLESS.replace(b"\xff\xc3", b"\xff\xc7", 1), JPEGLosslessSV1),
    "lossless jpeg with an odd scan": (patched(LOSSLESS, LOSSLESS.index(b"\xff\xda") + 4, b"\x02"), JPEGLosslessSV1),
    "lossless jpeg with a cut frame": (
        b"\xff\xd8\xff\xc3\x00\x08" + struct.pack(">BHHB", 8, *PIXELS.shape, 1) + b"\xff\xda\x00\x02\xff\xd9",
        JPEGLosslessSV1,
    ),
    "lossless jpeg that lost its frame": (
        LOSSLESS.replace(b"\xff\xda", b"\xff\xe1", 1) + LOSSLESS[2:],
        JPEGLosslessSV1,
    ),
    "extended jpeg that ends early": (EXTENDED[:-600] + b"\xff\xd9", JPEGExtended12Bit),
    "extended jpeg with a code in no table": (EXTENDED[:-600] + b"\xfe" * 598 + b"\xff\xd9", JPEGExtended12Bit),
    "extended jpeg without its steps": (EXTENDED.replace(b"\xff\xdb", b"\xff\xeb", 1), JPEGExtended12Bit),
    "extended jpeg with empty scan": (EXTENDED[: EXTENDED.index(b"\xff\xda") + 10] + b"\xff\xd9", JPEGExtended12Bit),
    "extended jpeg that misses a restart": (
        extended_jpeg(TWELVE, 12, 16, restart_blocks=40).replace(b"\xff\xd0", b"\xff\xe0"),
        JPEGExtended12Bit,
    ),
}


@pytest.mark.parametrize("name", DAMAGED_FRAMES)
def test_a_damaged_frame_is_refused(name: str) -> None:
    frame, syntax = DAMAGED_FRAMES[name]
    dataset = twelve() if syntax == JPEGExtended12Bit else made_dataset(PIXELS)

    with pytest.raises(UnreadablePixels):
        read_radiograph(with_frame(dataset, frame, syntax))


ODD_HEADERS: dict[str, tuple[int, bytes]] = {
    "no rows": (0x00280010, b"\0\0"),
    "no bits": (0x00280100, b"\x07\0"),
    "more bits stored than allocated": (0x00280101, b"\x09\0"),
    "five samples": (0x00280002, b"\x05\0"),
    "three frames": (0x00280008, b"3 "),
}


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_an_impossible_pixel_header_is_refused(name: str) -> None:
    tag, value = ODD_HEADERS[name]
    elements = [
        *picture_elements(8, 8, bytes(64))[:-1],
        element(tag, b"US", value),
        picture_elements(8, 8, bytes(64))[-1],
    ]

    with pytest.raises(UnreadablePixels):
        describe_instance(by_hand(*elements))


def test_pixels_without_rows_are_refused() -> None:
    with pytest.raises(UnreadablePixels, match="no Rows"):
        describe_instance(by_hand(picture_elements(8, 8, bytes(64))[-1]))


def test_an_unknown_transfer_syntax_is_kept_but_not_read() -> None:
    data = with_frame(made_dataset(PIXELS), as_jpeg(PIXELS), JPEGBaseline8Bit).replace(b"1.2.4.50", b"1.2.4.66")

    assert describe_instance(data).has_pixels
    with pytest.raises(NotEligible, match="not read"):
        read_radiograph(data)


@pytest.mark.parametrize(("stated", "meant"), [(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")])
def test_pixels_that_contradict_their_transfer_syntax_are_refused(stated: bytes, meant: bytes) -> None:
    plain = as_bytes(made_dataset(PIXELS))
    packed = as_bytes(made_dataset(PIXELS), RLELossless)

    with pytest.raises(UnreadablePixels, match="promises compressed"):
        read_radiograph(plain.replace(stated, meant))
    with pytest.raises(UnreadablePixels, match="promises uncompressed"):
        read_radiograph(packed.replace(meant, stated))


def test_a_tiff_of_several_pages_is_kept_but_not_read() -> None:
    page = Image.fromarray(PIXELS)
    data = as_file(page, "TIFF", save_all=True, append_images=[page])

    assert describe_instance(data).rows == PIXELS.shape[0]
    with pytest.raises(NotEligible, match="several pages"):
        read_radiograph(data)


def test_a_palette_picture_without_a_palette_is_refused() -> None:
    with pytest.raises(UnreadablePixels, match="no palette"):
        read_radiograph(as_bytes(made_dataset(PIXELS, photometric="PALETTE COLOR")))


def test_a_palette_of_unequal_colours_is_refused() -> None:
    dataset = made_dataset(PIXELS, photometric="PALETTE COLOR")
    for colour, count in (("Red", 256), ("Green", 256), ("Blue", 64)):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [count, 0, 8])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", bytes(count))

    with pytest.raises(UnreadablePixels, match="more entries"):
        read_radiograph(as_bytes(dataset))


def test_colour_of_unknown_meaning_is_refused() -> None:
    with pytest.raises(UnreadablePixels, match="HSV"):
        read_radiograph(as_bytes(made_dataset(RGB, photometric="HSV")))


def test_bytes_that_only_begin_like_dicom_are_refused() -> None:
    with pytest.raises(NotDicom, match="begin like DICOM"):
        describe_instance(element(0x00080005, b"CS", b"ISO_IR 100") + element(0x00100010, b"PN", b"A^B "))


def test_every_lossy_and_lossless_file_survives_being_cut_anywhere() -> None:
    rng = np.random.default_rng(3)
    for name in [*LOSSLESS_ENCODINGS, *LOSSY_ENCODINGS]:
        data = encoded(name)
        for end in rng.integers(1, len(data), 1):
            try:
                read_radiograph(data[:end])
            except LingulaError as refusal:
                assert str(refusal)  # noqa: PT017 - a cut in trailing padding may still be whole


def test_a_png_whose_samples_are_damaged_is_refused() -> None:
    data = as_png(PIXELS)
    start = data.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", data[start - 8 : start - 4])
    damaged = data[: start - 8] + png_chunk(b"IDAT", b"\x78\x9c" + bytes(length - 2)) + data[start + length + 4 :]

    with pytest.raises(UnreadablePixels, match="damaged"):
        read_radiograph(damaged)
