"""Whether two DICOM files under one SOP Instance UID hold the same radiograph, however each is written.

A modality and an archive often send both. Preamble, meta information, transfer syntax and header then differ; the
patient and the pixels do not. What is cheap is compared first, and pixels are decoded only if nothing else tells.

References
----------
DICOM PS3.5 A.4 (transfer syntaxes), PS3.3 C.7.6.1.1.5 (lossy compression), C.7.6.3.1.2 (polarity);
PS3.4 C.6.1 on coercion; docs/decisions/0026 on what may differ.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lingula.errors import NotAccepted, NotEligible
from lingula.radiology import values
from lingula.radiology.contents import contents_digest
from lingula.radiology.elements import Elements, PixelPlace, fragments, read_elements
from lingula.radiology.layout import PixelLayout, check_pixels_are_there, read_layout
from lingula.radiology.pixels import read_dicom_radiograph
from lingula.radiology.radiograph import Pixels
from lingula.radiology.stored import decode_samples

MOST_COMPARED_PIXELS = 32_000_000
"""Of one file; the largest radiography detectors have about 20 megapixels. More are compared as they are written."""

BLOCK_PIXELS = 16
MOST_BLOCK_LEVELS, MOST_LEVELS = 16.0, 12.0
"""How far a lossy copy may be from the original: mean grey levels of any block, root of the mean square of all.

On radiographs at original size JPEG at quality 10 stayed within 11 and 9, JPEG-LS with an error of 10 within 10 and 6.
In its blocks a marker burnt in later differs by more than 110, a shift by two pixels by more than 18, another chest by
more than 180 (docs/decisions/0026).
"""

_PATIENT_ID, _LOSSY_IMAGE_COMPRESSION = 0x00100020, 0x00282110
_MODALITY_LUT_SEQUENCE, _RESCALE_INTERCEPT, _RESCALE_SLOPE = 0x00283000, 0x00281052, 0x00281053
_PRESENTATION_LUT_SHAPE = 0x20500020
_PALETTES = (0x00281101, 0x00281102, 0x00281103, 0x00281201, 0x00281202, 0x00281203)
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 81, 91, 203))


class Likeness(StrEnum):
    """What two files under one SOP Instance UID have in common."""

    BYTES = "same bytes"
    PIXELS = "same pixels"  # written otherwise, or with other words in the header
    LOSSY = "lossy copy"  # one was compressed with loss, and both show the same
    OTHER_PATIENT = "another patient"
    OTHER_PIXELS = "other pixels"
    OTHER_CONTENTS = "other contents"  # no pixels in one of them, and they do not say the same
    UNKNOWN = "pixels that cannot be compared"

    @property
    def is_same(self) -> bool:
        """Whether it is the same radiograph."""
        return self in {Likeness.BYTES, Likeness.PIXELS, Likeness.LOSSY}


@dataclass(frozen=True, slots=True)
class _Picture:
    """One of the two files, its pixels not yet decoded."""

    file: bytes
    elements: Elements
    place: PixelPlace
    layout: PixelLayout


def liken(first: bytes, second: bytes) -> Likeness:
    """Compare two DICOM files that bear the same SOP Instance UID; takes bytes from anybody.

    Parameters
    ----------
    first, second
        The files as sent. Which is which makes no difference.

    Returns
    -------
    Likeness
        `UNKNOWN` also if one of them turns out damaged.
    """
    if first == second:
        return Likeness.BYTES
    try:
        one, other = read_elements(first), read_elements(second)
        if _name_two_patients(one, other):
            return Likeness.OTHER_PATIENT
        if one.pixels is None or other.pixels is None:
            is_same = one.pixels is other.pixels and contents_digest(one) == contents_digest(other)
            return Likeness.PIXELS if is_same else Likeness.OTHER_CONTENTS
        return _liken_pixels(_picture(first, one, one.pixels), _picture(second, other, other.pixels))
    except NotAccepted:
        return Likeness.UNKNOWN


def shown_alike(one: Pixels, other: Pixels) -> bool:
    """Say whether two pictures of shape (rows, columns), as a doctor sees them, differ as lossy compression differs.

    It keeps the mean of every small block, which no retouching, shift or other exposure does.
    """
    if one.shape != other.shape:
        return False
    rows, columns = one.shape
    starts = np.arange(0, columns, BLOCK_PIXELS)
    widths = np.diff(np.append(starts, columns))
    squares = 0.0
    for row in range(0, rows, BLOCK_PIXELS):
        difference = one[row : row + BLOCK_PIXELS].astype(np.int16) - other[row : row + BLOCK_PIXELS]
        means = np.add.reduceat(difference.sum(axis=0, dtype=np.int64), starts) / (widths * len(difference))
        if np.abs(means).max() > MOST_BLOCK_LEVELS:
            return False
        squares += float(np.square(difference, dtype=np.float64).sum())
    return bool(squares <= MOST_LEVELS**2 * one.size)


def _picture(file: bytes, elements: Elements, place: PixelPlace) -> _Picture:
    layout = read_layout(elements)
    check_pixels_are_there(elements.data, place, layout)
    return _Picture(file, elements, place, layout)


def _name_two_patients(one: Elements, other: Elements) -> bool:
    """Two Patient IDs that are both stated; an absent one contradicts nothing."""
    named = {identity for identity in (values.text(one, _PATIENT_ID), values.text(other, _PATIENT_ID)) if identity}
    return len(named) > 1


def _liken_pixels(one: _Picture, other: _Picture) -> Likeness:
    sizes = {(each.layout.rows, each.layout.columns, each.layout.number_of_frames) for each in (one, other)}
    if len(sizes) > 1:
        return Likeness.OTHER_PIXELS
    if _meaning(one) == _meaning(other) and (_are_written_alike(one, other) or _hold_the_same(one, other)):
        return Likeness.PIXELS
    if (_is_lossy(one) or _is_lossy(other)) and shown_alike(_shown(one), _shown(other)):
        return Likeness.LOSSY
    return Likeness.OTHER_PIXELS


def _meaning(picture: _Picture) -> tuple[object, ...]:
    """Give what makes equal stored values mean the same: units, polarity, palettes; windows may differ."""
    elements = picture.elements
    return (
        values.decimal(elements, _RESCALE_SLOPE) or 1.0,
        values.decimal(elements, _RESCALE_INTERCEPT) or 0.0,
        elements.value(_MODALITY_LUT_SEQUENCE) is None,
        picture.layout.photometric_interpretation == "MONOCHROME1"
        or values.code(elements, _PRESENTATION_LUT_SHAPE) == "INVERSE",
        *(elements.value(tag) for tag in _PALETTES),
    )


def _are_written_alike(one: _Picture, other: _Picture) -> bool:
    """Compare pixels as they are written, which costs next to nothing and works for what cannot be decoded, too."""
    if one.layout != other.layout or (one.place.length is None) != (other.place.length is None):
        return False
    if one.place.length is None:
        is_one_syntax = one.elements.transfer_syntax_uid == other.elements.transfer_syntax_uid
        return is_one_syntax and _codestream(one) == _codestream(other)
    return one.elements.encoding.byte_order == other.elements.encoding.byte_order and _cells(one) == _cells(other)


def _codestream(picture: _Picture) -> bytes:
    """Join the fragments, without what pads the last one and without the offset table."""
    data = picture.elements.data
    pieces = list(fragments(data, picture.place.start))[1:]
    return b"".join(data[start:end] for start, end in pieces).rstrip(b"\0")


def _cells(picture: _Picture) -> bytes:
    start = picture.place.start
    return picture.elements.data[start : start + picture.layout.size_bytes]


def _hold_the_same(one: _Picture, other: _Picture) -> bool:
    """Decode both and compare every value."""
    first, second = (_decodable(each) for each in (one, other))
    samples = decode_samples(first.elements, first.place, first.layout, None)
    others = decode_samples(second.elements, second.place, second.layout, None)
    is_one_kind = samples.photometric_interpretation == others.photometric_interpretation
    return is_one_kind and np.array_equal(samples.values, others.values)


def _shown(picture: _Picture) -> Pixels:
    return read_dicom_radiograph(_decodable(picture).file).pixels


def _decodable(picture: _Picture) -> _Picture:
    layout = picture.layout
    if layout.number_of_frames > 1:
        raise NotEligible("several frames are compared only as they are written")
    if layout.rows * layout.columns > MOST_COMPARED_PIXELS:
        raise NotEligible(f"more than {MOST_COMPARED_PIXELS:,} pixels are compared only as they are written")
    return picture


def _is_lossy(picture: _Picture) -> bool:
    """Take transfer syntax and header at their word: a lossless copy of a lossy picture says so in its header."""
    is_stated = values.code(picture.elements, _LOSSY_IMAGE_COMPRESSION) == "01"
    return is_stated or picture.elements.transfer_syntax_uid in _LOSSY
